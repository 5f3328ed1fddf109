"""What PostgreSQL and Kafka need on disk before they can start: made once, never touched again."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path
from string import Template

from barograph.errors import ServiceUnavailable, SettingsError
from barograph.settings import Settings
from barograph.stack.environment import FILES, Tools

USER, GROUP = "nobody", "nogroup"
"""Whom PostgreSQL runs as when we are root: it refuses to be root, and wants a user with a passwd entry."""

FOLDERS = ("airflow", "influxdb", "kafka", "logs", "reports", "run", "sites", "tmp")

KAFKA = Template("""
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$home/kafka
""")


def lay_out(settings: Settings, tools: Tools) -> None:
    """Make the data folder, PostgreSQL's cluster and Kafka's storage where they are missing."""
    for name in FOLDERS:
        settings.path(name).mkdir(parents=True, exist_ok=True)
    for name in ("run", "influxdb", "airflow", "logs"):
        settings.path(name).chmod(0o700)
    _postgres(settings, tools)
    _kafka(settings, tools)


def as_postgres(settings: Settings, tools: Tools) -> list[str]:
    """The words in front of PostgreSQL's programs: none, or those that make root nobody.

    Where nobody cannot pass to the data folder or the programs, it keeps the one right to read and search folders.
    """
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise SettingsError(
            "PostgreSQL does not run as root, and setpriv is not here to change the user. "
            "Install it (Debian: apt install util-linux), or use another user."
        )
    reachable = all(_open_to_all(Path(path)) for path in (settings.home, tools.postgres_bin))
    right = "" if reachable else ",+dac_read_search"
    words = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups", f"--inh-caps=-all{right}"]
    words += [] if reachable else ["--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search"]
    # A guard that is killed must not leave a database that nobody watches.
    return [*words, "--no-new-privs", "--pdeathsig", "INT"]


def _open_to_all(path: Path) -> bool:
    path = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def _postgres(settings: Settings, tools: Tools) -> None:
    folder = settings.path("postgres")
    if (folder / "PG_VERSION").exists():
        return
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    password_file = folder.with_name("postgres-password")
    password_file.touch(0o600)
    password_file.write_text(settings.secret("postgres_superuser"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, GROUP)
        shutil.chown(password_file, USER, GROUP)
    options = ["-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"]
    try:
        _run(
            [*as_postgres(settings, tools), f"{tools.postgres_bin}/initdb", *options, "-D", str(folder)],
            "PostgreSQL's data folder cannot be made",
        )
    except ServiceUnavailable:
        shutil.rmtree(folder)
        raise
    finally:
        password_file.unlink()


def _kafka(settings: Settings, tools: Tools) -> None:
    if "," in str(settings.home):
        raise SettingsError(f"Kafka takes a comma for the end of a path: {settings.home}. Choose another data folder.")
    config = settings.path("run", "kafka.properties")
    ports = {"port": settings.port("kafka"), "controller": settings.port("kafka_controller")}
    template = (FILES / "kafka" / "server.properties").read_text(encoding="utf-8")
    config.write_text(template + KAFKA.substitute(home=settings.home, **ports), encoding="utf-8")
    if settings.path("kafka", "meta.properties").exists():
        return
    storage_tool = [tools.java, "-cp", f"{tools.kafka_jars}/*", "kafka.tools.StorageTool"]
    cluster = uuid.uuid4().hex[:22]
    _run([*storage_tool, "format", "-t", cluster, "-c", str(config)], "Kafka's storage cannot be made")


def _run(command: list[str], complaint: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise ServiceUnavailable(f"{complaint}: {shlex.join(command[-6:])} says\n  " + "\n  ".join(said))
