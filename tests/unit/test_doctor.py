"""Doctor's answers on machines that a test makes up: nothing here looks at this one."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from barograph import doctor, settings
from barograph.doctor import CHECKOUT, GB, Check, Machine, Place

JAVA_17 = 'openjdk version "17.0.15" 2025-04-15'


class MadeUpMachine(Machine):
    """A machine with all we need; a test takes something away. `says` maps a program to what it answers."""

    system = "Linux"
    python = "3.11.7"
    is_root = False

    def __init__(self, **says: str) -> None:
        self.env: dict[str, str] = {}
        self.says = {"java": JAVA_17, "python": "pip 26", "setpriv": "", **says}
        self.free: dict[str, float] = {}
        self.busy: set[int] = set()
        self.closed: set[Path] = set()
        self.files: set[Path] = set()
        self.stack_is_ours = False
        self.memory = 8 * GB

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self.says else None

    def output(self, *command: str, cwd: Path | None = None, timeout: float = 20) -> str | None:
        name = Path(command[0]).name
        return self.says.get("python" if name.startswith("python") else name)

    def exists(self, path: Path) -> bool:
        return path in self.files or path in (Path("/"), Path("/home/me"))

    def writable(self, path: Path) -> bool:
        return path not in self.closed

    def disk(self, path: Path) -> int:
        return 1

    def free_bytes(self, path: Path) -> int:
        return int(self.free.get("all", 100 * GB))

    def memory_bytes(self) -> int:
        return int(self.memory)

    def can_listen(self, port: int) -> bool:
        return port not in self.busy

    def answers(self, unix_socket: Path) -> bool:
        return self.stack_is_ours


def place(home: Path = Path("/home/me/shop/.barograph")) -> Place:
    return replace(Place.here({"XDG_CACHE_HOME": "/home/me/.cache"}), checkout=Path("/home/me/shop"), home=home)


def failures(machine: Machine, *missing: str, where: Place | None = None) -> dict[str, Check]:
    checks = doctor.run_checks(missing, machine=machine, place=where or place())
    return {check.name: check for check in checks if not check.ok}


def test_a_good_machine_passes():
    """With everything cached, neither Go nor Rust nor the network is asked for."""
    assert failures(MadeUpMachine()) == {}


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        (JAVA_17, True),
        ('openjdk version "21.0.4" 2024-07-16', True),
        ('openjdk version "21" 2023-09-19', True),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx=1.2.3\nopenjdk version "17.0.15"', True),
        ('java version "1.8.0_402"', False),
        ('openjdk version "11.0.2" 2019-01-15', False),
        ('openjdk version "25.0.1" 2025-10-21', False),
        ("cannot execute binary file", False),
    ],
)
def test_java_is_17_or_21(answer: str, ok: bool):
    assert ok == ("Java" not in failures(MadeUpMachine(java=answer)))


def test_a_wrong_java_home_is_named_although_path_has_a_good_one():
    """Servers would take JAVA_HOME's, so it is the one that counts."""
    machine = MadeUpMachine()
    machine.env["JAVA_HOME"] = "/opt/jdk-missing"
    machine.says["java"] = 'openjdk version "11.0.2" 2019-01-15'

    line = failures(machine)["Java"].line()

    assert "11.0.2 at /opt/jdk-missing/bin/java" in line
    assert "point JAVA_HOME at it" in line


def test_no_java_says_where_we_looked():
    machine = MadeUpMachine()
    del machine.says["java"]

    assert failures(machine)["Java"].found == "none on PATH"


@pytest.mark.parametrize(("version", "ok"), [("3.10.13", False), ("3.11.7", True), ("3.13.0", True), ("3.14.0", False)])
def test_python_has_wheels_for_all_parts(version: str, ok: bool):
    machine = MadeUpMachine()
    machine.python = version

    assert ok == ("Python" not in failures(machine))


def test_go_and_rust_matter_only_where_influxd_must_be_built():
    machine = MadeUpMachine()

    assert {"Go", "Rust", "C compiler"} <= set(failures(machine, "influxd"))
    assert {"Go"} == set(failures(machine, "restic"))
    assert failures(machine, "jars") == {}


def test_an_old_go_is_refused_with_both_versions():
    line = failures(MadeUpMachine(go="go version go1.24.4 linux/amd64"), "restic")["Go"].line()

    assert "1.24.4 at /usr/bin/go" in line
    assert "1.25.10 or newer is needed to build restic" in line


def test_a_machine_that_can_build_may_build():
    tools = {"go": "go version go1.26.8 linux/amd64", "cargo": "cargo 1.95.0 (f2d3ce0bd)", "rustc": "", "gcc": ""}

    assert failures(MadeUpMachine(**tools), "influxd", "restic", "process-compose") == {}


def test_the_network_matters_only_for_what_is_missing():
    """Who has everything cached works in a train."""
    machine = MadeUpMachine(go="go version go1.26.8 linux/amd64")
    machine.output = lambda *command, **_: None if {"list", "download"} & set(command) else "go1.26.8"  # type: ignore[method-assign]

    assert "Package index" in failures(machine, "environment")
    assert "Go modules" in failures(machine, "restic")
    assert not {"Package index", "Go modules"} & set(failures(machine))


