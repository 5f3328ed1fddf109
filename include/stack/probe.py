"""Wait a while until one server is ready: exit 0 as soon as it is, 1 when patience ends.

    probe.py port 28092             somebody listens
    probe.py heartbeat scheduler    Airflow has heard from this run of it
    probe.py wrote notifier         this run of it has just said how it is, in run/notifier.json

A ready server costs one short look. Standard library only.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from datetime import datetime
from pathlib import Path

PATIENCE = 20.0
FRESH = 30.0


def listens(port: str) -> bool:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=2):
        return True


def beats(component: str) -> bool:
    """A heartbeat of an earlier run looks healthy for half a minute: it must be younger than the process."""
    import http.client  # half of what a look costs, and only Airflow's need it

    server = http.client.HTTPConnection("127.0.0.1", int(os.environ["STACK_PORT_AIRFLOW"]), timeout=5)
    server.request("GET", "/api/v2/monitor/health")
    health = json.load(server.getresponse())[component]
    server.close()
    heard = health[f"latest_{component}_heartbeat"]
    started = Path(os.environ["STACK_HOME"], "run", f"{os.environ['PC_PROC_NAME']}.pid").stat().st_mtime
    return bool(health["status"] == "healthy" and heard and datetime.fromisoformat(heard).timestamp() > started)


def wrote(name: str) -> bool:
    said = Path(os.environ["STACK_HOME"], "run", f"{name}.json").stat().st_mtime
    started = Path(os.environ["STACK_HOME"], "run", f"{os.environ['PC_PROC_NAME']}.pid").stat().st_mtime
    return said > started and time.time() - said < FRESH


def main(question: str, subject: str) -> int:
    ready = {"port": listens, "heartbeat": beats, "wrote": wrote}[question]
    deadline = time.monotonic() + PATIENCE
    problem: Exception | str = "not ready"
    while time.monotonic() < deadline:
        try:
            if ready(subject):
                return 0
        except (OSError, KeyError, TypeError, ValueError) as error:
            problem = error
        time.sleep(0.25)
    print(f"{question} {subject}: {problem}")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
