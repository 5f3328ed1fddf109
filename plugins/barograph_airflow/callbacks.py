"""What Airflow calls when a task failed for good, or a run is late, or all is well again: an alarm opens, or is over.

A task that is killed is reported by the DAG processor, one that fails by itself in its own process. An alarm is of a
DAG and a task, and is over as soon as that task works again, in whichever run; that of a late run, as soon as anything
of its DAG works. Nothing here may fail a task.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog

WORDS = 300
"""Characters of an error that an alarm quotes."""

log = structlog.get_logger()


def failed(context: Any) -> None:
    from barograph.state import system_alarms

    dag, task, run = _names(context)
    what = str(context.get("exception") or "it was ended from outside").strip().splitlines()[0][:WORDS]
    now = datetime.now(UTC)

    def open_(connection: Any) -> None:
        system_alarms.keep_open(
            connection, system_alarms.DAG_FAILED, dag, task, now, severity="major", limit=0, value=1, started=now,
            message=f"{dag} / {task} failed in the run {run}: {what} docs/runbook.md#{dag}",
        )  # fmt: skip

    _carefully(open_, dag, task)


def worked(context: Any) -> None:
    from barograph.state import system_alarms

    dag, task, _ = _names(context)
    now = datetime.now(UTC)

    def clear(connection: Any) -> None:
        system_alarms.clear(connection, system_alarms.DAG_FAILED, now, dag, task)
        system_alarms.clear(connection, system_alarms.DAG_LATE, now, dag)

    _carefully(clear, dag, task)


def late(context: Any, hours: float) -> None:
    """A scheduled run missed its deadline. Of a backfill all runs are queued at once, and nobody waits for its last."""
    from barograph.state import system_alarms

    run = context["dag_run"]
    if run["run_type"] != "scheduled":
        return
    dag, name = run["dag_id"], run["dag_run_id"]
    now = datetime.now(UTC)

    def open_(connection: Any) -> None:
        system_alarms.keep_open(
            connection, system_alarms.DAG_LATE, dag, "run", now, severity="major", limit=hours, value=hours,
            started=now, message=f"{dag}: the run {name} is not done after {hours:g} hours. docs/runbook.md#{dag}",
        )  # fmt: skip

    _carefully(open_, dag, "run")


def _names(context: Any) -> tuple[str, str, str]:
    instance = context["ti"]
    return instance.dag_id, instance.task_id, instance.run_id


def _carefully(work: Any, dag: str, task: str) -> None:
    from barograph.settings import load_settings
    from barograph.state.engine import connect

    try:
        with connect(load_settings()).begin() as connection:
            work(connection)
    except Exception as error:
        # Whatever it is, the task is as it is; that nobody hears of it is in its log.
        log.error("alarm_not_written", dag=dag, task=task, error=str(error).splitlines()[0])
