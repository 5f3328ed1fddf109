"""replay: decode rejects again, as formats and parser are now, and bring what can be read into the record.

rejects ─► messages ─► parsing ─► record ─► refine ─► InfluxDB        the same river as `ingest`, one batch of its own

A row of record/rejects is never changed. A replay adds what it found out (transforms.refusals), and the reading has the
place in Kafka of its reject and an identity that follows from it: done twice, it is a duplicate. The batch's line in
the ledger counts the rejects it brought in as `replayed`: all rejected less all replayed is what is still missing.
The next batch of `ingest` judges its readings, as late data (ledger.replays_of).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sqlalchemy import Engine, select

from barograph import registry
from barograph import spark as edge
from barograph.archive import Archive, inside
from barograph.errors import FrameError
from barograph.ingest.drain import check_balance, reach_of
from barograph.ingest.late import days_behind
from barograph.ingest.refine import changed, load, looked_at, places_of, refine
from barograph.rejects.decoding import listeners, messages
from barograph.rejects.shelf import Choice, Reject, rejects, with_bytes
from barograph.schemas import RECORD
from barograph.settings import Settings
from barograph.state import stale
from barograph.state.engine import connect, writer_lock
from barograph.state.ledger import Batch, Ledger
from barograph.state.tables import batches
from barograph.transforms import cleaning, parsing
from barograph.transforms.refusals import REPLAY, REPLAYED
from barograph.windows import iso, utc

AT_ONCE = 10_000
"""Rejects of one batch, the oldest first; each may have 64 kB."""

TIME = pa.timestamp("us", "UTC")
COLUMNS = "topic string, partition int, offset bigint, timestamp timestamp, value binary"
MESSAGES = pa.schema(
    [
        ("topic", pa.string()), ("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", TIME),
        ("value", pa.binary()),
    ]
)  # fmt: skip
NOTES = pa.schema(
    [
        *((name, pa.string()) for name in ("reason", "detail", "stage", "port", "device", "metric")),
        ("raw", pa.binary()), ("time", TIME), ("published", TIME), ("topic", pa.string()), ("partition", pa.int32()),
        ("offset", pa.int64()), ("frame", pa.int32()),
    ]
)  # fmt: skip

log = structlog.get_logger()


@dataclass(frozen=True)
class Replayed:
    """What one batch of a replay did."""

    batch: int
    counts: dict[str, int]
    still: dict[str, int] = field(default_factory=dict)
    """Rejects that stay, by their reason now."""
    days: list[tuple[str, date]] = field(default_factory=list)
    """(site, local day) that are over, and marked as stale: the next night settles them again."""
    left: int = 0
    """Chosen rejects that were too many for one batch."""


@dataclass(frozen=True)
class _Outcome:
    """Readings, and what was found out about each reject."""

    readings: pa.Table
    notes: list[dict[str, Any]]
    read: int
    still: dict[str, int]


def replay(settings: Settings, choice: Choice, run_id: str, now: datetime) -> list[Replayed]:
    """Complete what earlier replays left, then this one's batch; nothing where nothing is to replay.

    Raises BarographError. The same `run_id` again redoes its own batch.
    """
    engine, archive = connect(settings), Archive.of(settings)
    with writer_lock(engine, "replay"), edge.session(settings, "history") as spark:
        edge.expect(spark, AT_ONCE)
        archive.create(spark)
        work = _Work(settings, spark, archive, engine)
        # A restored older database must not give out a number that the record knows.
        Ledger(engine, "replay").stay_above(archive.highest_batch() or 1)
        _adopt(engine, archive, now)
        done = [work.complete(ledger, batch) for ledger, batch in _unfinished(engine)]
        ledger = Ledger(engine, f"replay:{run_id}")
        own = ledger.of_run("replay", run_id)
        if own is None and rejects(archive, choice):
            own = ledger.plan("replay", run_id, now, [], [])
            ledger.step(own.batch, "choice", _told(choice))
        if own and own.batch not in {each.batch for each in done}:
            done.append(work.complete(ledger, ledger.get(own.batch) or own))
        return done


@dataclass(frozen=True)
class _Work:
    settings: Settings
    spark: SparkSession
    archive: Archive
    engine: Engine

    def complete(self, ledger: Ledger, batch: Batch) -> Replayed:
        """Every step of a batch; all are safe to repeat."""
        left = 0
        if batch.counts is None:
            # An adopted batch is in the record as it is: nothing is chosen for it.
            told = batch.steps.get("choice")
            found = rejects(self.archive, _choice(told), before=batch.batch) if told is not None else []
            left = max(0, len(found) - AT_ONCE)
            chosen = with_bytes(self.archive, found[::-1][:AT_ONCE])
            outcome = self._decoded(chosen)
            batch = self._append(ledger, batch, outcome)
            ledger.step(batch.batch, "still", outcome.still)
            batch = replace(batch, steps={**batch.steps, "still": outcome.still})
        check_balance(batch)
        sites = registry.read_sites(self.settings.sites_folder)
        places = places_of(self.settings, sites)
        touched = changed(places, batch.touched or [])
        if touched:
            with refine(self.spark, self.archive, places, touched) as (readings, windows):
                _, uncounted = looked_at(readings, batch, places.summing)
                load(self.spark, self.settings, batch, touched, readings, windows, uncounted)
        counts = batch.counts or {}
        days = sorted(days_behind(self.archive, places, batch.batch, batch.horizon))
        stale.mark(self.engine, days, stale.LATE, batch.batch)
        ledger.note(batch.batch, done=True)
        log.info("replayed", batch=batch.batch, **counts)
        return Replayed(batch.batch, counts, batch.steps.get("still", {}), days, left)

    def _decoded(self, chosen: Sequence[Reject]) -> _Outcome:
        heard = listeners(self.settings.sites_folder, [each.row["port"] for each in chosen if each.row["port"]])
        told: list[tuple[Reject, int, bytes]] = []
        why: dict[str, tuple[str, str | None]] = {}
        for each in chosen:
            try:
                told += [(each, message.frame, message.value) for message in messages(each.row, heard)]
            except FrameError as error:
                why[each.id] = (error.reason, error.detail)
        kept, refused = self._parsed(told)
        fresh = list(_placed(refused, told))
        # A frame counts whole or not at all: a reject that says half of its frames stays one reject.
        for row in fresh:
            if row["metric"] is None or row["whose"].row["metric"] is not None:
                why.setdefault(row["whose"].id, (row["reason"], row["detail"]))
        rows = [row for row in _placed(kept, told) if row["whose"].id not in why]
        brought = {row["whose"].id for row in rows}
        # What is read now may have a value that is not: that one is a reject of its own from here on.
        own = [row for row in fresh if row["whose"].id in brought]
        notes, still = [], Counter[str]()
        for each in chosen:
            reason, detail = (REPLAYED, None) if each.id in brought else why.get(each.id, (each.reason, each.detail))
            if each.id not in brought:
                still[reason] += 1
            if (reason, detail or None) != (each.reason, each.detail or None):
                notes.append(_note(each, reason, detail))
        return _Outcome(pa.Table.from_pylist(rows, kept.schema), [*notes, *own], len(rows) + len(own), dict(still))

    def _parsed(self, told: Sequence[tuple[Reject, int, bytes]]) -> tuple[pa.Table, pa.Table]:
        """What drain's parser makes of the messages; `offset` is the place in `told`."""
        rows = [
            {"topic": "", "partition": 0, "offset": n, "timestamp": each.row["published"], "value": value}
            for n, (each, _, value) in enumerate(told)
        ]
        # Of no rows at all, Spark does not take the columns from Arrow.
        given = self.spark.createDataFrame(pa.Table.from_pylist(rows, MESSAGES), COLUMNS)
        frames = parsing.frames(given, self.settings.ingest.max_ahead)
        return parsing.readings(frames).toArrow(), parsing.rejects(frames).toArrow()

    def _append(self, ledger: Ledger, batch: Batch, outcome: _Outcome) -> Batch:
        expected = {"messages": 0, "frames": 0, "read": outcome.read, "kept": outcome.readings.num_rows}
        if batch.expected and any(self.archive.rows_of(table, batch.batch).num_rows for table in RECORD):
            # An earlier attempt got as far as the record: what it read counts, whatever the formats are by now.
            expected = batch.expected
        ledger.note(batch.batch, expected=expected)
        facts = {
            "dag_id": batch.dag_id, "run_id": batch.run_id, "horizon": iso(batch.horizon), "plan": [],
            "expected": expected,
        }  # fmt: skip
        if outcome.readings.num_rows:
            self._write("readings", outcome.readings, "time", batch, facts)
        if outcome.notes:
            self._write("rejects", pa.Table.from_pylist(outcome.notes, NOTES), "published", batch, facts)
        touched = reach_of(self.archive, batch)
        appended = self.archive.rows_of("readings", batch.batch).num_rows
        originals: DataFrame = self.archive.near(self.spark, touched).transform(cleaning.once).where(inside(touched))
        stored = originals.where(F.col("batch") == batch.batch).count() if appended else 0
        noted = self.archive.rows_of("rejects", batch.batch, ["stage", "reason"]).to_pylist()
        counts = {
            "messages": 0,
            "frames": 0,
            "read": expected["read"],
            "stored": stored,
            "duplicate": appended - stored,
            "rejected": sum(row["stage"] != REPLAY for row in noted),
            "replayed": sum(row["reason"] == REPLAYED for row in noted),
        }
        ledger.note(batch.batch, counts=counts, touched=touched)
        return replace(batch, counts=counts, touched=touched)

    def _write(self, table: str, rows: pa.Table, day_of: str, batch: Batch, facts: Mapping[str, Any]) -> None:
        if not self.archive.rows_of(table, batch.batch).num_rows:
            numbered = self.spark.createDataFrame(rows).withColumns(
                {"writer": F.lit(batch.writer), "batch": F.lit(batch.batch), "day": F.to_date(day_of)}
            )
            self.archive.append(numbered.coalesce(1), table, batch.writer, batch.batch, dict(facts))


