"""What Airflow's own tables say: what a run made, how far a run is, how far a backfill is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow.models.backfill import Backfill, BackfillDagRun
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session

OVER = ("success", "failed")


def facts_of(session: Session, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
    """What every step of the run returned, with its name as `step`, in the order of their ends."""
    wanted = (
        select(XComModel)
        .where(XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == "return_value")
        .order_by(XComModel.timestamp)
    )
    facts = ((row.task_id, XComModel.deserialize_value(row)) for row in session.scalars(wanted))
    return [{"step": step, **value} for step, value in facts if isinstance(value, dict)]


def state_of(session: Session, dag_id: str, run_id: str) -> str | None:
    """queued, running, success or failed; None where there is no such run."""
    state = session.scalar(select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    return None if state is None else str(getattr(state, "value", state))


@dataclass(frozen=True)
class Progress:
    """How far the last backfill is."""

    number: int
    days: int
    states: Counter[str]
    began: datetime
    ended: datetime | None
    """When its last run ended; None while some go on."""

    @property
    def done(self) -> int:
        return sum(self.states[state] for state in OVER)

    @property
    def over(self) -> bool:
        return self.done >= self.days

    def pace(self, at: datetime) -> float | None:
        """Days a minute so far; None before the first is done."""
        took = ((self.ended if self.over and self.ended else at) - self.began) / timedelta(minutes=1)
        return self.done / took if self.done and took > 0 else None

    def left(self, at: datetime) -> timedelta | None:
        pace = self.pace(at)
        return timedelta(minutes=(self.days - self.done) / pace) if pace and not self.over else None


def last_backfill(session: Session, dag_id: str, since: datetime) -> Progress | None:
    """The newest backfill, unless it was over before `since`."""
    found = session.scalar(select(Backfill).where(Backfill.dag_id == dag_id).order_by(Backfill.id.desc()).limit(1))
    if found is None:
        return None
    runs = session.execute(
        select(DagRun.state, DagRun.end_date)
        .join(BackfillDagRun, BackfillDagRun.dag_run_id == DagRun.id)
        .where(BackfillDagRun.backfill_id == found.id)
    ).all()
    states = Counter(str(getattr(state, "value", state)) for state, _ in runs)
    ended = max((end for _, end in runs if end), default=None)
    progress = Progress(found.id, len(runs), states, found.created_at, ended)
    if progress.over and (ended or found.created_at) < since:
        return None
    return progress
