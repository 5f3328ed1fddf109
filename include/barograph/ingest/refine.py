"""refine: what a batch touched, cleaned and summed up; load: the same as points in InfluxDB.

`refine` and `settle` call the same `refined`, so a live minute and a nightly day agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from barograph import spark as edge
from barograph.archive import Archive
from barograph.influx import lines
from barograph.influx.load import load as load_lines
from barograph.influx.load import register
from barograph.registry import Site
from barograph.settings import Settings
from barograph.state.ledger import Batch
from barograph.transforms import cleaning, windowing
from barograph.windows import Window, iso, merged


def refined(
    spark: SparkSession, settings: Settings, archive: Archive, sites: Sequence[Site], windows: Sequence[Window]
) -> DataFrame:
    """The record's readings of these windows: once each, placed in their site and zone, flagged."""
    stranger = edge.unregistered(spark, settings.default_site or sites[0].site, settings.ingest.default_cadence)
    return (
        archive.read(spark, windows)
        .transform(cleaning.apart)
        .transform(cleaning.placed, edge.devices(spark, sites), stranger)
        .transform(cleaning.flagged, edge.limits(spark, sites), edge.metrics(spark))
    )


def live(settings: Settings, batch: Batch) -> list[Window]:
    """The touched ranges that are ours: what is older than `live_hours` is left to `daily`."""
    ours = Window(
        batch.horizon - timedelta(hours=settings.ingest.live_hours),
        batch.horizon + timedelta(seconds=settings.ingest.max_ahead),
    )
    return [part for window in batch.touched or [] if (part := window.clipped(ours))]


@contextmanager
def refine(
    spark: SparkSession, settings: Settings, archive: Archive, sites: Sequence[Site], touched: Sequence[Window]
) -> Iterator[tuple[DataFrame, DataFrame]]:
    """Refined readings of the touched ranges, and every sliding window that has one of them in it."""
    reach = timedelta(seconds=max(edge.shape(cadence)[0] for cadence in _cadences(settings, sites)))
    near = refined(spark, settings, archive, sites, merged(window.widened(reach, reach) for window in touched))
    near.persist()
    readings = near.where(_any(touched, "time < timestamp '{end}' and time >= timestamp '{start}'"))
    windows = windowing.windows(near).where(_any(touched, "start < timestamp '{end}' and end > timestamp '{start}'"))
    try:
        yield readings, windows
    finally:
        near.unpersist()


def load(spark: SparkSession, settings: Settings, batch: Batch, readings: DataFrame, windows: DataFrame) -> None:
    """Write readings and windows to InfluxDB, as points that overwrite what they were before."""
    register(spark)
    kept = windows.where(F.col("end") > F.lit(kept_since(settings, batch)))
    load_lines(
        settings,
        {
            settings.influx.readings: lines.reading_lines(readings),
            settings.influx.windows: lines.window_lines(kept),
        },
    )


def kept_since(settings: Settings, batch: Batch) -> datetime:
    """InfluxDB refuses windows that end before this: its bucket's retention, seen from a batch, less a margin."""
    return batch.horizon - timedelta(days=settings.influx.windows_days) + timedelta(hours=1)


def _cadences(settings: Settings, sites: Sequence[Site]) -> list[float]:
    return [settings.ingest.default_cadence, *(device.cadence for site in sites for device in site.devices)]


def _any(windows: Sequence[Window], condition: str) -> str:
    each = [f"({condition.format(start=iso(window.start), end=iso(window.end))})" for window in windows]
    return " or ".join(each) or "false"
