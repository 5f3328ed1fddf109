"""What a machine must have before Barograph can run on it.

Standard library only, and readable by an old Python too: it runs before the virtual environment exists
(`python3 include/barograph/doctor.py`) and later as `barograph doctor`. A check looks and never changes anything.
To add one: write a function from `Case` to `Check` and name it in CHECKS; None means that it does not matter here.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

PORTS = {
    "Spark, live": 2,
    "Spark, history": 3,
    "the collector's metrics": 64,
    "Airflow": 80,
    "InfluxDB": 86,
    "Kafka": 92,
    "Kafka's controller": 93,
    "PostgreSQL": 432,
}
"""Offsets from the port base; settings.PORT_OFFSETS says the same to the servers."""

GB = 10**9
DISK = {
    "environment": 2.5 * GB,
    "jars": 0.3 * GB,
    "influxd": 3.5 * GB,
    "restic": 1.0 * GB,
    "process-compose": 0.7 * GB,
    "browser": 0.5 * GB,
}
"""What each missing part takes, downloads and build caches included (measured, rounded up)."""

DATA_FOLDER_DISK = 1 * GB
MEMORY = 6 * GB
"""All servers take up to 6 GB after a first week was drained; a machine sold with 8 GB shows a little less."""

BUILT_WITH_GO = frozenset({"influxd", "restic", "process-compose"})
BROWSERS = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")


@dataclass(frozen=True)
class Check:
    """One answer: what was looked at, whether it will do, what is there, and what to do when it will not."""

    name: str
    ok: bool
    found: str
    advice: str = ""

    def line(self) -> str:
        return f"✓ {self.name}: {self.found}" if self.ok else f"✗ {self.name}: {self.found}. {self.advice}"


@dataclass(frozen=True)
class Place:
    """Where a checkout, its data folder and the user's cache are, and which versions belong there."""

    checkout: Path
    cache: Path
    home: Path
    port_base: int
    versions: Mapping[str, str]

    @classmethod
    def here(cls, env: Mapping[str, str] = os.environ, checkout: Path = CHECKOUT) -> Place:
        cache = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barograph"
        home = Path(env.get("BAROGRAPH_HOME") or checkout / ".barograph").expanduser().absolute()
        versions = read_versions(checkout / "include" / "stack" / "versions.env")
        port_base = env.get("BAROGRAPH_PORT_BASE") or "28000"
        if not port_base.isdecimal():
            raise SystemExit(f"BAROGRAPH_PORT_BASE={port_base} is not a number. Try BAROGRAPH_PORT_BASE=38000.")
        return cls(checkout, cache, home, int(port_base), versions)

    @property
    def environment(self) -> Path:
        return self.checkout / ".venv"

    @property
    def stamp(self) -> Path:
        """Written last by set-up: what the environment was made from."""
        return self.environment / "set-up.json"

    def version(self, program: str) -> str:
        name = {"influxd": "INFLUXDB"}.get(program, program.upper().replace("-", "_"))
        return self.versions[f"{name}_VERSION"]

    def built(self, program: str) -> Path:
        """Where set-up keeps a program it has built."""
        return self.cache / f"{program}-{self.version(program)}" / program


