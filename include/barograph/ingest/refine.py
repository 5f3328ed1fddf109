"""refine: what a batch touched, cleaned and summed up; load: the same as points in InfluxDB.

`refine` and `settle` call the same `refined`, so a live minute and a nightly day agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from barograph.archive import DUPLICATE_REACH, Archive, inside
from barograph.influx import bare, lines
from barograph.influx.load import load as load_lines
from barograph.influx.load import register
from barograph.registry import Site
from barograph.settings import Settings
from barograph.state.ledger import Batch
from barograph.transforms import cleaning, windowing
from barograph.transforms.places import Places
from barograph.transforms.summing import Summing
from barograph.windows import TICK, Window, merged


def places_of(settings: Settings, sites: Sequence[Site]) -> Places:
    how = settings.windows
    summing = Summing(how.size, how.slide, tuple(how.rollups), how.statistics_of)
    return Places.of_sites(sites, settings.default_site, settings.ingest.default_cadence, summing)


def refined(
    spark: SparkSession,
    archive: Archive,
    places: Places,
    windows: Sequence[Window],
    counted: Window | None = None,
    known: int | None = None,
) -> DataFrame:
    """The record's readings of these windows: once each, placed in their site and zone, flagged.

    `came` counts the copies of each, original and duplicates; with `counted`, only those from that window. What the
    flags depend on around the windows is read with them. `known`: as it was after that batch.
    """
    reach = places.reach
    more = [max(timedelta(0), each - DUPLICATE_REACH) for each in (reach.back, reach.ahead)]
    around = [window.widened(*more) for window in windows]
    near = archive.near(spark, around)
    if known is not None:
        near = near.where(F.col("batch") <= known)
    return near.transform(cleaning.refined, places, counted).where(inside(windows))


def live(settings: Settings, batch: Batch) -> list[Window]:
    """The touched ranges that are ours: what is older than `live_hours` is left to `daily`."""
    ours = Window(
        batch.horizon - timedelta(hours=settings.ingest.live_hours),
        batch.horizon + timedelta(seconds=settings.ingest.max_ahead),
    )
    return [part for window in batch.touched or [] if (part := window.clipped(ours))]


def changed(places: Places, touched: Sequence[Window]) -> list[Window]:
    """The touched ranges, and around them all whose flags a new reading there may have changed."""
    return merged(map(places.reach.changed_by, touched))


@contextmanager
def refine(
    spark: SparkSession, archive: Archive, places: Places, touched: Sequence[Window], known: int | None = None
) -> Iterator[tuple[DataFrame, DataFrame]]:
    """Refined readings of the touched ranges, and every sliding window that has one of them in it; see `refined`."""
    reach = timedelta(seconds=places.longest_window)
    around = merged(window.widened(reach, reach) for window in touched)
    near = refined(spark, archive, places, around, known=known)
    near.persist()
    try:
        yield (
            near.where(inside(touched)),
            windowing.windows(near, places.summing).where(inside(touched, "start", "end")),
        )
    finally:
        near.unpersist()


def looked_at(readings: DataFrame, batch: Batch, summing: Summing) -> tuple[int, Window | None]:
    """How many readings, and from which to which there are some of earlier batches that no statistic counts."""
    uncounted = F.when((F.col("batch") < batch.batch) & ~F.col("flag").isin(*summing.flags), F.col("time"))
    sums = F.count("*").alias("rows"), F.min(uncounted).alias("first"), F.max(uncounted).alias("last")
    [row] = readings.agg(*sums).toArrow().to_pylist()
    return row["rows"], None if row["first"] is None else Window(row["first"], row["last"] + TICK)


def load(
    spark: SparkSession,
    settings: Settings,
    batch: Batch,
    touched: Sequence[Window],
    readings: DataFrame,
    windows: DataFrame,
    uncounted: Window | None,
) -> None:
    """Write readings and windows of touched ranges to InfluxDB, as points that overwrite what they were before.

    `uncounted`: see `looked_at`. Windows there may have had statistics, and have none now.
    """
    register(spark)
    kept = windows.where(F.col("end") > F.lit(kept_since(settings, batch)))
    if uncounted:
        forget_statistics(settings, settings.influx.windows, kept.where(inside([uncounted], "start", "end")), "end")
    load_lines(
        settings,
        {
            settings.influx.readings: lines.reading_lines(readings),
            settings.influx.windows: lines.window_lines(kept),
        },
        since=min(window.start for window in touched),
    )


def forget_statistics(
    settings: Settings, bucket: str, rows: DataFrame, time: str, keys: Sequence[str] = bare.KEYS
) -> None:
    """Delete the points of windows or rollups of which nothing is good any more: what is written next says less."""
    without = rows.where(F.col("mean").isNull()).select("site", *keys, F.col(time).alias("time")).toArrow()
    for site in without["site"].unique().to_pylist():
        bare.forget(settings, bucket, site, without.filter(pc.field("site") == site), keys)


def kept_since(settings: Settings, batch: Batch) -> datetime:
    """InfluxDB refuses windows that end before this: its bucket's retention, seen from a batch, less a margin."""
    return batch.horizon - timedelta(days=settings.influx.windows_days) + timedelta(hours=1)
