"""Refined readings to statistics over time: sliding windows, and rollups by minute, hour and local day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from barograph.schemas import STATISTICS
from barograph.transforms.statistics import Columns, Times, statistics
from barograph.windows import EPOCH, Window, microseconds

SECOND = 1_000_000
TICK = timedelta(microseconds=1)
KEYS = ("site", "zone", "device", "metric")
FACTS = ("cadence", "size", "slide")
COLUMNS = f"site string, zone string, device string, metric string, start timestamp, end timestamp, {STATISTICS}"

Bounds = tuple[Times, Times]
"""Starts and ends of stretches of time, in microseconds."""


def windows(refined: DataFrame) -> DataFrame:
    """Half-open windows `[end - size, end)`, `end` a multiple of `slide` since the epoch; empty ones are absent.

    `size` and `slide` are columns, in seconds: a reading lies in size / slide windows.
    """

    def summed(key: tuple[Any, ...], readings: pa.Table) -> pa.Table:
        _, size, slide = (fact.as_py() for fact in key[len(KEYS) :])
        return _table(key, _statistics(readings, lambda times: sliding(times, size, slide)))

    return _each_point(refined, summed, COLUMNS)


def rollups(refined: DataFrame, periods: Iterable[str], timezone: str) -> DataFrame:
    """Statistics by `minute` and `hour` of UTC, and by `day` (local in `timezone`: 23 or 25 hours at DST)."""
    bounds = {period: _local_days(timezone) if period == "day" else _periods(period) for period in periods}

    def summed(key: tuple[Any, ...], readings: pa.Table) -> pa.Table:
        return pa.concat_tables(
            _table(key, _statistics(readings, bounds[period]), period=period) for period in bounds
        )  # fmt: skip

    return _each_point(refined, summed, f"{COLUMNS}, period string")


def _each_point(refined: DataFrame, summed: Callable[[tuple[Any, ...], pa.Table], pa.Table], columns: str) -> DataFrame:
    """Apply `summed` to the readings of each device and metric."""
    readings = refined.select(*KEYS, *FACTS, "time", "value", "flag")
    return readings.groupBy(*KEYS, *FACTS).applyInArrow(summed, columns)


def _statistics(readings: pa.Table, bounds: Callable[[Times], Bounds]) -> Columns:
    times = readings["time"].cast(pa.int64()).to_numpy()
    values = readings["value"].to_numpy().astype(float)
    flags = readings["flag"].to_numpy()
    order = np.lexsort((values, times))
    times, values, flags = times[order], values[order], flags[order]
    return statistics(times, values, flags, *bounds(times))


def _table(key: tuple[Any, ...], found: Columns, **more: str) -> pa.Table:
    """Rows of COLUMNS; a statistic that nothing is known of is null."""
    cadence = key[len(KEYS)].as_py()
    expected = (found["end"] - found["start"]) / SECOND / cadence
    found = found | {"expected": expected, "completeness": np.minimum(found["good"] / expected, 1.0)}
    size = len(expected)
    columns: dict[str, pa.Array] = {
        name: pa.array([value.as_py()] * size, pa.string()) for name, value in zip(KEYS, key, strict=False)
    }
    for name in ("start", "end"):
        columns[name] = pa.array(found[name], pa.timestamp("us", tz="UTC"))
    for name in (column.split()[0] for column in STATISTICS.split(",")):
        whole = found[name].dtype.kind == "i"
        columns[name] = pa.array(found[name], pa.int64() if whole else pa.float64(), from_pandas=True)
    columns |= {name: pa.array([text] * size, pa.string()) for name, text in more.items()}
    return pa.table(columns)


def sliding(times: Times, size: float, slide: float) -> Bounds:
    """Of all windows of `size` seconds that end at a multiple of `slide`: those with one of `times` in them."""
    length, step = round(size * SECOND), round(slide * SECOND)
    first = (times // step + 1) * step
    ends = np.unique(first[:, None] + np.arange(0, length, step)[None, :])
    return ends - length, ends


def _periods(period: str) -> Callable[[Times], Bounds]:
    length = {"minute": 60, "hour": 3600}[period] * SECOND

    def bounds(times: Times) -> Bounds:
        starts = np.unique(times // length) * length
        return starts, starts + length

    return bounds


def _local_days(timezone: str) -> Callable[[Times], Bounds]:
    def bounds(times: Times) -> Bounds:
        # No zone has ever changed its clocks but at a quarter of an hour.
        quarters = np.unique(times // (900 * SECOND)) * 900
        moments = (EPOCH + timedelta(seconds=int(quarter)) for quarter in quarters)
        days = sorted({day for moment in moments for day in Window(moment, moment + TICK).local_days(timezone)})
        edges = [Window.local_day(day, timezone) for day in days]
        return _array(day.start for day in edges), _array(day.end for day in edges)

    return bounds


def _array(moments: Iterable[datetime]) -> Times:
    return np.array([microseconds(moment) for moment in moments], np.int64)
