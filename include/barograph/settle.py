"""settle: make one local day of one site anew from the record; the derived tables and InfluxDB get the same.

Everything here is a function of (record, day, registry): it may run at any time, and again, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from barograph import registry
from barograph import spark as edge
from barograph.archive import DUPLICATE_REACH, Archive
from barograph.errors import LedgerError
from barograph.influx import lines, view
from barograph.influx.bare import KEYS
from barograph.influx.load import load, register
from barograph.ingest import annotate
from barograph.ingest.drain import WRITER
from barograph.ingest.refine import forget_statistics, kept_since, places_of, refined
from barograph.registry import Site
from barograph.settings import Settings
from barograph.state import resettled, stale
from barograph.state.engine import connect, writer_lock
from barograph.state.ledger import Ledger, newest_finished
from barograph.state.stale import Stale
from barograph.transforms import windowing
from barograph.transforms.places import Places
from barograph.transforms.summing import Summing
from barograph.windows import Window

PATIENCE = 60.0
"""Seconds to wait for who writes derived tables at the moment: `maintenance` does, while it compacts a day."""

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
    places = places_of(settings, registry.read_sites(settings.sites_folder))
    with (
        writer_lock(connect(settings), "settle", PATIENCE),
        edge.session(settings, "history", lasting="settle") as spark,
        edge.watched(spark, "settle", site=site.site, day=day.isoformat()),
    ):
        archive.create(spark)
        # Before the record is looked at: what comes between the two leaves its mark.
        marks = stale.marked(connect(settings), site.site, day)
        known = newest_finished(connect(settings))
        # `ingest` may add late readings meanwhile: all that follows sees one and the same record.
        archive = archive.pinned("readings", "rejects")
        came = [row for row in archive.came(window) if places.of(row["device"]).site == site.site]
        edge.expect(spark, sum(row["count"] for row in came))
        around = window.widened(max(timedelta(seconds=places.longest_window), DUPLICATE_REACH), DUPLICATE_REACH)
        near = refined(spark, archive, places, [around], counted=window)
        ours = near.where(F.col("site") == site.site).persist()
        tables = _tables(ours, site, window, places.summing)
        try:
            counts, batches = _balanced(archive, places, site, window, came, ours)
            log.info("refined", site=site.site, day=day.isoformat(), **counts)
            keys = {"site": F.lit(site.site), "day": F.lit(day)}
            # One file each is one core each; side by side they use the machine.
            _side_by_side(
                *(
                    partial(archive.replace_day, rows.withColumns(keys).transform(_sorted), name, site.site, day)
                    for name, rows in tables.items()
                ),
                *([partial(_load, spark, settings, site, window, tables, marks)] if influx else []),
            )
        finally:
            ours.unpersist()
        points = _written(archive, site, day, counts["stored"])
        # Last: a day that stands in `days` is whole.
        sums = {"site": site.site, "day": day, "start": window.start, "end": window.end, "batches": batches}
        sums["inputs"] = places.inputs(points, window)
        if _another(archive, {**sums, **counts}, marks):
            # Before the sums: who is killed between the two does both again.
            resettled.note(connect(settings), site.site, day, known)
        archive.replace_sums({**sums, **counts})
        if influx:
            stale.settled(connect(settings), marks)
    log.info("settle", site=site.site, day=day.isoformat(), **counts)
    return SettleSummary(site.site, day, counts)


def _tables(ours: DataFrame, site: Site, window: Window, summing: Summing) -> dict[str, DataFrame]:
    """The day's part of each derived table. A window belongs to the day in which it ends."""
    readings = ours.where((F.col("time") >= F.lit(window.start)) & (F.col("time") < F.lit(window.end)))
    ends_here = (F.col("end") > F.lit(window.start)) & (F.col("end") <= F.lit(window.end))
    return {
        "refined": readings,
        "windows": windowing.windows(ours, summing).where(ends_here),
        "rollups": windowing.rollups(readings, site.timezone, summing),
    }


def _another(archive: Archive, sums: dict[str, Any], marks: Sequence[Stale]) -> bool:
    """Whether the day was settled before, and from other readings or with another registry."""
    before = archive.derived("days", sums["site"], sums["day"]).to_pylist()
    return bool(before) and (before != [sums] or bool(marks))


