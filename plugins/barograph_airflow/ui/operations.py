"""How the river flows: the last batches, what waits in Kafka, open alarms. What cannot be known is said to be so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from barograph import registry
from barograph.errors import BarographError
from barograph.settings import Settings
from barograph.state.tables import alarms, backups

DRAIN = "drain"
BATCHES = 20
LAG_KEPT = timedelta(seconds=10)
"""Kafka is not asked more often, also where it does not answer."""

COUNTS = ("read", "stored", "duplicate", "rejected")


@dataclass(frozen=True)
class BatchRow:
    """One line of the ledger."""

    batch: int
    horizon: datetime
    dag_id: str
    run_id: str
    counts: Mapping[str, int] | None
    lost: int
    done: bool

    @property
    def balanced(self) -> bool:
        read, stored, duplicate, rejected = (self.counts[name] for name in COUNTS) if self.counts else (0, 0, 0, 0)
        return read == stored + duplicate + rejected


@dataclass(frozen=True)
class Now:
    at: datetime
    zone: str
    problem: str = ""
    batches: Sequence[BatchRow] = ()
    waiting: int | None = None
    why_unknown: str = ""
    alarms: Sequence[Any] = ()
    backup: datetime | None = None


class Operations:
    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._lag: tuple[datetime, int | None, str] | None = None
        self._one_asks = Lock()

    def now(self) -> Now:
        at, zone = self._clock(), self._zone()
        try:
            from barograph.state.engine import connect

            engine = connect(self._settings)
            batches = _batches(engine)
            with engine.connect() as connection:
                opened = select(alarms).where(alarms.c.state == "open").order_by(alarms.c.opened.desc()).limit(100)
                is_open = connection.execute(opened).mappings().all()
                taken = connection.scalar(select(backups.c.taken).order_by(backups.c.taken.desc()).limit(1))
        except (BarographError, SQLAlchemyError) as error:
            return Now(at, zone, problem=_first_line(error), why_unknown="The ledger cannot be read.")
        waiting, why = self._waiting(engine, at)
        return Now(at, zone, "", batches, waiting, why, is_open, taken)

    def _zone(self) -> str:
        if self._settings.reports.timezone:
            return self._settings.reports.timezone
        try:
            return registry.read_sites(self._settings.sites_folder)[0].timezone
        except BarographError:
            return "UTC"

    def _waiting(self, engine: Engine, at: datetime) -> tuple[int | None, str]:
        with self._one_asks:
            if self._lag is None or at - self._lag[0] > LAG_KEPT:
                try:
                    self._lag = (at, lag(self._settings, engine), "")
                except (BarographError, SQLAlchemyError) as error:
                    self._lag = (at, None, _first_line(error))
            return self._lag[1:]


def lag(settings: Settings, engine: Engine) -> int:
    """Messages that Kafka has and no batch has planned yet. Raises ServiceUnavailable."""
    from barograph import kafka
    from barograph.state.ledger import Ledger

    planned = Ledger(engine, DRAIN).positions()
    waiting = 0
    for part in kafka.offsets(settings, [*settings.kafka.topics, settings.kafka.rejects]):
        topic_id, start = planned.get((part.topic, part.partition), (part.topic_id, part.beginning))
        recreated = topic_id != part.topic_id
        waiting += max(0, part.end - (part.beginning if recreated else max(start, part.beginning)))
    return waiting


def _batches(engine: Engine) -> list[BatchRow]:
    from barograph.state.ledger import Ledger

    return [
        BatchRow(
            batch=batch.batch,
            horizon=batch.horizon,
            dag_id=batch.dag_id,
            run_id=batch.run_id,
            counts=batch.counts if batch.counts and all(name in batch.counts for name in COUNTS) else None,
            lost=sum(gap.get("end", 0) - gap.get("start", 0) for gap in batch.gaps),
            done=batch.done,
        )
        for batch in Ledger(engine, DRAIN).recent(BATCHES)
    ]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
