"""Statistics of before: a point that is written again keeps the fields that the new one lacks.

A window whose last good reading turned out bad has no mean any more, and its point would go on showing the old one.
Such points are deleted before the new ones are written. They are few: InfluxDB is asked which of them there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import structlog

from barograph.influx import view
from barograph.influx.clients import ask, erase, predicate
from barograph.settings import Settings
from barograph.windows import TICK, Window

Point = tuple[Any, ...]
"""Values of `keys`, and the time."""

KEYS = ("metric", "device", "zone")

log = structlog.get_logger()


def forget(settings: Settings, bucket: str, site: str, bare: pa.Table, keys: Sequence[str] = KEYS) -> int:
    """Delete a site's points that have a mean, of windows or rollups that have none: rows of `keys` and `time`.

    Returns how many there were. Raises ServiceUnavailable.
    """
    if not len(bare):
        return 0
    without = set(_points(bare, keys))
    times = [point[-1] for point in without]
    shown = _means(settings, bucket, site, Window(min(times), max(times) + TICK), keys)
    stale = sorted(without & shown, key=str)
    told = [
        (Window(time, time + TICK), predicate({**dict(zip(keys, facts, strict=True)), "site": site}))
        for *facts, time in stale
    ]
    erase(settings, bucket, told)
    if stale:
        log.info("statistics_forgotten", bucket=bucket, site=site, points=len(stale))
    return len(stale)


def _means(settings: Settings, bucket: str, site: str, window: Window, keys: Sequence[str]) -> set[Point]:
    params = {
        "in_bucket": bucket, "from_time": window.start, "to_time": window.end, "at_site": site, "of_field": "mean",
    }  # fmt: skip
    found = view.tables(ask(settings, view.QUERY, params))
    return {point for table in found for point in _points(table, keys)}


def _points(rows: pa.Table, keys: Sequence[str]) -> Iterator[Point]:
    columns: list[list[str | datetime]] = [rows[name].to_pylist() for name in (*keys, "time")]
    return zip(*columns, strict=True)
