"""How the river flows: batches and their sums, what waits in Kafka, what was refused, lost or late, how large it is.

What cannot be known is said to be so, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.settings import Settings
from barograph.state.ledger import Batch, Ledger

T = TypeVar("T")

DRAIN = "drain"
BATCHES = 20
GAPS = 50
COUNTS = ("read", "stored", "duplicate", "rejected")
STRETCHES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

Sums = Mapping[str, Any]


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
    late: float | None = None
    """Seconds that its latest reading came after it was measured."""
    seconds: float | None = None
    """That its steps took."""

    @property
    def balanced(self) -> bool:
        return balanced(self.counts or {})


def balanced(counts: Mapping[str, int]) -> bool:
    read, stored, duplicate, rejected = (counts.get(name, 0) for name in COUNTS)
    return read == stored + duplicate + rejected


@dataclass(frozen=True)
class Gap:
    """Messages that Kafka no longer had when their turn came."""

    at: datetime
    source: str
    lost: int
    why: str


@dataclass(frozen=True)
class TableSize:
    name: str
    rows: int
    bytes: int
    days: int


@dataclass(frozen=True)
class Flow:
    at: datetime
    problem: str = ""
    """Why the ledger cannot be read: then there are neither batches nor sums."""
    batches: Sequence[BatchRow] = ()
    sums: Mapping[str, Sums] | None = None
    """hour, day, week -> read, stored, duplicate, rejected, `batches` of all writers; `late`, seconds of the latest."""
    gaps: Sequence[Gap] = ()
    waiting: int | None = None
    why_waiting: str = ""
    refused: Mapping[str, int] | None = None
    """Reason -> open rejects of a week."""
    why_refused: str = ""
    tables: Sequence[TableSize] | None = None
    why_size: str = ""

    @property
    def size(self) -> int | None:
        return sum(table.bytes for table in self.tables) if self.tables is not None else None


def flow(settings: Settings, at: datetime) -> Flow:
    from barograph.state.engine import connect

    try:
        engine = connect(settings)
        batches = [_row(batch) for batch in Ledger(engine, DRAIN).recent(BATCHES)]
        sums = {name: sums_since(engine, at - stretch) for name, stretch in STRETCHES.items()}
        gaps = recent_gaps(engine)
    except (BarographError, SQLAlchemyError) as error:
        return Flow(at, problem=_first_line(error), why_waiting="The ledger cannot be read.")
    waiting, why_waiting = _asked(lambda: lag(settings, engine))
    refused, why_refused = _asked(lambda: rejects_by_reason(settings, at - STRETCHES["week"]))
    tables, why_size = _asked(lambda: sizes(settings))
    return Flow(at, "", batches, sums, gaps, waiting, why_waiting, refused, why_refused, tables, why_size)


def batches_of(engine: Engine, numbers: Sequence[int]) -> list[BatchRow]:
    """The named batches that are there, in their order."""
    ledger = Ledger(engine, DRAIN)
    return [_row(batch) for number in sorted(set(numbers)) if (batch := ledger.get(number))]


def lag(settings: Settings, engine: Engine) -> int:
    """Messages that Kafka has and no batch has planned yet. Raises ServiceUnavailable."""
    from barograph import kafka

    planned = Ledger(engine, DRAIN).positions()
    waiting = 0
    for part in kafka.offsets(settings, [*settings.kafka.topics, settings.kafka.rejects]):
        topic_id, start = planned.get((part.topic, part.partition), (part.topic_id, part.beginning))
        recreated = topic_id != part.topic_id
        waiting += max(0, part.end - (part.beginning if recreated else max(start, part.beginning)))
    return waiting


def sums_since(engine: Engine, since: datetime) -> Sums:
    """What the finished counts of all writers' batches amount to."""
    wanted = text(
        """select coalesce(sum((counts->>'read')::bigint), 0) as read,
                  coalesce(sum((counts->>'stored')::bigint), 0) as stored,
                  coalesce(sum((counts->>'duplicate')::bigint), 0) as duplicate,
                  coalesce(sum((counts->>'rejected')::bigint), 0) as rejected,
                  max((steps->'drain'->>'late_worst')::float) as late,
                  count(*) as batches
           from batches where horizon >= :since and counts is not null"""
    )
    with engine.connect() as connection:
        return dict(connection.execute(wanted, {"since": since}).mappings().one())


def recent_gaps(engine: Engine) -> list[Gap]:
    """The newest first."""
    wanted = text("select horizon, gaps from batches where gaps <> '[]' order by batch desc limit :most")
    with engine.connect() as connection:
        rows = connection.execute(wanted, {"most": GAPS}).all()
    return [_gap(horizon, gap) for horizon, gaps in rows for gap in gaps]


def rejects_by_reason(settings: Settings, since: datetime) -> dict[str, int]:
    """How many are open of those that were published since, the most frequent reason first."""
    from barograph.archive import Archive
    from barograph.rejects.shelf import Choice, rejects

    found = Counter(each.reason for each in rejects(Archive.of(settings), Choice(since=since)))
    return dict(found.most_common())


def sizes(settings: Settings) -> list[TableSize]:
    """Of the archive's tables, as their own logs have it: no file of data is opened."""
    from barograph.archive import Archive
    from barograph.maintenance import files

    return [
        TableSize(table.name, table.rows, table.bytes, len({part.keys["day"] for part in table.parts}))
        for table in files.tables(Archive.of(settings))
    ]


def _row(batch: Batch) -> BatchRow:
    seconds = [step.get("seconds", 0.0) for step in batch.steps.values() if isinstance(step, dict)]
    return BatchRow(
        batch=batch.batch,
        horizon=batch.horizon,
        dag_id=batch.dag_id,
        run_id=batch.run_id,
        counts=batch.counts if batch.counts and all(name in batch.counts for name in COUNTS) else None,
        lost=sum(_lost(gap) for gap in batch.gaps),
        done=batch.done,
        late=batch.steps.get("drain", {}).get("late_worst"),
        seconds=round(sum(seconds), 1) if seconds else None,
    )


def _gap(horizon: datetime, gap: Mapping[str, Any]) -> Gap:
    return Gap(horizon, f"{gap.get('topic', '')}-{gap.get('partition', '')}", _lost(gap), str(gap.get("why", "")))


def _lost(gap: Mapping[str, Any]) -> int:
    return int(gap.get("end", 0)) - int(gap.get("start", 0))


def _asked(ask: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return ask(), ""
    except (BarographError, SQLAlchemyError, OSError) as error:
        return None, _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
