"""Which processes of this machine belong to a data folder. Every server inherits STACK_HOME in its environment."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Running:
    pid: int
    server: str
    """The process's name in process-compose.yaml; `supervisor` for the supervisor itself."""
    command: str
    is_probe: bool = False
    """Asks a server how it is, and may wait long for the answer of one that is gone."""


def ours(home: Path, proc: Path = PROC) -> list[Running]:
    """Every live process of the stack of this data folder, by its environment."""
    mark = f"STACK_HOME={home}"
    found = []
    for folder in proc.glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        except OSError:
            continue
        if mark in environment and command:
            names = [entry.partition("=")[2] for entry in environment if entry.startswith("PC_PROC_NAME=")]
            is_guarded = "guard.py" in command or any(entry.startswith("STACK_GUARDED=") for entry in environment)
            server = (names or ["supervisor"])[0]
            found.append(Running(int(folder.name), server, command, is_probe=bool(names) and not is_guarded))
    return sorted(found + _database(home, proc), key=lambda running: running.pid)


def _database(home: Path, proc: Path) -> list[Running]:
    """PostgreSQL writes its title over its environment; it says in a file who it is."""
    try:
        pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
        command = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        is_marked = f"STACK_HOME={home}" in (proc / str(pid) / "environ").read_bytes().decode(errors="replace")
    except (OSError, ValueError, IndexError):
        return []
    return [Running(pid, "postgres", command)] if str(home / "postgres") in command and not is_marked else []


def wait_until_gone(home: Path, timeout: float) -> list[Running]:
    """Wait for the end of everything that is ours; what is still there when the time is over."""
    deadline = time.monotonic() + timeout
    while (left := ours(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def kill(left: list[Running]) -> None:
    for running in left:
        # PostgreSQL gets its immediate shutdown, which leaves no shared memory behind.
        number = (
            signal.SIGQUIT if running.server == "postgres" and "guard.py" not in running.command else signal.SIGKILL
        )
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            continue