def test_disk_space_depends_on_what_is_missing():
    machine = MadeUpMachine()
    machine.free["all"] = 3 * GB

    assert failures(machine) == {}

    disk = failures(machine, "environment", "jars")["Disk"]
    assert "3.0 GB free" in disk.found
    assert "3.8 GB are needed" in disk.advice


def test_a_busy_port_is_named_with_its_server():
    machine = MadeUpMachine()
    machine.busy = {28080, 28432}

    assert failures(machine)["Ports"].found == "in use by another program: 28080 (Airflow), 28432 (PostgreSQL)"


def test_our_own_stack_may_hold_its_ports():
    """A second `make run` is welcome."""
    machine = MadeUpMachine()
    machine.busy = {28080}
    machine.stack_is_ours = True

    assert "Ports" not in failures(machine)


def test_a_supervisor_is_heard_however_deep_its_folder_is(tmp_path: Path):
    """A socket's path may have 107 bytes at most: connecting by it would call our own stack a stranger."""
    run = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 5) / "run"
    run.mkdir(parents=True)

    assert not doctor.stack_runs(Machine(), run.parent)

    with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as server:
        patch.chdir(run)
        server.bind("supervisor.sock")
        server.listen()

        assert doctor.stack_runs(Machine(), run.parent)

    assert not doctor.stack_runs(Machine(), run.parent), "what a killed supervisor leaves behind does not answer"


def test_ports_can_be_left_out():
    """`make test` has ports of its own and works beside anything."""
    machine = MadeUpMachine()
    machine.busy = {28080}

    assert all(check.ok for check in doctor.run_checks([], ports=False, machine=machine, place=place()))


def test_a_small_machine_is_told_so():
    machine = MadeUpMachine()
    machine.memory = 2 * GB

    assert "2.0 GB" in failures(machine)["Memory"].line()


def test_a_read_only_folder_is_named():
    machine = MadeUpMachine()
    machine.closed = {Path("/home/me")}

    assert "cannot write to /home/me" in failures(machine)["Folders"].found


def test_root_needs_setpriv():
    machine = MadeUpMachine()
    machine.is_root = True
    del machine.says["setpriv"]

    assert "no setpriv" in failures(machine)["Running as root"].found


def test_a_browser_can_be_installed_by_root_alone():
    machine = MadeUpMachine(**{"apt-get": ""})

    assert "CHROMIUM" in failures(machine, "browser")["Browser"].advice

    machine.is_root = True
    assert failures(machine, "browser") == {}


def test_programs_on_path_come_first_when_new_enough():
    """Debian's restic 0.14 is too old: then ours is used."""
    here = place()
    machine = MadeUpMachine(influxd="InfluxDB v2.7.6 (git: none)", restic="restic 0.14.0 compiled with go1.19")
    machine.files = {here.built("restic"), here.built("influxd")}

    assert doctor.find_influxd(machine, here) == doctor.Program("/usr/bin/influxd", "2.7.6")
    assert doctor.find_restic(machine, here) == doctor.Program(str(here.built("restic")), "0.18.1")


def test_influxdb_3_on_path_is_not_ours():
    assert doctor.find_influxd(MadeUpMachine(influxd="influxdb3-core 3.1.0"), place()) is None


def test_a_failed_check_is_one_line_with_what_where_and_what_to_do():
    assert Check("Java", False, "none on PATH", "Install one.").line() == "✗ Java: none on PATH. Install one."


def test_a_listener_makes_a_port_busy():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert not Machine().can_listen(port)

    assert Machine().can_listen(port)


def test_the_exit_code_and_json_are_for_scripts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    bad = Check("Java", False, "none on PATH", "Install one.")
    monkeypatch.setattr(doctor, "run_checks", lambda: [bad])

    assert doctor.main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"name": "Java", "ok": False, "found": "none on PATH", "advice": "Install one."}
    ]


def test_ports_are_those_of_the_settings():
    """Doctor cannot import the settings (pydantic is not there yet), so it repeats them."""
    assert sorted(doctor.PORTS.values()) == sorted(settings.PORT_OFFSETS.values())


def test_versions_agree_wherever_they_are_repeated():
    """versions.env speaks for set-up and compose; go.mod and requirements.txt must say the same."""
    versions = doctor.read_versions(CHECKOUT / "include" / "stack" / "versions.env")
    modules = {name: (CHECKOUT / "include/stack/go" / name / "go.mod").read_text() for name in doctor.BUILT_WITH_GO}
    requirements = (CHECKOUT / "requirements.txt").read_text().split()

    assert f"influxdata/influxdb/v2 v{versions['INFLUXDB_VERSION']} " in modules["influxd"]
    assert f"restic/restic v{versions['RESTIC_VERSION']}" in modules["restic"]
    assert f"f1bonacc1/process-compose v{versions['PROCESS_COMPOSE_VERSION']}" in modules["process-compose"]
    assert f"\ngo {versions['GO_MINIMUM']}\n" in modules["influxd"]
    assert {
        f"pyspark=={versions['SPARK_VERSION']}",
        f"delta-spark=={versions['DELTA_VERSION']}",
        f"apache-airflow=={versions['AIRFLOW_VERSION']}",
    } <= set(requirements)
