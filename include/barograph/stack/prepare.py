"""Everything that servers need once they answer: databases, tables, topics, buckets, tokens. Safe to repeat.

The stack and Docker Compose run it as a one-shot before anything that uses them: `python -m barograph.stack.prepare`.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from barograph import kafka, logs
from barograph.errors import BarographError, ServiceUnavailable
from barograph.influx import admin
from barograph.settings import Settings, load_settings
from barograph.stack import databases, environment, pools, secrets
from barograph.state import engine

log = structlog.get_logger()

Changes = list[str]


def run(settings: Settings, airflow: bool = True) -> Changes:
    """Prepare all servers and return what was changed: nothing the second time. Raises ServiceUnavailable."""
    changes = []
    for name, step in STEPS.items():
        if name in ("airflow", "pools") and not airflow:
            continue
        began = time.monotonic()
        done = step(settings)
        log.info(
            "prepared", part=name, changed=", ".join(done) or "nothing", seconds=round(time.monotonic() - began, 1)
        )
        changes += done
    return changes


def prepare_tables(settings: Settings) -> Changes:
    engine.migrate(settings)
    return []


def prepare_airflow(settings: Settings) -> Changes:
    """Bring Airflow's database to its version. Asking Airflow takes seconds, so what it said last is remembered."""
    version = importlib.metadata.version("apache-airflow")
    mark = settings.path("airflow", "migrated.json")
    revision = databases.airflow_revision(settings)
    if revision and mark.exists() and json.loads(mark.read_text(encoding="utf-8")) == [version, revision]:
        return []
    command = [str(Path(sys.executable).with_name("airflow")), "db", "migrate"]
    variables = {**os.environ, **environment.airflow(settings)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceUnavailable("`airflow db migrate` failed:\n" + "\n".join(done.stderr.splitlines()[-15:]))
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps([version, databases.airflow_revision(settings)]), encoding="utf-8")
    return ["tables of airflow"]


def prepare_topics(settings: Settings) -> Changes:
    return [f"topic {topic}" for topic in kafka.create_topics(settings)]


def prepare_influxdb(settings: Settings) -> Changes:
    changes = ["organisation"] if admin.onboard(settings) else []
    changes += admin.make_buckets(settings)
    for name in admin.tokens(settings):
        if token := admin.make_token(settings, name):
            secrets.replace(settings, name, token)
            changes.append(f"token {name}")
    return changes


STEPS: dict[str, Callable[[Settings], Changes]] = {
    "databases": databases.make_databases,
    "tables": prepare_tables,
    "airflow": prepare_airflow,
    "pools": pools.make_pools,
    "topics": prepare_topics,
    "influxdb": prepare_influxdb,
}


def main() -> int:
    logs.configure()
    try:
        run(load_settings())
    except BarographError as error:
        log.error("not_prepared", reason=str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
