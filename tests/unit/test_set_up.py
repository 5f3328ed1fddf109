"""Set-up on made-up checkouts and caches: what is to be done, in which order, and what is said when it fails."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

from barograph.doctor import CHECKOUT, Machine, Place, Program


def load_set_up() -> ModuleType:
    """It lives beside the stack, not in the package: it runs before the package is installed."""
    spec = importlib.util.spec_from_file_location("set_up", CHECKOUT / "include" / "stack" / "set_up.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["set_up"] = module
    spec.loader.exec_module(module)
    return module


set_up = load_set_up()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A fresh clone beside an empty cache."""
    checkout = tmp_path / "clone"
    (checkout / "include" / "stack").mkdir(parents=True)
    (checkout / "include" / "stack" / "ivy").symlink_to(CHECKOUT / "include" / "stack" / "ivy")
    (checkout / "include" / "stack" / "versions.env").symlink_to(CHECKOUT / "include" / "stack" / "versions.env")
    for file in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (checkout / file).write_text(file)
    return Place.here({"XDG_CACHE_HOME": str(tmp_path / "cache")}, checkout)


class BareMachine(Machine):
    """Nothing on PATH."""

    env: dict[str, str] = {}

    def which(self, program: str) -> str | None:
        return None


def parts(place: Place, **wanted: bool) -> list[str]:
    return [step.part for step in set_up.plan(place, BareMachine(), **wanted)]


def finish(place: Place) -> None:
    """What a whole set-up leaves behind."""
    base, tests = set_up.layers(place)
    place.environment.mkdir(exist_ok=True)
    made = {
        "environment": set_up.environment_key(base, place),
        "tests": tests.key,
        "project": set_up.project_key(place),
    }
    set_up.write_json(place.stamp, made)
    set_up.jars_folder(place).mkdir(parents=True, exist_ok=True)
    for name in ("influxd", "restic", "process-compose"):
        place.built(name).parent.mkdir(exist_ok=True)
        place.built(name).touch()


def step(part: str, make: object, lane: str = "one", hint: str = "Try again.") -> object:
    return set_up.Step(part, "something", lane, make, hint)


def test_a_fresh_clone_needs_everything(place: Place):
    assert parts(place) == ["environment", "project", "jars", "process-compose", "restic", "influxd"]


def test_tests_need_their_packages_and_a_browser_too(place: Place):
    assert {"tests", "browser"} == set(parts(place, dev=True, browser=True)) - set(parts(place))


def test_nothing_is_to_be_done_twice(place: Place):
    finish(place)

    assert parts(place, dev=True) == []


@pytest.mark.parametrize(
    ("changed", "redone"),
    [
        ("requirements.lock", ["environment", "tests", "project"]),
        ("requirements-dev.lock", ["tests"]),
        ("pyproject.toml", ["project"]),
    ],
)
def test_a_changed_file_redoes_what_was_made_from_it(place: Place, changed: str, redone: list[str]):
    finish(place)
    (place.checkout / changed).write_text("something else")

    assert parts(place, dev=True) == redone


def test_a_moved_checkout_gets_a_new_environment(place: Place, tmp_path: Path):
    """The scripts of an environment name the folder it was made for."""
    finish(place)
    moved = place.checkout.rename(tmp_path / "elsewhere")
    there = Place.here({"XDG_CACHE_HOME": str(tmp_path / "cache")}, moved)

    assert parts(there) == ["environment", "project"]


def test_a_layer_in_the_cache_is_no_download(place: Place):
    """Then doctor asks for neither network nor disk space."""
    assert "environment" in set_up.downloads(set_up.plan(place, BareMachine()), place)

    set_up.layers(place)[0].folder.mkdir(parents=True)

    assert "environment" not in set_up.downloads(set_up.plan(place, BareMachine()), place)


def made_layer(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / "package").mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    (folder / "lib" / "package" / "module.py").write_text("answer = 42")
    (folder / "pyvenv.cfg").write_text(f"command = python -m venv {folder}")
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "bin" / "tool").write_text(f"#!{folder}/bin/python\n")
    (folder / "bin" / "tool").chmod(0o755)
    return folder


def test_an_environment_is_laid_by_links_and_its_scripts_know_their_place(tmp_path: Path):
    layer, laid = made_layer(tmp_path / "layer"), tmp_path / "clone" / ".venv"
    laid.parent.mkdir()

    set_up.lay_over(layer, laid)

    assert (laid / "lib" / "package" / "module.py").samefile(layer / "lib" / "package" / "module.py")
    assert (laid / "lib64").is_symlink()
    assert (laid / "bin" / "tool").read_text() == f"#!{laid}/bin/python\n"
    assert os.access(laid / "bin" / "tool", os.X_OK)
    assert str(laid) in (laid / "pyvenv.cfg").read_text()
    assert (layer / "bin" / "tool").read_text() == f"#!{layer}/bin/python\n", "the layer must stay as it was"