def _written(archive: Archive, site: Site, day: date, stored: int) -> set[tuple[str, str]]:
    """The (device, metric)s of the day's readings, as they stand in the table now."""
    written = archive.derived("refined", site.site, day, ["device", "metric"])
    if len(written) != stored:
        raise LedgerError(
            f"{day} of {site.site} has {len(written)} refined readings in its table, and {stored} were to be written. "
            "Run settle again; docs/runbook.md#daily--settle says what else to do."
        )
    if not stored:
        return set()
    seen = written.group_by(["device", "metric"]).aggregate([])
    return set(zip(seen["device"].to_pylist(), seen["metric"].to_pylist(), strict=True))


def _balanced(
    archive: Archive, places: Places, site: Site, window: Window, came: Sequence[Mapping[str, Any]], ours: DataFrame
) -> tuple[dict[str, int], list[int]]:
    """The day's sums and its batches. Raises LedgerError unless read = stored + duplicate + rejected.

    What `came` is counted from the record, without Spark; stored and duplicate from what was refined.
    """
    refused = (row for row in archive.refused(window) if places.of(row["device"]).site == site.site)
    arrived, rejected = (sum(row["count"] for row in rows) for rows in (came, refused))

    inside = (F.col("time") >= F.lit(window.start)) & (F.col("time") < F.lit(window.end))
    [row] = ours.agg(
        F.count_distinct(F.when(inside, F.col("device"))).alias("devices"),
        F.count_if(inside).alias("stored"),
        F.coalesce(F.sum(F.col("came") - inside.cast("int")), F.lit(0)).alias("duplicate"),
    ).collect()
    if arrived != row.stored + row.duplicate:
        raise LedgerError(
            f"{window} of {site.site} does not balance: the record has {arrived} readings, and refined they are "
            f"{row.stored} stored + {row.duplicate} duplicate. Nothing of it was settled. "
            "docs/runbook.md#daily--settle says how to compare them."
        )
    counts = {
        "devices": row.devices,
        "read": arrived + rejected,
        "stored": row.stored,
        "duplicate": row.duplicate,
        "rejected": rejected,
    }
    return counts, sorted({row["batch"] for row in came})


def _side_by_side(*works: Callable[[], None]) -> None:
    """Do all of them at once; the first error is raised when all have ended."""
    with ThreadPoolExecutor(len(works)) as pool:
        working = [pool.submit(work) for work in works]
        try:
            for done in working:
                done.result()
        except BaseException as error:
            if not isinstance(error, Exception):
                # Our time is over, and the pool would wait for all of them.
                edge.interrupt()
            raise


def _sorted(rows: DataFrame) -> DataFrame:
    """In one file and one order, so that a re-run writes the same bytes."""
    order = [name for name in ("time", "end", "device", "metric", "period") if name in rows.columns]
    return rows.coalesce(1).sortWithinPartitions(*order)


def _load(
    spark: SparkSession,
    settings: Settings,
    site: Site,
    window: Window,
    tables: dict[str, DataFrame],
    marks: Sequence[Stale],
) -> None:
    """Load InfluxDB. Windows past their bucket's retention stay in the archive."""
    edge.use_in_this_thread(spark)
    register(spark)
    if any(mark.why == stale.REGISTRY for mark in marks):
        # Another zone, another cadence: points of before would stay beside those of now.
        view.remove_day(settings, site.site, window)
        annotate.rebuild(settings, connect(settings), site.site, window)
    newest = Ledger(connect(settings), WRITER).latest()
    points = {
        settings.influx.readings: lines.reading_lines(tables["refined"]),
        settings.influx.rollups: lines.rollup_lines(tables["rollups"]),
    }
    if newest and window.end > kept_since(settings, newest):
        kept = tables["windows"].where(F.col("end") > F.lit(kept_since(settings, newest)))
        points[settings.influx.windows] = lines.window_lines(kept)
    if marks:
        forget_statistics(settings, settings.influx.rollups, tables["rollups"], "start", (*KEYS, "period"))
        forget_statistics(settings, settings.influx.windows, tables["windows"], "end")
    load(settings, points, since=window.start)
