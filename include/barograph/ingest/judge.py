"""judge: fold the batch's readings into the alarms, from the last state before anything that changed.

What was replayed since the batch before is folded with it, as late data. Replays judge nothing themselves: there is one
chain of states, and the batches of `ingest` are its links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sqlalchemy import Engine

from barograph.archive import Archive
from barograph.ingest.refine import refined
from barograph.rules.history import RECENT, Rewound, rewound, touched_keys
from barograph.rules.judge import judge_on
from barograph.rules.readings import Judged, Key, moment
from barograph.rules.replays import NONE, Replayed, marked
from barograph.rules.state import Source
from barograph.rules.watches import Watches
from barograph.settings import Settings
from barograph.state import judged
from barograph.state.ledger import Batch, Ledger, replays_of
from barograph.transforms.places import Places
from barograph.windows import TICK, Window, microseconds

MANY = 500
"""Devices that a question names; more are all."""


def judge(
    spark: SparkSession,
    settings: Settings,
    archive: Archive,
    places: Places,
    rules: Watches,
    engine: Engine,
    batch: Batch,
) -> dict[str, int]:
    """Judge one batch. Returns counts of what it opened, cleared and withdrew."""
    if judged.judged_later(engine, batch.batch):
        return {"judged_later": 1}
    replays = replays_of(engine, batch.batch)
    replayed = _earliest(_sources(archive, places, each) for each in replays)
    sources = _earliest([_sources(archive, places, batch), replayed])
    # One connection at a time: the engine has two, and the writer's lock is one of them.
    with closing(judged.states(engine, batch.batch)) as earlier:
        newest = next(earlier, None)
        touched = touched_keys(sources, newest[1] if newest else None, rules)
        back = rewound(chain([newest] if newest else [], earlier), touched, rules)
    begins = _begins(engine, batch, touched, back)
    asked = {**newest[1].ahead, **sources} if newest else sources
    late = _late(replays, replayed, rules) if replays else NONE
    end = max(batch.horizon, moment(late.until), *(window.end for window in batch.touched or []))
    readings = _readings(spark, archive, places, batch, rules, (begins, end), asked) if begins is not None else []
    settled, horizon = _settled(places, batch, sources), microseconds(batch.horizon)
    kept, state, events = judge_on(
        back.state, readings, rules, settled, horizon, _silence(settings, archive, batch)
    )  # fmt: skip
    historical_after = timedelta(seconds=settings.ingest.historical_after)
    counts = judged.record(
        engine, batch, state, back.since, marked(events, late), rules, historical_after, kept=kept, replayed=late
    )  # fmt: skip
    return {**counts, **({"replays": len(replays)} if replays else {})}


def _earliest(many: Iterable[Mapping[Source, int]]) -> dict[Source, int]:
    found: dict[Source, int] = {}
    for source, since in chain.from_iterable(each.items() for each in many):
        found[source] = min(since, found.get(source, since))
    return found


def _late(replays: Sequence[Batch], sources: Mapping[Source, int], rules: Watches) -> Replayed:
    ends = [microseconds(window.end) for each in replays for window in each.touched or []]
    return Replayed(touched_keys(sources, None, rules), max(ends, default=0), [each.batch for each in replays])


def _settled(places: Places, batch: Batch, sources: dict[Source, int]) -> int:
    """Up to when readings are final: the next batch will change flags from as long before its horizon as this one did.

    What came late beyond that is no measure: for such the judge goes back further, when it comes.
    """
    horizon = microseconds(batch.horizon)
    recent = [since for since in sources.values() if since >= horizon - RECENT]
    return min(recent, default=horizon - places.reach.ahead // TICK)


def _sources(archive: Archive, places: Places, batch: Batch) -> dict[Source, int]:
    """For every point of whose readings the batch may have changed one: from when on.

    Its own readings, those shortly before (a reading is a spike only once the next is there), and those of neighbours
    that are compared with it.
    """
    if not batch.touched:
        return {}
    rows = archive.rows_of("readings", batch.batch, ["device", "metric", "port", "time"])
    least = rows.group_by(["device", "metric", "port"]).aggregate([("time", "min")])
    earliest: dict[Source, int] = {}
    ahead = places.reach.ahead // TICK
    for row in least.to_pylist():
        since = microseconds(row["time_min"]) - ahead
        for device in places.mates(row["device"], row["metric"]):
            source = device, row["metric"], row["port"]
            earliest[source] = min(since, earliest.get(source, since))
    return earliest


def _begins(engine: Engine, batch: Batch, touched: dict[Key, int], back: Rewound) -> int | None:
    """From when on to fold; None where nothing was touched.

    A key without an earlier state is folded from its beginning: at the latest from the earliest reading of all batches
    that have judged it.
    """
    begins = [touched[key] if since is None else since for key, since in back.since.items()]
    for number in {known for known in back.unknown.values() if known is not None}:
        first = Ledger(engine, batch.writer).touched_from(number, batch.batch)
        begins += [microseconds(first)] if first else []
    return min(begins, default=None)


def _readings(
    spark: SparkSession,
    archive: Archive,
    places: Places,
    batch: Batch,
    rules: Watches,
    stretch: tuple[int, datetime],
    sources: dict[Source, int],
) -> Iterator[Judged]:
    """All readings of the touched points, and of those that are heard with them, as the record had them then.

    Those beyond the horizon too: it is noted that they wait.
    """
    start, end = moment(stretch[0]), stretch[1]
    if start >= batch.horizon + timedelta(days=1):
        return iter([])
    inputs = {point for source in sources for watch in rules.hearing_of(*source) for point in watch.inputs}
    devices = {device for device, _ in inputs} | {device for device, _, _ in sources}
    rows: DataFrame = refined(spark, archive, places, [Window(start, max(start, end))], known=batch.batch)
    if len(devices) <= MANY and not _whole_ports(rules, sources):
        rows = rows.where(F.col("device").isin(*devices))
    value = F.coalesce("value", "raw").alias("value")
    table = rows.select(
        F.unix_micros("time").alias("time"), "device", "metric", value, "flag", "historical", "port", "boot"
    ).toArrow()
    columns = (table.column(name).to_pylist() for name in Judged._fields)
    return map(Judged._make, zip(*columns, strict=True))


def _whole_ports(rules: Watches, sources: dict[Source, int]) -> bool:
    """Whether a rule hears all that comes from a port."""
    return any(not watch.inputs for source in sources for watch in rules.hearing_of(*source))


def _silence(settings: Settings, archive: Archive, batch: Batch) -> int | None:
    """Up to when nothing is still to come; None: the horizon. A batch that left messages in Kafka knows less."""
    if sum(part.messages for part in batch.plan) < settings.ingest.max_messages:
        return None
    rows = archive.rows_of("readings", batch.batch, ["partition", "published"])
    newest = rows.group_by(["partition"]).aggregate([("published", "max")])["published_max"]
    return pc.min(newest.cast(pa.int64())).as_py() if len(newest) else 0
