"""The tasks that DAGs are made of. A step looks up what its run is about, calls its stage, and tells what came out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from airflow.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException

from barograph import registry
from barograph.errors import DocumentError, LedgerError, QuestionError, SettingsError
from barograph.reports.periods import Kind
from barograph.settings import Settings, load_settings
from barograph.stack.pools import HISTORY
from barograph_airflow import notes, stages
from barograph_airflow.links import BacktestLink, BackupLink, BatchLink, DaysLink, ReportLink

Facts = Mapping[str, Any]

STAGES: dict[str, Callable[[Settings, Any, Any], Facts]] = {
    "ingest": stages.ingest,
    "settle": stages.settle,
    "report": stages.report,
    "backup": stages.backup,
    "compact": stages.compact,
    "maintain": stages.maintain,
    "verify": stages.verify,
    "backtest": stages.backtest,
}

NAMES = {
    "ingest": "Bring the readings in",
    "grace": "Wait for late readings",
    "days": "Choose the days",
    "periods": "Choose week or month",
    "settled": "Wait for its last day",
    "settle": "Settle the day",
    "report": "Publish its report",
    "backup": "Back everything up",
    "compact": "Join small files",
    "maintain": "Tidy the archive",
    "verify": "Prove the archive",
    "backtest": "Try other rules",
}
"""What a step is called in graphs and grids."""

WHICH = "{{ [task.day.site, task.day.get('period'), task.day.day] | select | join(' ') }}"
"""What tells the tasks of a mapped step apart: `demo 2026-11-22`, `demo week 2026-11-16`."""

TELL_THEMSELVES = {"ingest"}
"""Steps that put what they did into the bucket `operations` in more detail than we could."""

HOPELESS = (DocumentError, SettingsError, LedgerError, QuestionError)
"""Trying again does not help: a person has to look."""

log = structlog.get_logger()


def step(verb: str, day: Any = None, minutes: int = 15, at_once: int | None = None, **options: Any) -> Step:
    """A task that does one verb of the river.

    `day` is {"site", "day"} where it is about one local day of one site. `minutes` is how long it may take, `at_once`
    how many of it may run at the same time in all runs of its DAG.
    """
    kind = KINDS.get(verb, Step)
    if day is not None:
        options["map_index_template"] = WHICH
    return kind(
        task_id=verb,
        task_display_name=NAMES[verb],
        day=day,
        execution_timeout=timedelta(minutes=minutes),
        max_active_tis_per_dag=at_once,
        doc_md=f"{NAMES[verb]} (`{verb}`). When red: docs/runbook.md",
        **options,
    )


def grace() -> Grace:
    """Wait for late readings: only in scheduled runs, and without holding a slot."""
    return Grace(task_id="grace", task_display_name=NAMES["grace"])


def days() -> Any:
    """The local days of this run, for `expand`: of each site its own, and at night those that are stale."""
    return Days(task_id="days", task_display_name=NAMES["days"]).output


def periods(kind: Kind) -> Any:
    """The local week or month of this run, for `expand`: of each site."""
    return Periods(task_id="periods", task_display_name=NAMES["periods"], kind=kind).output


def settled(period: Any, hours: float) -> Settled:
    """Wait until the last day of a week or month is settled, without holding a slot; red after so many hours."""
    return Settled(
        task_id="settled",
        task_display_name=NAMES["settled"],
        day=period,
        map_index_template=WHICH,
        mode="reschedule",
        poke_interval=60.0,
        timeout=hours * 3600,
        doc_md="When red: docs/runbook.md",
    )


POLITE = 10
"""Of a `nice`: who works on days that are over takes what `ingest` leaves, as the history server does."""


class Step(BaseOperator):
    template_fields = ("day",)
    ui_color = "#dbe9f4"

    def __init__(self, *, day: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.day = day

    def execute(self, context: Any) -> Facts:
        started = time.monotonic()
        settings = load_settings()
        if self.pool == HISTORY:
            os.nice(POLITE)
        try:
            facts = STAGES[self.task_id](settings, context, self.day)
        except HOPELESS as error:
            raise AirflowFailException(str(error)) from error
        seconds = round(time.monotonic() - started, 2)
        told = {**facts, **_pace(facts, seconds)}
        log.info("step_done", step=self.task_id, **told)
        if self.task_id not in TELL_THEMSELVES:
            stages.tell(settings, self.task_id, told, context)
        notes.leave(settings, context, self.task_id, facts)
        return {**facts, "seconds": seconds}

    def on_kill(self) -> None:
        """Called when the task is cleared, marked or out of time: its work on the Spark servers ends with it."""
        from barograph import spark

        spark.interrupt()


class ReportStep(Step):
    operator_extra_links = (ReportLink(),)


class BacktestStep(Step):
    operator_extra_links = (BacktestLink(),)


class SettleStep(Step):
    operator_extra_links = (DaysLink(),)


class BatchStep(Step):
    operator_extra_links = (BatchLink(),)


class BackupStep(Step):
    operator_extra_links = (BackupLink(),)


KINDS: dict[str, type[Step]] = {
    "ingest": BatchStep,
    "settle": SettleStep,
    "report": ReportStep,
    "backtest": BacktestStep,
    "backup": BackupStep,
    "compact": BatchStep,
    "maintain": BatchStep,
    "verify": BatchStep,
}
"""Steps whose tasks have a button that leads to what they made."""


class Days(BaseOperator):
    def execute(self, context: Any) -> list[dict[str, str]]:
        settings = load_settings()
        return stages.days(settings, context, _sites(settings, context))


class Periods(BaseOperator):
    def __init__(self, *, kind: Kind, **options: Any) -> None:
        super().__init__(**options)
        self.kind = kind

    def execute(self, context: Any) -> list[dict[str, str]]:
        settings = load_settings()
        return stages.periods(settings, context, _sites(settings, context), self.kind)


class Settled(BaseSensorOperator):
    template_fields = ("day",)

    def __init__(self, *, day: Any, **options: Any) -> None:
        super().__init__(**options)
        self.day = day

    def poke(self, context: Any) -> bool:
        return stages.settled(load_settings(), context, self.day, datetime.now(UTC))


class Grace(BaseOperator):
    def execute(self, context: Any) -> None:
        run = context["dag_run"]
        if run.run_type != "scheduled" or run.data_interval_end is None:
            log.info("no_grace", why="only scheduled runs wait for late readings")
            return
        until = run.data_interval_end + timedelta(seconds=load_settings().reports.grace)
        if until > datetime.now(UTC):
            from airflow.providers.standard.triggers.temporal import DateTimeTrigger

            log.info("waiting", until=until.isoformat())
            self.defer(trigger=DateTimeTrigger(moment=until), method_name="over")

    def over(self, context: Any, event: Any = None) -> None:
        log.info("grace_over")


def _sites(settings: Settings, context: Any) -> list[str]:
    """Those that the run's form names, else all."""
    try:
        known = [site.site for site in registry.read_sites(settings.sites_folder)]
    except DocumentError as error:
        raise AirflowFailException(str(error)) from error
    asked = context["params"].get("sites") or known
    strangers = sorted(set(asked) - set(known))
    if strangers:
        raise AirflowFailException(f"No site {', '.join(strangers)}. There are: {', '.join(known)}.")
    return [name for name in known if name in asked]


def _pace(facts: Facts, seconds: float) -> Facts:
    handled = facts.get("read", facts.get("stored"))
    return {"seconds": seconds} | ({"per_second": round(handled / seconds)} if handled and seconds else {})
