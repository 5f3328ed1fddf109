"""settle: make one local day of one site anew from the record; the derived tables and InfluxDB get the same.

Everything here is a function of (record, day, registry): it may run at any time, and again, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from barograph import registry, schemas
from barograph import spark as edge
from barograph.archive import Archive
from barograph.influx import lines
from barograph.influx.load import load, register
from barograph.ingest.drain import WRITER
from barograph.ingest.refine import kept_since, refined
from barograph.registry import Site
from barograph.settings import Settings
from barograph.state.engine import connect, writer_lock
from barograph.state.ledger import Ledger
from barograph.transforms import windowing
from barograph.windows import Window

log = structlog.get_logger()


@dataclass(frozen=True)
class SettleSummary:
    site: str
    day: date
    counts: dict[str, int]


def settle(settings: Settings, site: Site, day: date, influx: bool = True) -> SettleSummary:
    """Settle one local day. `influx=False` leaves InfluxDB as it is. Raises BarographError."""
    archive = Archive.of(settings)
    window = Window.local_day(day, site.timezone)
    sites = registry.read_sites(settings.sites_folder)
    with writer_lock(connect(settings), "settle"), edge.session(settings, "history", lasting="settle") as spark:
        archive.create(spark)
        near = refined(spark, settings, archive, sites, [window.widened(_reach(sites), timedelta(0))])
        ours = near.where(F.col("site") == site.site).persist()
        readings = ours.where(F.col("time") >= F.lit(window.start))
        windows = windowing.windows(ours).where(
            (F.col("end") > F.lit(window.start)) & (F.col("end") <= F.lit(window.end))
        )
        periods = [windowing.rollups(readings, period, site.timezone) for period in ("hour", "day")]
        tables = {"refined": readings, "windows": windows, "rollups": periods[0].unionByName(periods[1])}

        def replace(name: str) -> None:
            keyed = tables[name].withColumns({"site": F.lit(site.site), "day": F.lit(day)})
            archive.replace_day(keyed.transform(_sorted), name, site.site, day)
            log.info("settled", site=site.site, day=day.isoformat(), table=name)

        # One file each is one core each; side by side they use the machine.
        log.info("refined", site=site.site, day=day.isoformat(), readings=ours.count())
        _side_by_side(*(partial(replace, name) for name in tables))
        ours.unpersist()
        sums = _day(spark, settings, archive, sites, site, day, window)
        _side_by_side(
            partial(archive.replace_day, sums, "days", site.site, day),
            *([partial(_load, spark, settings, archive, site, day, window)] if influx else []),
        )
        counts = _counts(archive, site, day)
    log.info("settle", site=site.site, day=day.isoformat(), **counts)
    return SettleSummary(site.site, day, counts)


def _side_by_side(*works: Callable[[], None]) -> None:
    """Do all of them at once; the first error is raised when all have ended."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def _reach(sites: list[Site]) -> timedelta:
    sizes = [edge.shape(device.cadence)[0] for site in sites for device in site.devices]
    return timedelta(seconds=max([edge.WINDOW, *sizes]))


def _sorted(rows: DataFrame) -> DataFrame:
    """In one file and one order, so that a re-run writes the same bytes."""
    order = [name for name in ("metric", "device", "period", "time", "end") if name in rows.columns]
    return rows.coalesce(1).sortWithinPartitions(*order)


def _day(
    spark: SparkSession, settings: Settings, archive: Archive, sites: list[Site], site: Site, day: date, window: Window
) -> DataFrame:
    """The day's sums. What was read is counted from the record as it came, not from what was refined."""
    owner = {device.device: place.site for place in sites for device in place.devices}
    default = settings.default_site or sites[0].site
    came = [row for row in archive.came(window) if owner.get(row["device"], default) == site.site]
    rejected = sum(
        row["count"] for row in archive.refused(window) if owner.get(row["device"] or "", default) == site.site
    )
    stored = archive.derived("refined", site.site, day, ["device"])["device"]
    arrived = sum(row["count"] for row in came)
    batches = sorted({row["batch"] for row in came})
    row = (
        site.site, day, window.start, window.end, batches, len(stored.unique()),
        arrived + rejected, len(stored), arrived - len(stored), rejected,
    )  # fmt: skip
    return spark.createDataFrame([row], schemas.DERIVED["days"])


def _load(spark: SparkSession, settings: Settings, archive: Archive, site: Site, day: date, window: Window) -> None:
    """Load InfluxDB from the tables just written. Windows past their bucket's retention stay in the archive."""
    register(spark)

    def table(name: str) -> DataFrame:
        whole = spark.read.format("delta").load(archive.path(name))
        return whole.where((F.col("site") == site.site) & (F.col("day") == F.lit(day)))

    newest = Ledger(connect(settings), WRITER).latest()
    points = {
        settings.influx.readings: lines.reading_lines(table("refined")),
        settings.influx.rollups: lines.rollup_lines(table("rollups")),
    }
    if newest and window.end > kept_since(settings, newest):
        kept = table("windows").where(F.col("end") > F.lit(kept_since(settings, newest)))
        points[settings.influx.windows] = lines.window_lines(kept)
    load(settings, points)


def _counts(archive: Archive, site: Site, day: date) -> dict[str, Any]:
    names = ["read", "stored", "duplicate", "rejected", "devices"]
    row = archive.derived("days", site.site, day, names).to_pylist()
    return row[0] if row else dict.fromkeys(names, 0)
