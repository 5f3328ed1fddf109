"""Whether one service is well: exit 0 if it is, else 1 and the reason, for `docker inspect` to show.

    health.py airflow scheduler     Airflow's database has a fresh heartbeat of it
    health.py wrote collector       it has just written its status; `notifier` likewise

Standard library only: it runs every few seconds.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

FRESH = 30.0


def airflow(component: str) -> str:
    """Why not, or nothing."""
    with urllib.request.urlopen(f"{os.environ['BAROGRAPH_AIRFLOW_URL']}/api/v2/monitor/health", timeout=8) as answer:  # noqa: S310
        status = json.load(answer)[component]["status"]
    return "" if status == "healthy" else f"{component} is {status}"


def wrote(name: str) -> str:
    status = json.loads(Path(os.environ["BAROGRAPH_HOME"], "run", f"{name}.json").read_text(encoding="utf-8"))
    age = (datetime.now(UTC) - datetime.fromisoformat(status["updated"])).total_seconds()
    return "" if age < FRESH else f"its last status is {age:.0f} s old"


def main(question: str, *subject: str) -> int:
    try:
        problem = {"airflow": airflow, "wrote": wrote}[question](*subject)
    except (OSError, ValueError, KeyError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
