"""Readings of the past as the judge hears them: of settled days from derived/refined, without Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from barograph import registry, spark
from barograph.archive import Archive
from barograph.ingest.refine import places_of, refined
from barograph.registry import Site
from barograph.rules.readings import Judged
from barograph.settings import Settings
from barograph.windows import Window

Chosen = Callable[[str, str], bool]
"""Whether the readings of a device and metric are wanted."""


def days(archive: Archive, site: Site, window: Window) -> tuple[list[date], list[date]]:
    """The settled local days that a window touches, and those that have readings and are not settled."""
    settled = archive.settled(site.site)
    recorded = {here for day in archive.days() for here in Window.local_day(day, "UTC").local_days(site.timezone)}
    touched = [day for day in sorted(settled | recorded) if Window.local_day(day, site.timezone).clipped(window)]
    return [day for day in touched if day in settled], [day for day in touched if day not in settled]


def stretches(settled: list[date]) -> Iterator[list[date]]:
    """Days that follow each other: over a hole in what is known no rule may look."""
    stretch: list[date] = []
    for day in settled:
        if stretch and day - stretch[-1] > timedelta(days=1):
            yield stretch
            stretch = []
        stretch.append(day)
    if stretch:
        yield stretch


def of_day(archive: Archive, site: Site, day: date, chosen: Chosen) -> list[Judged]:
    """The readings of a settled day, in the order of time."""
    columns = ["time", "device", "metric", "value", "raw", "flag", "historical"]
    rows = archive.derived("refined", site.site, day, columns)
    if not rows.num_rows:
        return []
    points = rows.group_by(["device", "metric"]).aggregate([]).to_pylist()
    wanted = [f"{point['device']}\0{point['metric']}" for point in points if chosen(point["device"], point["metric"])]
    named = pc.binary_join_element_wise(rows["device"], rows["metric"], "\0")
    rows = rows.filter(pc.is_in(named, pa.array(wanted, pa.string()))).sort_by("time")
    times = rows["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    ports, boots = _sources(archive.heard(Window.local_day(day, site.timezone)), rows["device"], times)
    value = pc.coalesce(rows["value"], rows["raw"])
    told = [times, rows["device"], rows["metric"], value, rows["flag"], rows["historical"]]
    return list(map(Judged._make, zip(*(column.to_pylist() for column in told), ports, boots, strict=True)))


def of_record(settings: Settings, site: Site, window: Window, devices: list[str]) -> list[Judged]:
    """The same of any time, refined now as a batch would have; takes a Spark session."""
    sites = registry.read_sites(settings.sites_folder)
    with spark.session(settings, "history") as session:
        rows = refined(session, Archive.of(settings), places_of(settings, sites), [window])
        rows = rows.where(F.col("device").isin(*devices)) if devices else rows.where(F.col("site") == site.site)
        value = F.coalesce("value", "raw").alias("value")
        table = rows.select(
            F.unix_micros("time").alias("time"), "device", "metric", value, "flag", "historical", "port", "boot"
        ).toArrow()
    columns = (table.column(name).to_pylist() for name in Judged._fields)
    return sorted(map(Judged._make, zip(*columns, strict=True)))


def _sources(heard: pa.Table, devices: pa.ChunkedArray, times: pa.ChunkedArray) -> tuple[list[Any], list[Any]]:
    """The port and the start of a device at each of these times: those of its last frame until then."""
    frames = heard.select(["device", "port", "boot", "time"]).sort_by([("device", "ascending"), ("time", "ascending")])
    of, whose = (np.array(names.to_pylist(), dtype=object) for names in (frames["device"], devices))
    told = frames["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    found = [np.array(frames[name].to_pylist(), dtype=object) for name in ("port", "boot")]
    sources = [np.full(len(whose), None, dtype=object) for _ in found]
    moments = times.to_numpy()
    for device in set(of) & set(whose):
        its, here = np.flatnonzero(of == device), np.flatnonzero(whose == device)
        last = its[np.maximum(np.searchsorted(told[its], moments[here], side="right") - 1, 0)]
        for source, names in zip(sources, found, strict=True):
            source[here] = names[last]
    return sources[0].tolist(), sources[1].tolist()