def test_laying_over_keeps_what_is_there(tmp_path: Path):
    """A stack may be running from this environment while the tests' packages are added."""
    layer, laid = made_layer(tmp_path / "layer"), tmp_path / ".venv"
    set_up.lay_over(layer, laid)
    (laid / "tools.json").write_text("{}")
    before = (laid / "bin" / "tool").stat().st_ino

    set_up.lay_over(layer, laid)

    assert (laid / "tools.json").exists()
    assert (laid / "bin" / "tool").stat().st_ino == before


def test_an_older_set_of_test_packages_is_replaced_by_pip(place: Place):
    """Laying a new version over an old one would leave half of each."""
    finish(place)
    (place.checkout / "requirements-dev.lock").write_text("pytest==99")
    commands: list[tuple[str, ...]] = []

    set_up.install_tests(place, lambda *command: commands.append(command))

    assert [("-r", str(place.checkout / "requirements-dev.lock"))] == [command[-2:] for command in commands]
    assert parts(place, dev=True) == []


def test_another_disk_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(set_up.os, "link", refuse)

    set_up.lay_over(made_layer(tmp_path / "layer"), tmp_path / ".venv")

    assert (tmp_path / ".venv" / "lib" / "package" / "module.py").read_text() == "answer = 42"
    assert (tmp_path / ".venv" / "lib64").is_symlink()


def test_half_made_parts_never_get_their_name(tmp_path: Path):
    with pytest.raises(RuntimeError), set_up.made_whole(tmp_path / "jars") as folder:
        (folder / "half.jar").touch()
        raise RuntimeError

    assert not (tmp_path / "jars").exists()

    with set_up.made_whole(tmp_path / "jars") as folder:
        assert list(folder.iterdir()) == []

    assert (tmp_path / "jars").exists()


def test_a_failing_step_says_what_it_said_where_all_of_it_is_and_one_hint(tmp_path: Path):
    screen = io.StringIO()
    failing = step("jars", lambda run: run("sh", "-c", "echo cannot resolve; exit 3"), hint="Check the network.")
    later = step("later", lambda run: pytest.fail("nothing may follow a failure"))

    assert not set_up.Worker(tmp_path, screen).work([failing, later])

    assert screen.getvalue().splitlines() == [
        "  jars: something ...",
        "✗ jars: sh ended with 3.",
        "    $ sh -c echo cannot resolve; exit 3",
        "    cannot resolve",
        f"  All of it: {tmp_path / 'jars.log'}",
        "  Check the network.",
    ]


def test_a_failure_stops_the_other_lane(tmp_path: Path):
    """Nobody waits three minutes for a compiler to learn that Java is broken."""
    screen, started = io.StringIO(), time.monotonic()
    slow = step("slow", lambda run: run("sleep", "60"), lane="two")

    def fail_later(run: object) -> None:
        time.sleep(0.3)
        raise set_up.SetUpError("broken.")

    assert not set_up.Worker(tmp_path, screen).work([step("fast", fail_later), slow])

    assert time.monotonic() - started < 10
    assert screen.getvalue().count("✗") == 1


def test_lanes_run_side_by_side(tmp_path: Path):
    meeting = threading.Barrier(2, timeout=10)
    steps = [step(lane, lambda run: meeting.wait(), lane=lane) for lane in ("one", "two")]

    assert set_up.Worker(tmp_path, io.StringIO()).work(steps)


def test_compiled_modules_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asks = step("asks", lambda run: run("sh", "-c", 'test -z "$PYTHONDONTWRITEBYTECODE"'))

    assert set_up.Worker(tmp_path, io.StringIO()).work([asks])


def test_a_failed_check_comes_before_anything_is_made(place: Place, monkeypatch: pytest.MonkeyPatch):
    bad = set_up.doctor.Check("Java", False, "none on PATH", "Install one.")
    monkeypatch.setattr(set_up.doctor, "run_checks", lambda *_: [bad])
    screen = io.StringIO()

    assert set_up.set_up(place, dev=False, browser=False, ports=True, screen=screen) == 1

    assert screen.getvalue() == "✗ Java: none on PATH. Install one.\nNothing was changed.\n"
    assert not place.environment.exists()


def test_a_finished_set_up_is_silent_and_names_the_tools(place: Place, monkeypatch: pytest.MonkeyPatch):
    finish(place)
    monkeypatch.setattr(set_up, "Machine", BareMachine)
    monkeypatch.setattr(set_up.doctor, "run_checks", lambda *_: [])
    monkeypatch.setattr(set_up.doctor, "find_java", lambda machine: Program("/opt/jdk/bin/java", "17.0.15"))
    screen = io.StringIO()

    assert set_up.set_up(place, dev=True, browser=False, ports=False, screen=screen) == 0

    tools = json.loads((place.environment / "tools.json").read_text())
    assert screen.getvalue() == ""
    assert tools["java"] == "/opt/jdk/bin/java"
    assert tools["restic"] == str(place.built("restic"))
    assert tools["spark_jars"] == str(set_up.jars_folder(place) / "spark")


def test_old_layers_are_forgotten(tmp_path: Path):
    """An upgrade a month would fill the cache by 2 GB each."""
    old, new = tmp_path / "venv-old", tmp_path / "venv-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))

    set_up.forget_old_layers(tmp_path)

    assert [new] == list(tmp_path.iterdir())
