"""What the servers are told: enough, and no secret."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from barograph.errors import SettingsError
from barograph.settings import KafkaSettings, Settings, load_settings
from barograph.stack import environment, secrets
from barograph.stack.environment import Tools

TOOLS = Tools(
    java="/usr/bin/java",
    influxd="/opt/influxd",
    restic="/opt/restic",
    process_compose="/opt/process-compose",
    kafka_jars="/opt/kafka jars",
    spark_jars="/opt/spark",
    postgres_bin="/opt/postgres",
    python="/opt/my venv/bin/python",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "a home", port_base=31_000, kafka=KafkaSettings(topics=["readings", "others"]))


def test_no_secret_is_a_value(settings: Settings) -> None:
    """Environments are copied to every child and end up in error reports."""
    secrets.generate(settings)
    values = [settings.secret(name) for name in secrets.GENERATED]

    variables = environment.environment(settings, TOOLS, inherited={})

    assert [name for name, text in variables.items() if any(value in text for value in values)] == []


def test_a_server_reads_the_same_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test starts servers with settings that stand in no file."""
    for name, value in environment.barograph(settings).items():
        monkeypatch.setenv(name, value)

    assert settings == load_settings()


def test_what_a_file_says_is_not_frozen(tmp_path: Path) -> None:
    """Else a change in settings.yaml would wait for the next start of everything."""
    (tmp_path / "settings.yaml").write_text("ingest: {interval: 10}")

    assert {"BAROGRAPH_HOME", "BAROGRAPH_PORT_BASE"} == set(environment.barograph(load_settings(tmp_path)))


@pytest.mark.parametrize("name", ["AIRFLOW__CORE__EXECUTOR", "PYTHONDONTWRITEBYTECODE", "SPARK_CONF_DIR", "PGHOST"])
def test_a_strangers_variable_does_not_reach_the_servers(settings: Settings, name: str) -> None:
    variables = environment.environment(settings, TOOLS, inherited={name: "x", "PATH": "/bin"})

    assert name not in variables
    assert variables["PATH"] == "/bin"


def test_tasks_find_the_api_server_on_its_port(settings: Settings) -> None:
    """With the port alone, every task dies without a word."""
    variables = environment.airflow(settings)

    assert variables["AIRFLOW__API__PORT"] == "31080"
    assert variables["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:31080"


def test_paths_with_spaces_survive_the_shell(settings: Settings) -> None:
    variables = environment.environment(settings, TOOLS, inherited={})

    assert TOOLS.python == shlex.split(variables["STACK_GUARD"])[0]
    fernet = ["cat", str(settings.secrets_folder / "airflow_fernet")]
    assert fernet == shlex.split(variables["AIRFLOW__CORE__FERNET_KEY_CMD"])


def test_missing_tools_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="make run"):
        environment.load_tools(tmp_path / "tools.json")
