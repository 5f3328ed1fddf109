"""drain: read exactly the planned offsets, append them to the record, count what is there now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sqlalchemy import Engine

from barograph import kafka
from barograph import spark as edge
from barograph.archive import Archive, inside
from barograph.errors import LedgerError
from barograph.ingest.plan import GONE, plan, still_there
from barograph.schemas import RECORD
from barograph.settings import Settings
from barograph.state import alarms, system_alarms
from barograph.state.ledger import Batch, Ledger, Slice
from barograph.transforms import cleaning, parsing
from barograph.windows import EPOCH, Window, iso, merged, utc

WRITER = "drain"
NEAR = timedelta(minutes=10)
"""Touched ranges that lie closer than this are refined as one."""

FULL_PACK = 500
"""Readings of a message, at least, where a history is published or a collector had to wait."""

ROWS_PER_FILE = 200_000
"""A batch of a minute is one file a day: many small ones make every later look slow."""

log = structlog.get_logger()


def topics(settings: Settings) -> list[str]:
    return [*settings.kafka.topics, settings.kafka.rejects]


def adopt(settings: Settings, ledger: Ledger, archive: Archive, now: datetime) -> None:
    """Enter batches that the record has and the ledger lacks: somebody restored an older database."""
    latest = archive.latest_batch(ledger.writer)
    if latest is None:
        return
    newest = ledger.latest()
    if newest is None or newest.batch < latest:
        commits = [*archive.commits("readings", ledger.writer), *archive.commits("rejects", ledger.writer)]
        told = {facts["batch"]: facts for facts in commits}
        told = _from_rows(settings, ledger, archive, newest.batch if newest else 0) | told
        lacking = sorted(told.keys() - ledger.known(list(told)))
        if lacking:
            _say_so(ledger.engine, newest, min(utc(told[number]["horizon"]) for number in lacking), now)
        for number in lacking:
            ledger.adopt(told[number])
            log.warning("adopted", batch=number, why="the record has it and the ledger had not")
    # All writers share one sequence: a number of a replay is taken as well.
    ledger.stay_above(max(latest, archive.highest_batch() or 0))


def _say_so(engine: Engine, newest: Batch | None, first: datetime, now: datetime) -> None:
    """The database is older than the record: unless who restored it has said so, nobody else will."""
    known = newest.horizon if newest else first
    noted = system_alarms.restored(engine)
    if noted is None or noted < known:
        with engine.begin() as connection:
            system_alarms.record_restored(connection, now, known, "The database is older than the record.")


def _from_rows(settings: Settings, ledger: Ledger, archive: Archive, above: int) -> dict[int, dict[str, Any]]:
    """What the rows tell of batches whose commits Delta's log has forgotten: it is kept for two days."""
    logs = {(log.topic, log.partition): log for log in kafka.offsets(settings, topics(settings))}
    rows: dict[int, list[dict[str, Any]]] = {}
    for row in archive.positions(ledger.writer, above):
        rows.setdefault(row["batch"], []).append(row)
    return {
        number: {
            "batch": number,
            "dag_id": "adopted",
            "run_id": f"batch {number}",
            "horizon": iso(max(row["published"] for row in mine)),
            "plan": [asdict(part) for part in _slices(mine, logs)],
            "expected": {
                # How many messages and frames they came in, the rows do not tell.
                "messages": 0,
                "frames": 0,
                "read": sum(row["rows"] for row in mine),
                "kept": sum(row["rows"] for row in mine if row["table"] == "readings"),
            },
        }
        for number, mine in rows.items()
    }


def _slices(rows: list[dict[str, Any]], logs: Mapping[tuple[str, int], kafka.PartitionOffsets]) -> Iterator[Slice]:
    for topic, partition in sorted({(row["topic"], row["partition"]) for row in rows}):
        mine = [row for row in rows if (row["topic"], row["partition"]) == (topic, partition)]
        first, last = min(row["first"] for row in mine), max(row["last"] for row in mine)
        found = logs.get((topic, partition))
        # A log that does not reach so far is another one: it is read from its beginning, and identity finds doubles.
        topic_id = found.topic_id if found and last < found.end else ""
        yield Slice(topic, topic_id, partition, first, last + 1)


def planned(settings: Settings, ledger: Ledger, dag_id: str, run_id: str, horizon: Any, most: int) -> Batch:
    """A new line in the ledger for this run."""
    slices, gaps = plan(kafka.offsets(settings, topics(settings)), ledger.positions(), most)
    batch = ledger.plan(dag_id, run_id, horizon, slices, gaps)
    _tell(ledger, batch)
    return batch


