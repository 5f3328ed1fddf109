"""distribute: hand on to further targets what each finished batch changed, from the record as it was after it.

A day that was settled anew, because of late data or of the registry, follows whole, from the derived tables. All of it
comes after a batch is done and can fail without failing it. What a target misses waits between its position and the
newest batch; docs/targets.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sqlalchemy import Engine

from barograph import registry
from barograph import spark as edge
from barograph.archive import Archive
from barograph.destinations import Target, What
from barograph.errors import ArchiveError, JobFailed, SettingsError
from barograph.ingest.refine import changed, places_of, refine
from barograph.settings import Settings
from barograph.state.engine import connect
from barograph.state.ledger import Batch
from barograph.state.resettled import Resettled
from barograph.state.targets import Positions
from barograph.targets import Content, Delivered
from barograph.targets import distribute as deliver
from barograph.transforms.places import Places
from barograph.transforms.windowing import COLUMNS
from barograph.windows import EPOCH, TICK, Window

READINGS = 20_000
"""In one stretch of a batch; each may lie in a dozen windows, and all of those are held at once."""
MINUTE = timedelta(minutes=1)

TIMES = {"readings": "time", "windows": "start"}
DERIVED = {"readings": "refined", "windows": "windows"}
KEPT = {
    "readings": [
        "site", "device", "zone", "metric", "time", "value", "raw", "flag", "reasons", "historical", "batch",
    ],
    "windows": [column.split()[0] for column in COLUMNS.split(",")],
}  # fmt: skip


def begin(settings: Settings, engine: Engine) -> None:
    """A new target gets what comes from now on, the batch that is about to be made too."""
    if not settings.targets:
        return
    positions = Positions(engine)
    for target in settings.targets:
        positions.begin(target.name, first=target.begin == "first")


def distribute(
    settings: Settings, spark: SparkSession, archive: Archive, places: Places, engine: Engine
) -> dict[str, Any]:
    """The facts of the step: of all targets, and of each."""
    made_out = contents(spark, archive, places), of_days(archive, places)
    told = deliver(settings, Positions(engine), settings.targets, *made_out)
    return {
        "rows": sum(each.rows for each in told),
        "behind": max(each.batches_behind for each in told),
        "not_well": sum(not each.well for each in told),
        "targets": {each.target: asdict(each) for each in told},
    }


def distribute_by_hand(settings: Settings, name: str | None = None) -> list[Delivered]:
    """One run for all targets, or for one. Those that are stopped are tried again. Raises BarographError."""
    chosen = _chosen(settings, name)
    if not chosen:
        return []
    archive = Archive.of(settings)
    places = places_of(settings, registry.read_sites(settings.sites_folder))
    with edge.session(settings, "history") as spark:
        made_out = contents(spark, archive, places), of_days(archive, places)
        return deliver(settings, Positions(connect(settings)), chosen, *made_out, by_hand=True)


def _chosen(settings: Settings, name: str | None) -> Sequence[Target]:
    chosen = [target for target in settings.targets if name in (None, target.name)]
    if name is not None and not chosen:
        known = ", ".join(target.name for target in settings.targets) or "none; see docs/targets.md"
        raise SettingsError(f"There is no target {name} in settings.yaml. There are: {known}.")
    return chosen


def contents(
    spark: SparkSession, archive: Archive, places: Places
) -> Callable[[Batch], AbstractContextManager[Content]]:
    @contextmanager
    def of_batch(batch: Batch) -> Iterator[Content]:
        """Targets have no `daily`: what is older than `live_hours` goes to them too."""
        if not batch.touched:
            yield Content([], _nothing)
            return
        touched = changed(places, batch.touched)
        hull = Window(touched[0].start - timedelta(seconds=places.longest_window), touched[-1].end)
        try:
            with refine(spark, archive, places, touched, known=batch.batch) as (readings, windows):
                rows = {"readings": readings, "windows": windows}
                yield Content(
                    stretches(hull, _minutes(readings), READINGS),
                    lambda what, stretch: _rows(rows[what], what, stretch),
                )
        except PySparkException as error:
            raise JobFailed(str(error).split("JVM stacktrace:")[0].strip()[:500]) from error

    return of_batch


def of_days(archive: Archive, places: Places) -> Callable[[Resettled], Content]:
    """Its windows are those that end in it: the first ones begin before it."""

    def of_day(day: Resettled) -> Content:
        def read(table: str, columns: list[str], some: pc.Expression | None = None) -> pa.Table:
            try:
                return archive.derived(table, day.site, day.day, columns, some=some)
            except (OSError, pa.ArrowException) as error:
                raise ArchiveError(
                    f"{table} of {day.day} of {day.site} cannot be read: {error}. Settle the day again."
                ) from error

        settled = read("days", ["start", "end"]).to_pylist()
        if not settled:
            return Content([], _nothing)
        [bounds] = settled
        hull = Window(bounds["start"] - timedelta(seconds=places.longest_window), bounds["end"])
        minutes = pc.value_counts(pc.floor_temporal(read("refined", ["time"])["time"], unit="minute")).to_pylist()

        def rows(what: What, stretch: Window) -> pa.Table:
            time = pc.field(TIMES[what])
            inside = (time >= stretch.start) & (time < stretch.end)
            return read(DERIVED[what], KEPT[what], inside).sort_by(_order(what))

        return Content(stretches(hull, sorted((each["values"], each["counts"]) for each in minutes), READINGS), rows)

    return of_day


def stretches(hull: Window, minutes: Sequence[tuple[datetime, int]], most: int) -> list[Window]:
    """Cut a batch's time where a minute would be one reading too many; all of the time is in one of them."""
    cuts, held = [hull.start], 0
    for minute, count in minutes:
        if held and held + count > most:
            cuts.append(max(hull.start, minute))
            held = 0
        held += count
    return [Window(start, end) for start, end in pairwise([*cuts, hull.end]) if start < end]


def _minutes(readings: DataFrame) -> list[tuple[datetime, int]]:
    minute = F.floor(F.unix_micros("time") / F.lit(MINUTE // TICK)).alias("minute")
    counted = readings.groupBy(minute).count().toArrow().sort_by("minute").to_pylist()
    return [(EPOCH + row["minute"] * MINUTE, row["count"]) for row in counted]


def _rows(rows: DataFrame, what: What, stretch: Window) -> Any:
    time = F.col(TIMES[what])
    inside = (time >= F.lit(stretch.start)) & (time < F.lit(stretch.end))
    return rows.where(inside).select(*KEPT[what]).toArrow().sort_by(_order(what))


def _order(what: What) -> list[tuple[str, str]]:
    return [("device", "ascending"), ("metric", "ascending"), (TIMES[what], "ascending")]


def _nothing(what: What, stretch: Window) -> Any:
    raise AssertionError(f"nothing was touched, and somebody asks for {what} of {stretch}")
