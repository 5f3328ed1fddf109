"""judge: fold the batch's readings into the alarms, from the last state before anything that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sqlalchemy import Engine

from barograph.archive import Archive
from barograph.ingest.refine import refined
from barograph.readings import GOOD
from barograph.rules.judge import Judged, Key, PointState, State
from barograph.rules.judge import judge as fold
from barograph.rules.model import Rule
from barograph.settings import Settings
from barograph.state import alarms
from barograph.state.ledger import Batch, Ledger
from barograph.transforms.places import Places
from barograph.windows import EPOCH, Window

RuleBook = dict[str, tuple[Rule, str]]
"""Rule's name -> (rule, site)."""


def judge(
    spark: SparkSession,
    settings: Settings,
    archive: Archive,
    places: Places,
    book: RuleBook,
    engine: Engine,
    batch: Batch,
) -> dict[str, int]:
    """Judge one batch. Returns counts of what it opened, cleared and withdrew."""
    if alarms.judged_later(engine, batch.batch):
        return {"judged_later": 1}
    rules = [rule for rule, _ in book.values()]
    touched = _first_touched(archive, places, batch, rules)
    newest, since, begins = _before(engine, batch, touched)
    base = {key: point for key, point in newest.items() if key[0] in book}
    for key, point in since.items():
        if point is None:
            base.pop(key, None)
        else:
            base[key] = point
    readings = _readings(spark, archive, places, batch, begins, since) if since else []
    state, events = fold(base, readings, rules, batch.horizon)
    return alarms.record(
        engine,
        batch,
        state,
        {key: point.last if point else None for key, point in since.items()},
        events,
        book,
        timedelta(seconds=settings.ingest.historical_after),
    )


def _first_touched(archive: Archive, places: Places, batch: Batch, rules: Sequence[Rule]) -> dict[Key, datetime]:
    """For every watched point of whose readings the batch may have changed one: from when on.

    Its own readings, those shortly before (a reading is a spike only once the next is there), and those of neighbours
    that are compared with it.
    """
    if not rules or not batch.touched:
        return {}
    rows = archive.rows_of("readings", batch.batch, ["device", "metric", "time"])
    earliest: dict[tuple[str, str], datetime] = {}
    for row in rows.group_by(["device", "metric"]).aggregate([("time", "min")]).to_pylist():
        since = row["time_min"] - places.reach.ahead
        for device in places.mates(row["device"], row["metric"]):
            point = device, row["metric"]
            earliest[point] = min(since, earliest.get(point, since))
    return {
        (rule.rule, device, metric): since
        for (device, metric), since in earliest.items()
        for rule in rules
        if rule.watches(device, metric)
    }


def _before(
    engine: Engine, batch: Batch, touched: dict[Key, datetime]
) -> tuple[State, dict[Key, PointState | None], dict[Key, datetime]]:
    """The newest state; of each touched point its newest state from before what was touched; and from when to fold.

    A point without such a state is folded from its beginning: at the latest from the earliest reading of all batches
    that have judged it.
    """
    newest: State | None = None
    since: dict[Key, PointState | None] = dict.fromkeys(touched)
    begins, oldest = dict(touched), dict.fromkeys(touched, batch.batch)
    waiting = set(touched)
    for number, state in alarms.states(engine, batch.batch):
        newest = state if newest is None else newest
        for key in list(waiting):
            point = state.get(key)
            if point is not None and point.last >= touched[key]:
                oldest[key] = number
                continue
            waiting.discard(key)
            if point is not None:
                since[key], begins[key] = point, point.last
        if not waiting:
            break
    for number in {oldest[key] for key, point in since.items() if point is None}:
        first = Ledger(engine, batch.writer).touched_from(number, batch.batch)
        for key, point in since.items():
            if point is None and oldest[key] == number and first:
                begins[key] = min(begins[key], first)
    return newest or {}, since, begins


def _readings(
    spark: SparkSession,
    archive: Archive,
    places: Places,
    batch: Batch,
    begins: dict[Key, datetime],
    since: dict[Key, PointState | None],
) -> Iterable[Judged]:
    """Good readings of the touched points in the order of time, as the record had them after this batch."""
    start = min(begins.values())
    if start >= batch.horizon:
        return []
    rows: DataFrame = (
        refined(spark, archive, places, [Window(start, batch.horizon)], known=batch.batch)
        .where(F.col("flag") == GOOD)
        .where(F.col("metric").isin(*{metric for _, _, metric in since}))
        .where(F.col("device").isin(*{device for _, device, _ in since}))
        .select("device", "metric", F.unix_micros("time").alias("micros"), "value", "historical")
        .orderBy("time", "device", "metric")
    )
    table = rows.toArrow()
    columns = (table.column(name).to_pylist() for name in table.column_names)
    return [
        Judged(device, metric, _moment(micros), value, historical)
        for device, metric, micros, value, historical in zip(*columns, strict=True)
    ]


def _moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