def drain(spark: SparkSession, settings: Settings, archive: Archive, ledger: Ledger, batch: Batch) -> Batch:
    """Bring one batch into the record, once. Raises LedgerError when read = stored + duplicate + rejected fails."""
    if batch.counts is None:
        if not _appended(archive, batch):
            batch = _checked(settings, ledger, batch)
            edge.expect(spark, _guessed(ledger, batch))
            batch = _append(spark, settings, archive, ledger, batch)
        touched = reach_of(archive, batch)
        counts = _count(spark, archive, batch, touched)
        ledger.note(batch.batch, counts=counts, touched=touched)
        batch = replace(batch, counts=counts, touched=touched)
    check_balance(batch)
    return batch


def _guessed(ledger: Ledger, batch: Batch) -> int:
    """How many readings it may hold, before anybody has looked: as many to a message as lately."""
    lately = next((counts for each in ledger.recent(5) if (counts := each.counts) and counts.get("messages")), None)
    each = lately["read"] / lately["messages"] if lately else FULL_PACK
    return round(sum(part.messages for part in batch.plan) * each)


def _appended(archive: Archive, batch: Batch) -> bool:
    """Whether an earlier attempt got as far as the record. Looked for by rows: Delta forgets old versions."""
    if batch.expected is None:
        return False
    found: int = sum(archive.rows_of(table, batch.batch).num_rows for table in RECORD)
    return found == batch.expected["read"]


def _checked(settings: Settings, ledger: Ledger, batch: Batch) -> Batch:
    """Compare the plan with Kafka before Spark does: reading past a log's end hangs for minutes."""
    slices, gaps = still_there(batch.plan, kafka.offsets(settings, topics(settings)))
    if gaps:
        batch = replace(batch, plan=slices, gaps=[*batch.gaps, *gaps])
        ledger.note(batch.batch, plan=[asdict(part) for part in slices], gaps=batch.gaps)
        _tell(ledger, batch)
    return batch


def _append(spark: SparkSession, settings: Settings, archive: Archive, ledger: Ledger, batch: Batch) -> Batch:
    from_collector = [part for part in batch.plan if part.topic == settings.kafka.rejects and part.messages]
    from_devices = [part for part in batch.plan if part.topic != settings.kafka.rejects and part.messages]
    refused = parsing.collector_rejects(_messages(spark, settings, from_collector)) if from_collector else None
    frames = None
    if from_devices:
        messages = _messages(spark, settings, from_devices)
        frames = parsing.frames(messages, settings.ingest.max_ahead).persist()
    try:
        expected, missing = _expected(frames, refused, [*from_devices, *from_collector])
        if any(gap["why"] == GONE for gap in batch.gaps):
            expected = _with_appended(archive, batch, expected)
        edge.expect(spark, expected["read"])
        batch = replace(batch, expected=expected, gaps=[*batch.gaps, *missing])
        ledger.note(batch.batch, expected=expected, gaps=batch.gaps)
        if missing:
            _tell(ledger, batch)
        facts = {
            "dag_id": batch.dag_id,
            "run_id": batch.run_id,
            "horizon": iso(batch.horizon),
            "plan": [asdict(part) for part in batch.plan],
            "expected": expected,
        }
        if frames is not None:
            undrainable = parsing.rejects(frames)
            refused = undrainable if refused is None else undrainable.unionByName(refused)
            if expected["kept"]:
                _write(archive, "readings", parsing.readings(frames), "time", batch, facts)
        if refused is not None and expected["read"] > expected["kept"]:
            _write(archive, "rejects", refused, "published", batch, facts)
    finally:
        if frames is not None:
            frames.unpersist()
    return batch


def _with_appended(archive: Archive, batch: Batch, expected: dict[str, int]) -> dict[str, int]:
    """An earlier attempt may have appended readings whose messages Kafka has forgotten since: they count."""
    appended = archive.rows_of("readings", batch.batch).num_rows
    more = max(0, appended - expected["kept"])
    return {**expected, "read": expected["read"] + more, "kept": expected["kept"] + more}


def _write(archive: Archive, table: str, rows: DataFrame, day_of: str, batch: Batch, facts: dict[str, Any]) -> None:
    if not archive.rows_of(table, batch.batch).num_rows:
        numbered = rows.withColumns(
            {"writer": F.lit(batch.writer), "batch": F.lit(batch.batch), "day": F.to_date(day_of)}
        )  # fmt: skip
        files = 1 + facts["expected"]["read"] // ROWS_PER_FILE
        archive.append(numbered.coalesce(files), table, batch.writer, batch.batch, facts)