def _placed(parsed: pa.Table, told: Sequence[tuple[Reject, int, bytes]]) -> Iterator[dict[str, Any]]:
    """Rows where their reject stood in Kafka: the identity of what numbers nothing. A single value's row alone."""
    for row in parsed.to_pylist():
        reject, frame, _ = told[row["offset"]]
        if reject.row["metric"] in (None, row["metric"]):
            place = {name: reject.row[name] for name in ("topic", "partition", "offset", "published")}
            yield {**row, **place, "frame": reject.row["frame"] + frame + row["frame"], "whose": reject}


def _note(reject: Reject, reason: str, detail: str | None) -> dict[str, Any]:
    kept = ("topic", "partition", "offset", "frame", "metric", "published", "device", "port", "time")
    return {
        **{name: reject.row[name] for name in kept},
        "stage": REPLAY,
        "reason": reason,
        "detail": detail,
        "raw": None,
    }


def _adopt(engine: Engine, archive: Archive, now: datetime) -> None:
    """Enter replays that the record has and the ledger lacks: somebody restored an older database."""
    found = archive.writers(REPLAY)
    for batch in sorted(found.keys() - Ledger(engine, REPLAY).known(list(found))):
        writer, read = found[batch]
        expected = {"messages": 0, "frames": 0, "read": read, "kept": read}
        facts = {"batch": batch, "dag_id": "adopted", "run_id": f"batch {batch}", "horizon": iso(now), "plan": []}
        Ledger(engine, writer).adopt({**facts, "expected": expected})
        log.warning("adopted", batch=batch, why="the record has it and the ledger had not")


def _unfinished(engine: Engine) -> list[tuple[Ledger, Batch]]:
    """Replays that were killed, oldest first."""
    left = select(batches.c.writer).where(batches.c.writer.like("replay:%"), ~batches.c.done).order_by(batches.c.batch)
    with engine.connect() as connection:
        ledgers = [Ledger(engine, writer) for writer in dict.fromkeys(connection.scalars(left))]
    # Without a choice it was killed before it was more than a number.
    return [
        (ledger, batch)
        for ledger in ledgers
        for batch in ledger.unfinished()
        if "choice" in batch.steps or batch.expected
    ]


def _told(choice: Choice) -> dict[str, Any]:
    return {name: iso(fact) if isinstance(fact, datetime) else fact for name, fact in asdict(choice).items() if fact}


def _choice(told: Mapping[str, Any]) -> Choice:
    times = {name: utc(told[name]) for name in ("since", "until") if name in told}
    return Choice(**{**told, **times, "ids": tuple(told.get("ids", ()))})
