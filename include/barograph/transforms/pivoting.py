"""A table of time by device: what exports, charts and models read of one metric. Pure: an Arrow table in, one out.

device    time      value              time      fridge-1  fridge-2
fridge-1  12:00:10  4.1                12:00:00  4.2       3.9          a column for each device,
fridge-1  12:00:40  4.3      ─►        12:01:00            3.8          nothing where nothing was measured
fridge-2  12:00:20  3.9
fridge-2  12:01:20  3.8                mean of each minute; `time` is its beginning
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from barograph.readings import GOOD
from barograph.windows import EPOCH, TICK, Window, microseconds

Whole = NDArray[np.int64]
Values = NDArray[np.float64]

NEEDED = ("device", "time", "value", "flag")
TIME = pa.timestamp("us", "UTC")
DAY = timedelta(days=1)
CELLS = 4_000_000
"""Cells of one piece of a table as read: every reading of many devices has a row of its own."""


def _median(values: Values, first: Whole, sizes: Whole) -> Values:
    ordered = values[np.lexsort((values, np.repeat(np.arange(len(first)), sizes)))]
    return np.asarray((ordered[first + (sizes - 1) // 2] + ordered[first + sizes // 2]) / 2)


HOW: dict[str, Callable[[Values, Whole, Whole], Values]] = {
    "mean": lambda values, first, sizes: np.add.reduceat(values, first) / sizes,
    "min": lambda values, first, sizes: np.minimum.reduceat(values, first),
    "max": lambda values, first, sizes: np.maximum.reduceat(values, first),
    "first": lambda values, first, sizes: values[first],
    "last": lambda values, first, sizes: values[first + sizes - 1],
    "median": _median,
    "count": lambda values, first, sizes: sizes.astype(float),
}
"""What several values of one stretch of time become: of values in the order of time, each group from `first` on."""


def pivot(
    readings: pa.Table,
    devices: Sequence[str],
    every: timedelta | None = None,
    how: str = "mean",
    timezone: str = "UTC",
    flags: Collection[int] = (GOOD,),
) -> pa.Table:
    """The readings (NEEDED) of one metric, a column for each of `devices`, in the order of time.

    As read, or one row for each stretch of `every` with a reading: half-open, aligned to the epoch, and a whole day
    is the local one. Only values with one of `flags` enter.
    """
    moments, cells = grid(*_columns(readings, devices, flags), len(devices), every, how, timezone)
    columns = [pa.array(column, mask=np.isnan(column)) for column in cells]
    return pa.table([pa.array(moments, TIME), *columns], schema_of(devices))


def grid(
    whose: Whole,
    times: Whole,
    values: Values,
    devices: int,
    every: timedelta | None = None,
    how: str = "mean",
    timezone: str = "UTC",
) -> tuple[Whole, Values]:
    """Of readings, each of the device `whose` it is: the times of the rows (microseconds), and a row for each device.

    What pivot makes a table of and charts draw: devices by times, NaN where nothing was measured.
    """
    rows = times if every is None else _starts(times, every, timezone)
    order = np.lexsort((values, times, whose, rows))
    whose, rows, values = whose[order], rows[order], values[order]
    first = np.flatnonzero(np.concatenate(([True], (rows[1:] != rows[:-1]) | (whose[1:] != whose[:-1])))[: len(rows)])
    sizes = np.diff(np.append(first, len(rows)))
    kept = HOW["last" if every is None else how](values, first, sizes) if len(first) else np.empty(0)
    moments, place = np.unique(rows[first], return_inverse=True)
    cells = np.full((devices, len(moments)), np.nan)
    cells[whose[first], place] = kept
    return moments, cells


def pieces(readings: pa.Table, devices: Sequence[str], flags: Collection[int] = (GOOD,)) -> Iterator[pa.Table]:
    """The readings as read, in the order of time, in pieces that fit into memory however many devices there are."""
    ordered = readings.sort_by("time")
    size = max(1, CELLS // max(1, len(devices)))
    times = ordered["time"].cast(pa.int64()).to_numpy()
    start = 0
    while start < len(times):
        end = min(start + size, len(times))
        # All readings of one moment stand in one row.
        end = int(np.searchsorted(times, times[end - 1], side="right"))
        yield pivot(ordered.slice(start, end - start), devices, flags=flags)
        start = end


def schema_of(devices: Sequence[str]) -> pa.Schema:
    return pa.schema([("time", TIME), *((device, pa.float64()) for device in devices)])


def _columns(readings: pa.Table, devices: Sequence[str], flags: Collection[int]) -> tuple[Whole, Whole, Values]:
    """Device's place, time and value of what counts."""
    encoded = readings["device"].combine_chunks().dictionary_encode()
    known = {device: place for place, device in enumerate(devices)}
    places = np.array([known.get(device, -1) for device in encoded.dictionary.to_pylist()], np.int64)
    whose = places[encoded.indices.to_numpy()] if len(readings) else np.empty(0, np.int64)
    times = readings["time"].cast(pa.int64()).to_numpy()
    values = readings["value"].to_numpy().astype(float)
    counts = (whose >= 0) & ~np.isnan(values) & np.isin(readings["flag"].to_numpy(), list(flags))
    return whose[counts], times[counts], values[counts]


def _starts(times: Whole, every: timedelta, timezone: str) -> Whole:
    """The beginning of the stretch that each time lies in."""
    if every != DAY:
        length = every // TICK
        return times // length * length
    if not len(times):
        return times
    first, last = (EPOCH + timedelta(microseconds=int(time)) for time in (times.min(), times.max()))
    span = Window(first, last + TICK)
    edges = np.array(
        [microseconds(Window.local_day(day, timezone).start) for day in span.local_days(timezone)], np.int64
    )
    return edges[np.searchsorted(edges, times, side="right") - 1]