def _messages(spark: SparkSession, settings: Settings, slices: Sequence[Slice]) -> DataFrame:
    def by_topic(value: Any) -> str:
        nested: dict[str, dict[str, int]] = {}
        for part in slices:
            nested.setdefault(part.topic, {})[str(part.partition)] = value(part)
        return json.dumps(nested)

    assigned: dict[str, list[int]] = {}
    for part in slices:
        assigned.setdefault(part.topic, []).append(part.partition)
    return (
        spark.read.format("kafka")
        .options(**kafka.spark_options(settings))
        .option("assign", json.dumps(assigned))
        .option("startingOffsets", by_topic(lambda part: part.start))
        .option("endingOffsets", by_topic(lambda part: part.end))
        .option("includeHeaders", "true")
        .option("failOnDataLoss", "true")
        .load()
    )


def _expected(
    frames: DataFrame | None, refused: DataFrame | None, slices: Sequence[Slice]
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What the messages claim to hold, counted before anything is written; and offsets that held no message."""
    counted = []
    if frames is not None:
        counted += frames.groupBy("topic", "partition").agg(
            F.count_distinct("offset").alias("messages"), F.count("*").alias("frames"), F.sum("claimed").alias("read"),
            F.sum("kept").alias("kept"),
        ).collect()  # fmt: skip
    if refused is not None:
        counted += refused.groupBy("topic", "partition").agg(
            F.count("*").alias("messages"), F.count("*").alias("frames"), F.count("*").alias("read"),
            F.lit(0).alias("kept"),
        ).collect()  # fmt: skip
    messages = {(row.topic, row.partition): row.messages for row in counted}
    gaps = [
        {
            "topic": part.topic,
            "partition": part.partition,
            "start": part.start,
            "end": part.end,
            "why": f"{part.messages - messages.get((part.topic, part.partition), 0)} offsets held no message: "
            "the topic is compacted, or a producer's transactions left their marks",
        }
        for part in slices
        if part.messages != messages.get((part.topic, part.partition), 0)
    ]
    sums = {name: sum(row[name] for row in counted) for name in ("messages", "frames", "read", "kept")}
    return sums, gaps


def reach_of(archive: Archive, batch: Batch) -> list[Window]:
    """The stretches of event time in which the batch has readings."""
    rows = archive.rows_of("readings", batch.batch, ["time"])
    hours = rows.append_column("hour", pc.floor_temporal(rows["time"], unit="hour"))
    by_hour = hours.group_by("hour").aggregate([("time", "min"), ("time", "max")])
    bounds = (by_hour[name].cast(pa.int64()).to_pylist() for name in ("time_min", "time_max"))
    return merged((_between(first, last) for first, last in zip(*bounds, strict=True)), gap=NEAR)


def _between(first: int, last: int) -> Window:
    return Window(EPOCH + timedelta(microseconds=first), EPOCH + timedelta(microseconds=last + 1))


def _count(spark: SparkSession, archive: Archive, batch: Batch, touched: Sequence[Window]) -> dict[str, int]:
    """Count the batch as the record has it now: what was claimed before plays no part in this."""
    appended = archive.rows_of("readings", batch.batch).num_rows
    originals = archive.near(spark, touched).transform(cleaning.once).where(inside(touched))
    stored = originals.where(F.col("batch") == batch.batch).count() if appended else 0
    rejected = archive.rows_of("rejects", batch.batch).num_rows
    expected = batch.expected or {}
    return {
        "messages": expected.get("messages", 0),
        "frames": expected.get("frames", 0),
        "read": expected.get("read", 0),
        "stored": stored,
        "duplicate": appended - stored,
        "rejected": rejected,
    }


def check_balance(batch: Batch) -> None:
    """Raises LedgerError unless read = stored + duplicate + rejected."""
    counts = batch.counts or {}
    found = counts["stored"] + counts["duplicate"] + counts["rejected"]
    if counts["read"] != found:
        raise LedgerError(
            f"Batch {batch.batch} does not balance: read {counts['read']}, but the record has {counts['stored']} "
            f"stored + {counts['duplicate']} duplicate + {counts['rejected']} rejected = {found}. "
            "Nothing was loaded from it. docs/runbook.md#ingest--drain says how to compare it with Kafka."
        )


def _tell(ledger: Ledger, batch: Batch) -> None:
    """A gap is said aloud: in the log, in the ledger, and as an alarm."""
    for gap in batch.gaps:
        log.error("gap", batch=batch.batch, **gap)
        alarms.record_gap(ledger.engine, batch, gap)
