"""Starting and cleaning: the parts that need no server."""

from __future__ import annotations

import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from barograph.errors import ServiceUnavailable, SettingsError
from barograph.settings import PORT_OFFSETS, Settings
from barograph.stack import log_files, services
from barograph.stack.environment import FILES
from barograph.stack.pids import Running
from barograph.stack.supervisor import Process, Supervisor

CONFIG = (FILES / "process-compose.yaml").read_text(encoding="utf-8")
PROCESSES = yaml.safe_load(CONFIG)["processes"]


def a_process(**facts: object) -> Process:
    usual = {"name": "kafka", "status": "Running", "health": "Ready", "has_probe": True, "restarts": 0, "exit_code": 0}
    return Process(**{**usual, "pid": 1, "seconds": 1.0, **facts})  # type: ignore[arg-type]


def test_every_process_is_known_by_one_name() -> None:
    assert set(PROCESSES) == {*services.SERVERS, *services.INPUT}


def test_every_port_is_checked() -> None:
    assert set(PORT_OFFSETS) == {port for ports in services.PORTS.values() for port in ports}


@pytest.mark.parametrize("name", sorted(set(PROCESSES) - {"prepare"}))
def test_every_server_is_guarded_and_comes_back(name: str) -> None:
    process = PROCESSES[name]

    assert "${STACK_GUARD}" in process["command"] or "start.sh" in process["command"]
    assert process["availability"] == {"restart": "always", "backoff_seconds": 2, "max_restarts": 0}
    assert process["shutdown"]["parent_only"]
    assert process["log_configuration"]["flush_each_line"]
    assert process["log_location"] == f"${{STACK_HOME}}/logs/{name}.log"


@pytest.mark.parametrize("name", [name for name in PROCESSES if name.startswith("airflow")])
def test_database_users_name_the_database(name: str) -> None:
    """An ordered shutdown does not look through a one-shot: PostgreSQL would stop first."""
    assert {"postgres", "prepare"} <= set(PROCESSES[name]["depends_on"])


def test_nothing_listens_on_all_interfaces() -> None:
    assert "0.0.0.0" not in CONFIG
    for name in ("airflow-scheduler", "airflow-triggerer"):
        assert "--skip-serve-logs" in PROCESSES[name]["command"]


def test_every_variable_of_the_file_is_set(tmp_path: Path) -> None:
    """An unknown one becomes nothing, in silence."""
    from barograph.stack import environment

    from .test_environment import TOOLS

    used = set(re.findall(r"(?<!\$)\$\{(\w+)\}", CONFIG)) - {"STACK_AS_POSTGRES"}

    assert used <= set(environment.environment(Settings(home=tmp_path), TOOLS, inherited={}))


def test_a_busy_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as stranger:
        for port in range(45_000, 60_000):
            with suppress(OSError):
                stranger.bind(("127.0.0.1", port))
                break
        stranger.listen()
        settings = Settings(home=tmp_path, port_base=port - PORT_OFFSETS["postgres"])

        with pytest.raises(SettingsError, match=rf"port {port} \(postgres\)"):
            services._refuse_busy_ports(settings, ["postgres"])


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({}, "ready"),
        ({"health": "-"}, "starting"),
        ({"health": "-", "has_probe": False}, "ready"),
        ({"name": "prepare", "status": "Running", "health": "-", "has_probe": False}, "starting"),
        ({"name": "prepare", "status": "Completed", "health": "-", "has_probe": False}, "done"),
        ({"name": "sensors", "status": "Completed", "health": "-", "has_probe": False}, "failed"),
        ({"status": "Completed", "exit_code": 1}, "failed"),
        ({"status": "Skipped"}, "failed"),
        ({"status": "Restarting", "health": "-"}, "restarting"),
        ({"status": "Disabled"}, "disabled"),
    ],
)
def test_a_processs_state_is_one_word(facts: dict[str, object], word: str) -> None:
    assert word == a_process(**facts).word


def test_no_supervisor_is_said_plainly(tmp_path: Path) -> None:
    assert not Supervisor(tmp_path).running()
    with pytest.raises(ServiceUnavailable, match="stack up"):
        Supervisor(tmp_path).processes()


def test_clean_refuses_while_something_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.pids, "ours", lambda home: [Running(7, "kafka", "java")])

    with pytest.raises(SettingsError, match="in use by kafka"):
        services.clean(Settings(home=tmp_path))


def test_clean_keeps_what_the_user_wrote(tmp_path: Path) -> None:
    for name in ("settings.yaml", "sites/mine/site.yaml", "sites/demo/site.yaml", "record/x", "first_run.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    services.clean(Settings(home=tmp_path))

    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "settings.yaml",
        "sites/mine/site.yaml",
    ]


def test_clean_of_nothing_is_nothing(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)

    services.clean(Settings(home=tmp_path))


def test_logs_show_the_end_of_each(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_text("one\ntwo\n\x1b[31mred\n")

    found = list(log_files.read(Settings(home=tmp_path), [], count=2))

    assert found == [("kafka", "two"), ("kafka", "\\x1b[31mred")]


def test_an_unknown_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No log of kafak"):
        list(log_files.read(Settings(home=tmp_path), ["kafak"], count=2))
