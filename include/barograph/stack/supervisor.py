"""Talk to process-compose over its socket in the data folder. Only home of its REST API.

The socket lies in a folder of mode 0700: by default it would listen on every interface, without a password.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barograph.errors import ServiceUnavailable

SOCKET = "supervisor.sock"

ONE_SHOTS = {"prepare"}
"""Done when they have ended; all others are ready while they run."""


@dataclass(frozen=True)
class Process:
    """What the supervisor knows of one process."""

    name: str
    status: str
    health: str
    has_probe: bool
    restarts: int
    exit_code: int
    pid: int
    seconds: float

    @property
    def enabled(self) -> bool:
        return self.status != "Disabled"

    @property
    def ready(self) -> bool:
        if self.name in ONE_SHOTS:
            return self.status == "Completed" and self.exit_code == 0
        return self.status == "Running" and (self.health == "Ready" or not self.has_probe)

    @property
    def failed(self) -> bool:
        return self.status in ("Error", "Skipped") or (self.status == "Completed" and not self.ready)

    @property
    def word(self) -> str:
        """Its state in one word."""
        if self.ready:
            return "done" if self.status == "Completed" else "ready"
        if self.failed:
            return "failed"
        return "starting" if self.status == "Running" else self.status.lower()


class Supervisor:
    """The supervisor of one data folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "run"

    def running(self) -> bool:
        try:
            self._ask("GET", "/project/state")
        except ServiceUnavailable:
            return False
        return True

    def processes(self) -> list[Process]:
        return sorted(map(_process, self._ask("GET", "/processes")["data"]), key=lambda process: process.name)

    def start(self, name: str) -> None:
        self._ask("POST", f"/process/start/{name}")

    def stop(self, name: str) -> None:
        self._ask("PATCH", f"/process/stop/{name}")

    def restart(self, name: str) -> None:
        self._ask("POST", f"/process/restart/{name}")

    def shut_down(self) -> None:
        """Ask for the ordered shutdown of all and return at once or at its end; the supervisor goes last."""
        try:
            self._ask("POST", "/project/stop", timeout=120)
        except ServiceUnavailable:
            if self.running():
                raise

    def _ask(self, method: str, path: str, timeout: float = 60) -> Any:
        connection = _Connection(self.folder, timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = json.loads(answer.read() or b"{}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ServiceUnavailable(
                f"The supervisor does not answer at {self.folder / SOCKET} ({error}). `barograph stack up` starts it."
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise ServiceUnavailable(f"The supervisor refuses {path}: {body.get('error', answer.reason)}")
        return body


class _Connection(http.client.HTTPConnection):
    def __init__(self, folder: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.folder = folder

    def connect(self) -> None:
        """By the folder's descriptor: a socket's path may have 107 bytes at most, and data folders lie deep."""
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.close(folder)


def _process(state: dict[str, Any]) -> Process:
    return Process(
        name=state["name"],
        status=state["status"],
        health=state["is_ready"],
        has_probe=state["has_ready_probe"],
        restarts=state["restarts"],
        exit_code=state["exit_code"],
        pid=state["pid"],
        seconds=state["age"] / 1e9,
    )