class Machine:
    """What the checks ask this machine; a test hands in a made-up one."""

    env: Mapping[str, str] = os.environ
    system: str = platform.system()
    python: str = platform.python_version()
    is_root: bool = os.geteuid() == 0

    def which(self, program: str) -> str | None:
        return shutil.which(program)

    def output(self, *command: str, cwd: Path | None = None, timeout: float = 20) -> str | None:
        """All that a command says, or None where it is absent, fails or hangs."""
        try:
            return subprocess.check_output(command, cwd=cwd, timeout=timeout, text=True, stderr=subprocess.STDOUT)
        except (OSError, subprocess.SubprocessError):
            return None

    def can_import(self, module: str) -> bool:
        return self.output(sys.executable, "-c", f"import {module}") is not None

    def exists(self, path: Path) -> bool:
        return path.exists()

    def writable(self, path: Path) -> bool:
        return os.access(path, os.W_OK)

    def disk(self, path: Path) -> int:
        return path.stat().st_dev

    def free_bytes(self, path: Path) -> int:
        return shutil.disk_usage(path).free

    def memory_bytes(self) -> int:
        """What we may use: of the whole machine, or of the container we are in."""
        limit = Path("/sys/fs/cgroup/memory.max")
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        text = limit.read_text().strip() if limit.exists() else "max"
        return total if text == "max" else min(total, int(text))

    def can_listen(self, port: int) -> bool:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return _succeeds(lambda: listener.bind(("127.0.0.1", port)))

    def answers(self, unix_socket: Path) -> bool:
        """Asked by its folder's descriptor: a socket's path may have 107 bytes at most, and data folders lie deep."""
        if not unix_socket.exists():
            return False
        folder = os.open(unix_socket.parent, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as client:
                return _succeeds(lambda: client.connect(f"/proc/self/fd/{folder}/{unix_socket.name}"))
        finally:
            os.close(folder)


@dataclass(frozen=True)
class Case:
    """What a check may look at. `missing` names the parts that set-up would have to make."""

    machine: Machine
    place: Place
    missing: frozenset[str]

    @property
    def to_build(self) -> frozenset[str]:
        return self.missing & BUILT_WITH_GO


@dataclass(frozen=True)
class Program:
    path: str
    version: str

    def __str__(self) -> str:
        return f"{self.version} at {self.path}"


def run_checks(
    missing: Iterable[str] | None = None,
    ports: bool = True,
    machine: Machine | None = None,
    place: Place | None = None,
) -> list[Check]:
    """All checks that matter here. Set-up hands in exactly what it is about to make."""
    machine, place = machine or Machine(), place or Place.here()
    case = Case(machine, place, frozenset(missing_parts(machine, place) if missing is None else missing))
    checks = [*CHECKS, free_ports] if ports else CHECKS
    return [answer for check in checks if (answer := check(case)) is not None]


def missing_parts(machine: Machine, place: Place) -> set[str]:
    """What set-up has not made yet, by a quick look; whether it is out of date is set-up's own business."""
    here = {
        "environment": machine.exists(place.stamp),
        "jars": any(place.cache.glob("jars-*")),
        "influxd": find_influxd(machine, place) is not None,
        "restic": find_restic(machine, place) is not None,
        "process-compose": find_process_compose(machine, place) is not None,
    }
    return {part for part, is_here in here.items() if not is_here}


# What is here


def read_versions(file: Path) -> dict[str, str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key: value.strip('"') for key, _, value in pairs}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def find_program(
    machine: Machine, name: str, *ask: str, path: str | None = None, pattern: str = r"(\d+\.\d+(\.\d+)?)"
) -> Program | None:
    """A program on PATH (or at `path`) and the first version number it says when asked."""
    path = path or machine.which(name)
    if path is None:
        return None
    said = re.search(pattern, machine.output(path, *ask) or "")
    return Program(path, said[1] if said else "of unknown version")


def find_java(machine: Machine) -> Program | None:
    """JAVA_HOME's, as the servers would take it. A first release calls itself just "21"."""
    home = machine.env.get("JAVA_HOME")
    path = f"{home}/bin/java" if home else None
    return find_program(machine, "java", "-version", path=path, pattern=r'version "(\d[\d.]*)')


def find_influxd(machine: Machine, place: Place) -> Program | None:
    ours = find_program(machine, "influxd", "version")
    wanted = numbers(place.version("influxd"))[:1]
    return ours if ours and numbers(ours.version)[:1] == wanted else _built(machine, place, "influxd")


def find_restic(machine: Machine, place: Place) -> Program | None:
    ours = find_program(machine, "restic", "version")
    minimum = numbers(place.versions["RESTIC_MINIMUM"])
    return ours if ours and numbers(ours.version) >= minimum else _built(machine, place, "restic")


def find_process_compose(machine: Machine, place: Place) -> Program | None:
    return _built(machine, place, "process-compose")


def find_browser(machine: Machine) -> str | None:
    """Chromium or a relative of it, for the tests that look at pages."""
    return machine.env.get("CHROMIUM") or next(filter(None, map(machine.which, BROWSERS)), None)


def stack_runs(machine: Machine, home: Path) -> bool:
    """Whether this data folder's own supervisor answers."""
    return machine.answers(home / "run" / "supervisor.sock")


def _built(machine: Machine, place: Place, name: str) -> Program | None:
    path = place.built(name)
    return Program(str(path), place.version(name)) if machine.exists(path) else None


# The checks


def operating_system(case: Case) -> Check:
    system = case.machine.system
    return Check("System", system == "Linux", system, "Barograph runs on Linux; elsewhere use docker compose.")


def python(case: Case) -> Check:
    wanted = case.place.versions["PYTHON_VERSIONS"].split()
    ok = ".".join(case.machine.python.split(".")[:2]) in wanted
    advice = f"Python {_one_of(wanted)} is needed: install one and name it, as in make run PYTHON=python{wanted[0]}."
    return Check("Python", ok, f"{case.machine.python} at {sys.executable}", advice)


def venv_module(case: Case) -> Check | None:
    if "environment" not in case.missing:
        return None
    ok = case.machine.can_import("venv, ensurepip")
    found = "can make virtual environments" if ok else "the modules venv and ensurepip are missing"
    return Check("Python's venv", ok, found, "Install them (Debian: apt install python3-venv).")


def java(case: Case) -> Check:
    wanted = case.place.versions["JAVA_VERSIONS"].split()
    found = find_java(case.machine)
    ok = found is not None and found.version.split(".")[0] in wanted
    where = "in JAVA_HOME" if case.machine.env.get("JAVA_HOME") else "on PATH"
    advice = (
        f"Java {_one_of(wanted)} is needed: install one (Debian: apt install openjdk-{wanted[0]}-jre-headless) "
        "or point JAVA_HOME at it."
    )
    return Check("Java", ok, str(found or f"none {where}"), advice)


def go(case: Case) -> Check | None:
    if not case.to_build:
        return None
    minimum = case.place.versions["GO_MINIMUM"]
    found = find_program(case.machine, "go", "version")
    ok = found is not None and numbers(found.version) >= numbers(minimum)
    advice = f"Go {minimum} or newer is needed to build {_all_of(case.to_build)}: see https://go.dev/dl."
    return Check("Go", ok, str(found or "none on PATH"), advice)


def rust(case: Case) -> Check | None:
    if "influxd" not in case.missing:
        return None
    minimum = case.place.versions["RUST_MINIMUM"]
    found = find_program(case.machine, "cargo", "--version")
    ok = found is not None and numbers(found.version) >= numbers(minimum) and case.machine.which("rustc") is not None
    advice = (
        f"Rust {minimum} or newer is needed to build influxd: see https://rustup.rs, or put an influxd 2.x on PATH."
    )
    return Check("Rust", ok, str(found or "no cargo on PATH"), advice)


def c_compiler(case: Case) -> Check | None:
    if "influxd" not in case.missing:
        return None
    names = (case.machine.env.get("CC") or "gcc", "cc", "clang")
    found = next(filter(None, map(case.machine.which, names)), None)
    advice = "One is needed to build influxd (Debian: apt install gcc libc6-dev), or put an influxd 2.x on PATH."
    return Check("C compiler", found is not None, found or "none on PATH", advice)


def browser(case: Case) -> Check | None:
    if "browser" not in case.missing:
        return None
    ok = case.machine.is_root and case.machine.which("apt-get") is not None
    found = "none yet, will be installed" if ok else f"none of {', '.join(BROWSERS)} on PATH"
    advice = "Install Chromium for the tests of the pages, or set CHROMIUM to the path of one."
    return Check("Browser", ok, found, advice)


def disk_space(case: Case) -> Check:
    """Cache and data folder may lie on one disk: then it needs room for both."""
    making = sum(DISK.get(part, 0) for part in case.missing)
    needs: dict[int, float] = {}
    folders: dict[int, Path] = {}
    for folder, bytes_needed in ((case.place.cache, making), (case.place.home, DATA_FOLDER_DISK)):
        nearest = _nearest_existing(case.machine, folder)
        disk = case.machine.disk(nearest)
        needs[disk] = needs.get(disk, 0) + bytes_needed
        folders.setdefault(disk, nearest)
    free = {disk: case.machine.free_bytes(folder) for disk, folder in folders.items()}
    tightest = min(free, key=lambda disk: free[disk] - needs[disk])
    found = f"{_gb(free[tightest])} free at {folders[tightest]}"
    advice = f"{_gb(needs[tightest])} are needed: make room, or set XDG_CACHE_HOME or BAROGRAPH_HOME to another disk."
    return Check("Disk", free[tightest] >= needs[tightest], found, advice)


def memory(case: Case) -> Check:
    total = case.machine.memory_bytes()
    advice = f"The servers need {_gb(MEMORY)}: use a bigger machine or container."
    return Check("Memory", total >= MEMORY, _gb(total), advice)


def folders(case: Case) -> Check:
    refused = [
        str(nearest)
        for folder in (case.place.checkout, case.place.home, case.place.cache)
        if not case.machine.writable(nearest := _nearest_existing(case.machine, folder))
    ]
    found = f"cannot write to {_all_of(refused)}" if refused else f"data in {case.place.home}"
    advice = "Give yourself the right to write there, or set BAROGRAPH_HOME or XDG_CACHE_HOME."
    return Check("Folders", not refused, found, advice)


def database_user(case: Case) -> Check | None:
    """PostgreSQL refuses to run as root: setpriv makes it nobody."""
    if not case.machine.is_root:
        return None
    found = case.machine.which("setpriv")
    advice = "PostgreSQL runs as nobody by it: install it (Debian: apt install util-linux), or use another user."
    return Check("Running as root", found is not None, found or "no setpriv on PATH", advice)


def package_index(case: Case) -> Check | None:
    if "environment" not in case.missing or case.machine.output(sys.executable, "-m", "pip", "--version") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        options = ("--no-deps", "--no-cache-dir", "--timeout", "10", "--retries", "1", "--dest", folder)
        ok = case.machine.output(sys.executable, "-m", "pip", "download", *options, "six", timeout=40) is not None
    advice = "Go online, or tell pip your index or proxy (pip config); try: python3 -m pip download six."
    return Check("Package index", ok, "pip reaches it" if ok else "pip cannot download from it", advice)


def go_modules(case: Case) -> Check | None:
    if not case.to_build or case.machine.which("go") is None:
        return None
    module = case.place.checkout / "include" / "stack" / "go" / "influxd"
    said = case.machine.output("go", "list", "-m", "-versions", "github.com/influxdata/pkg-config", cwd=module)
    ok = said is not None
    advice = "Go online, or tell go your proxy (go env -w GOPROXY=...)."
    return Check("Go modules", ok, "go reaches them" if ok else "go cannot download them", advice)


def free_ports(case: Case) -> Check:
    base = case.place.port_base
    ports = f"{base + min(PORTS.values())} to {base + max(PORTS.values())}"
    if stack_runs(case.machine, case.place.home):
        return Check("Ports", True, f"{ports} are ours: the stack is running")
    busy = [f"{base + offset} ({name})" for name, offset in PORTS.items() if not case.machine.can_listen(base + offset)]
    found = f"in use by another program: {', '.join(busy)}" if busy else f"{ports} are free"
    return Check("Ports", not busy, found, "See who it is with ss -ltnp, or move ours: BAROGRAPH_PORT_BASE=38000.")


CHECKS: tuple[Callable[[Case], Check | None], ...] = (
    operating_system,
    python,
    venv_module,
    java,
    go,
    rust,
    c_compiler,
    browser,
    disk_space,
    memory,
    folders,
    database_user,
    package_index,
    go_modules,
)


def _succeeds(act: Callable[[], None]) -> bool:
    try:
        act()
    except OSError:
        return False
    return True


def _nearest_existing(machine: Machine, path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if machine.exists(folder))


def _one_of(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _all_of(words: Iterable[str]) -> str:
    *most, last = sorted(words)
    return f"{', '.join(most)} and {last}" if most else last


def _gb(count: float) -> str:
    return f"{count / GB:.1f} GB"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Look whether this machine has what Barograph needs.")
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    options = parser.parse_args(arguments)
    checks = run_checks()
    as_json = json.dumps([asdict(check) for check in checks], indent=2)
    print(as_json if options.json else "\n".join(map(Check.line, checks)))
    return 0 if all(check.ok for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
