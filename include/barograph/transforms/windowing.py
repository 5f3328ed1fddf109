"""Refined readings to statistics over time: sliding windows, and rollups by minute, hour and local day.

The same two functions of Arrow tables serve the live minute, the settled day and history; Spark only hands them rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from barograph.schemas import PERCENTILES, STATISTICS
from barograph.transforms.statistics import Sample, Whole
from barograph.transforms.stretches import SECOND, Stretches, rolled, sliding
from barograph.transforms.summing import Summing

KEYS = ("site", "zone", "device", "metric")
FACTS = ("cadence", "size", "slide")
NEEDED = (*KEYS, *FACTS, "time", "value", "flag")
"""What a refined table must have: `cadence`, `size` and `slide` in seconds."""

COLUMNS = f"site string, zone string, device string, metric string, start timestamp, end timestamp, {STATISTICS}"
TIME = pa.timestamp("us", tz="UTC")
BUCKETS = 64
"""Groups that Spark makes of all devices: handing over a group costs milliseconds, and it must fit into memory."""


def windows(refined: DataFrame, summing: Summing) -> DataFrame:
    """`windows_of` on Spark."""
    return _in_buckets(refined, lambda rows: windows_of(rows, summing), COLUMNS)


def rollups(refined: DataFrame, timezone: str, summing: Summing) -> DataFrame:
    """`rollups_of` on Spark."""
    columns = f"{COLUMNS}, {PERCENTILES}, period string"
    return _in_buckets(refined, lambda rows: rollups_of(rows, timezone, summing), columns)


def _in_buckets(refined: DataFrame, function: Callable[[pa.Table], pa.Table], columns: str) -> DataFrame:
    bucket = F.pmod(F.xxhash64("device"), F.lit(BUCKETS))
    return refined.select(*NEEDED).groupBy(bucket).applyInArrow(function, columns)


def windows_of(refined: pa.Table, summing: Summing) -> pa.Table:
    """Half-open windows `[end - size, end)`, `end` a multiple of `slide` since the epoch; empty ones are absent.

    A reading lies in size / slide windows. The order of the rows does not matter.
    """
    readings = _Readings.of(refined, summing)
    size, slide = (_whole(readings.points[name]) * SECOND for name in ("size", "slide"))
    return readings.summed(sliding(readings.point, readings.times, size, slide))


def rollups_of(refined: pa.Table, timezone: str, summing: Summing) -> pa.Table:
    """Statistics by `minute`, `hour` and `day` (local in `timezone`), as `summing` and a point's cadence have it.

    All of them are made from the readings: medians and percentiles have no parts that could be merged.
    """
    readings = _Readings.of(refined, summing)
    periods = [set(summing.periods(cadence.as_py())) for cadence in readings.points["cadence"]]
    tables = []
    for period in summing.rollups:
        ours = np.array([period in each for each in periods], bool)[readings.point]
        stretches = rolled(period, readings.point[ours], readings.times[ours], timezone)
        rows = readings.summed(stretches, (5, 95))
        tables.append(rows.append_column("period", pa.array([period] * len(rows), pa.string())))
    return pa.concat_tables(tables)


@dataclass(frozen=True)
class _Readings:
    """The readings of many measuring points, in the order of point and time."""

    points: pa.Table
    """KEYS and FACTS of each."""
    point: Whole
    times: Whole
    sample: Sample

    @classmethod
    def of(cls, refined: pa.Table, summing: Summing) -> _Readings:
        point, points = _points(refined.select([*KEYS, *FACTS]))
        times = np.asarray(refined["time"].cast(pa.int64()).to_numpy(), np.int64)
        values = refined["value"].to_numpy().astype(float)
        # What was refined comes device by device in order of time, and then this is all there is to do.
        order = np.argsort(point, kind="stable")
        same = np.diff(point[order]) == 0
        if (np.diff(times[order])[same] <= 0).any():
            order = np.lexsort((values, times, point))
        point, times = point[order], times[order]
        return cls(points, point, times, Sample(times, values[order], _whole(refined["flag"])[order], summing.flags))

    def summed(self, stretches: Stretches, percentiles: tuple[int, ...] = ()) -> pa.Table:
        """Rows of COLUMNS (and percentiles); a statistic that nothing is known of is null."""
        low, high = self._bounds(stretches)
        held = high > low
        stretches = stretches[held]
        found = self.sample.statistics(low[held], high[held], percentiles)
        cadence = self.points["cadence"].to_numpy()[stretches.point]
        found["expected"] = stretches.seconds / cadence
        found["completeness"] = np.minimum(found["used"] / found["expected"], 1.0)

        rows = self.points.select(KEYS).take(pa.array(stretches.point))
        rows = rows.append_column("start", pa.array(stretches.start, TIME))
        rows = rows.append_column("end", pa.array(stretches.end, TIME))
        names = STATISTICS if not percentiles else f"{STATISTICS}, {PERCENTILES}"
        for name in (column.split()[0] for column in names.split(",")):
            whole = found[name].dtype.kind == "i"
            column = pa.array(found[name], pa.int64() if whole else pa.float64(), from_pandas=True)
            rows = rows.append_column(name, column)
        return rows

    def _bounds(self, stretches: Stretches) -> tuple[Whole, Whole]:
        """The places of the first reading in each stretch, and of the first after it."""
        moments, rank = np.unique(self.times, return_inverse=True)
        each = len(moments) + 1
        places = self.point * each + rank

        def place(edge: Whole) -> Whole:
            return np.searchsorted(places, stretches.point * each + np.searchsorted(moments, edge))

        return place(stretches.start), place(stretches.end)


def _points(columns: pa.Table) -> tuple[Whole, pa.Table]:
    """A number for each row, the same for the same point, in the order of the points; and the points."""
    number = np.zeros(len(columns), np.int64)
    for column in columns.columns:
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        number = number * len(encoded.dictionary) + encoded.indices.to_numpy()
        if len(number) and number.max() >= 1 << 31:
            number = np.unique(number, return_inverse=True)[1]
    _, first, number = np.unique(number, return_index=True, return_inverse=True)
    points = columns.take(pa.array(first))
    in_order = pc.sort_indices(points, [(name, "ascending") for name in points.column_names]).to_numpy()
    rank = np.empty(len(in_order), np.int64)
    rank[in_order] = np.arange(len(in_order))
    return rank[number], points.take(pa.array(in_order))


def _whole(column: pa.ChunkedArray) -> Whole:
    return np.asarray(column.to_numpy(), np.int64)
