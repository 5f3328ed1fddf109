"""Start, stop and watch the servers of one machine. They run under process-compose, detached from who starts them."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from barograph import doctor
from barograph.errors import ServiceUnavailable, SettingsError
from barograph.settings import Settings
from barograph.stack import clusters, environment, pids, secrets
from barograph.stack.log_files import last_lines
from barograph.stack.pids import Running
from barograph.stack.supervisor import Process, Supervisor

PORTS = {
    "postgres": ["postgres"],
    "kafka": ["kafka", "kafka_controller"],
    "influxdb": ["influxdb"],
    "spark-live": ["spark_live"],
    "spark-history": ["spark_history"],
    "airflow-api": ["airflow"],
    "collector": ["collector"],
}
"""What each process listens on; the names are those of settings.PORT_OFFSETS."""

SERVERS = (
    *("postgres", "kafka", "influxdb", "prepare", "spark-live", "spark-history"),
    *("airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
    "notifier",
)
INPUT = ("sensors", "collector")
"""Started when the first run's history is in: what is live must not overtake it."""

Watch = Callable[[list[Process], float], None]
"""Called with the state of all processes and the seconds since the start."""


def up(settings: Settings, only: Iterable[str] = (), watch: Watch | None = None, timeout: float = 600) -> float:
    """Start the servers (or `only` some, and what they depend on), wait until all are ready; the seconds it took.

    Raises ServiceUnavailable with a log's last lines if one does not come up, SettingsError if a port is taken.
    """
    began = time.monotonic()
    supervisor = Supervisor(settings.home)
    names = list(only) or [*SERVERS, *(INPUT if first_run_is_over(settings) else ())]
    if not supervisor.running():
        tools = environment.load_tools()
        pids.kill(pids.ours(settings.home))
        _refuse_busy_ports(settings, names)
        secrets.generate(settings)
        clusters.lay_out(settings, tools)
        _launch(settings, tools, names)
    else:
        known = {process.name: process for process in supervisor.processes()}
        for name in names:
            if known[name].status in ("Disabled", "Completed", "Error", "Skipped") and name != "prepare":
                supervisor.start(name)
    wait(settings, names, watch, began, timeout)
    return time.monotonic() - began


def down(settings: Settings, timeout: float = 90) -> list[Running]:
    """Stop everything of this data folder. What had to be killed is returned; nothing stays."""
    supervisor = Supervisor(settings.home)
    if supervisor.running():
        supervisor.shut_down()
    pids.kill([running for running in pids.ours(settings.home) if running.is_probe])
    left = pids.wait_until_gone(settings.home, timeout)
    pids.kill(left)
    if stubborn := pids.wait_until_gone(settings.home, 10):
        names = ", ".join(f"{running.server} ({running.pid})" for running in stubborn)
        raise ServiceUnavailable(f"These processes do not end: {names}. Are they waiting for a disk? See dmesg.")
    return [running for running in left if not running.is_probe]


def state(settings: Settings) -> list[Process]:
    """What the supervisor says of each process. Raises ServiceUnavailable where none runs."""
    return Supervisor(settings.home).processes()


def start(settings: Settings, *names: str) -> None:
    """Start processes that are not running: `sensors` and `collector` after the first run."""
    supervisor = Supervisor(settings.home)
    running = {process.name for process in supervisor.processes() if process.status in ("Running", "Pending")}
    for name in names:
        if name not in running:
            supervisor.start(name)


def stop(settings: Settings, *names: str) -> None:
    for name in names:
        Supervisor(settings.home).stop(name)


def wait(
    settings: Settings,
    names: Sequence[str],
    watch: Watch | None = None,
    began: float | None = None,
    timeout: float = 600,
) -> None:
    """Wait until the named processes are ready. Raises ServiceUnavailable, with what the log says, if one fails."""
    began = time.monotonic() if began is None else began
    supervisor = Supervisor(settings.home)
    while True:
        seconds = time.monotonic() - began
        if not supervisor.running():
            raise ServiceUnavailable(_why_it_stopped(settings))
        processes = [process for process in supervisor.processes() if process.enabled]
        if watch:
            watch(processes, seconds)
        for process in processes:
            if process.failed or (not process.ready and process.restarts >= 4):
                raise ServiceUnavailable(_why_not(settings, process.name))
        waiting = [process.name for process in processes if not process.ready]
        if not waiting and set(names) <= {process.name for process in processes}:
            return
        if seconds > timeout:
            raise ServiceUnavailable(f"Not ready after {timeout:.0f} s: " + _why_not(settings, (waiting or names)[0]))
        time.sleep(0.3)


def clean(settings: Settings) -> None:
    """Delete the data folder's contents, settings.yaml and own sites excepted. Raises if anything runs."""
    if left := pids.ours(settings.home):
        names = ", ".join(sorted({running.server for running in left}))
        raise SettingsError(f"{settings.home} is in use by {names}. Stop them first: barograph stack down")
    kept = {settings.home / "settings.yaml", settings.sites_folder}
    for path in settings.home.iterdir() if settings.home.exists() else ():
        if path in kept:
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    # The demo's folder is a copy; a user's own sites are not ours to delete.
    shutil.rmtree(settings.sites_folder / "demo", ignore_errors=True)


def first_run_is_over(settings: Settings) -> bool:
    try:
        return "finished" in json.loads(settings.path("first_run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False


def log_file(settings: Settings, name: str) -> Path:
    return settings.path("logs", f"{name}.log")


def _launch(settings: Settings, tools: environment.Tools, names: Sequence[str]) -> None:
    variables = environment.environment(settings, tools)
    # A week of history comes first: until it is in, a DAG that is found waits to be told.
    variables["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = str(not first_run_is_over(settings))
    variables["STACK_AS_POSTGRES"] = shlex.join(clusters.as_postgres(settings, tools))
    config = environment.FILES / "process-compose.yaml"
    done = subprocess.run(
        [tools.process_compose, "up", *names, "--config", str(config), "--detached"],
        cwd=settings.home,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServiceUnavailable(f"The supervisor does not start: {(done.stderr or done.stdout).strip()[-500:]}")
    supervisor = Supervisor(settings.home)
    deadline = time.monotonic() + 10
    while not supervisor.running():
        if time.monotonic() > deadline:
            raise ServiceUnavailable(_why_it_stopped(settings))
        time.sleep(0.1)


def _refuse_busy_ports(settings: Settings, names: Iterable[str]) -> None:
    """A stranger who listens on our port would even pass for ours: look before anything starts."""
    machine = doctor.Machine()
    ports = {settings.port(port): name for name in names for port in PORTS.get(name, [])}
    busy = [f"{port} ({name})" for port, name in sorted(ports.items()) if not machine.can_listen(port)]
    if busy:
        raise SettingsError(
            f"In use by another program: port {', '.join(busy)}. `ss -ltnp` shows which. "
            "Stop it, or move ours: BAROGRAPH_PORT_BASE=38000."
        )


def _why_not(settings: Settings, name: str) -> str:
    path = log_file(settings, name)
    said = "\n  ".join(last_lines(path, 15)) or "(nothing)"
    return f"{name} does not come up. The end of its log {path}:\n  {said}"


def _why_it_stopped(settings: Settings) -> str:
    prepared = last_lines(log_file(settings, "prepare"), 15)
    said = "\n  ".join(prepared or last_lines(log_file(settings, "supervisor"), 15))
    return f"The supervisor has stopped. Logs are in {settings.path('logs')}; the last of them says:\n  {said}"
