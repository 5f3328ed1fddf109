"""What the record holds becomes what we believe: every frame once, every reading with a flag and the reasons for it.

All of it is judged device by device: Spark brings a device's rows together, numpy goes through them in order of time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT
from barograph.transforms.places import Place, Places
from barograph.windows import Window, microseconds

Whole = NDArray[np.int64]

ORDER = ("batch", "partition", "offset", "frame")
"""The lowest in this order is the original; whatever has the same identity after it is a duplicate."""

NEEDED = (
    "device", "metric", "time", "value", "seq", "boot", "historical", "published", "topic", *ORDER,
)  # fmt: skip

ORIGINAL = "device string, metric string, time timestamp, value double, historical boolean, batch bigint, came bigint"
REFINED = f"{ORIGINAL}, site string, zone string, cadence double, size int, slide int, flag int, reasons array<string>"

REASONS = ("no_value", "out_of_range", "same_time")
SECOND = 1_000_000


def once(readings: DataFrame, counted: Window | None = None) -> DataFrame:
    """The original of each reading; duplicates go. What is original does not depend on the order of the rows.

    `came` counts the copies of each, the original too; with `counted`, only those of them with a time in that window.
    """

    def of_device(rows: pa.Table) -> pa.Table:
        return _originals(rows, counted).select([column.split()[0] for column in ORIGINAL.split(", ")])

    return _each_device(readings, of_device, ORIGINAL)


def refined(readings: DataFrame, places: Places, counted: Window | None = None) -> DataFrame:
    """Readings once each as by `once`, none at the time of another, in their place, with a flag and its reasons."""

    def of_device(rows: pa.Table) -> pa.Table:
        place = places.of(rows["device"][0].as_py())
        return _flagged(_apart(_originals(rows, counted)), place)

    return _each_device(readings, of_device, REFINED)


def _each_device(readings: DataFrame, function: Callable[[pa.Table], pa.Table], columns: str) -> DataFrame:
    return readings.select(*NEEDED).groupBy("device").applyInArrow(function, columns)


def _originals(rows: pa.Table, counted: Window | None) -> pa.Table:
    """(boot, seq) identifies a reading, or the place in Kafka of a frame whose producer numbers nothing."""
    metric, topic, boot = (_codes(rows[name]) for name in ("metric", "topic", "boot"))
    time = _micros(rows["time"])
    numbered = (boot >= 0) & _known(rows["seq"])
    identity = [
        metric,
        np.where(numbered, boot, -1 - topic),
        np.where(numbered, _whole(rows["seq"]), _whole(rows["partition"])),
        *(np.where(numbered, 0, _whole(rows[name])) for name in ("offset", "frame")),
        # A topic that was made anew counts from 0 again; Kafka's time tells its frames from the old ones.
        np.where(numbered, 0, _micros(rows["published"])),
    ]
    order = _sorted(*identity, *(_whole(rows[name]) for name in ORDER), topic, time)
    first = np.flatnonzero(_changes([column[order] for column in identity]))
    inside = np.ones(len(time), np.int64)
    if counted:
        inside = np.asarray((time >= microseconds(counted.start)) & (time < microseconds(counted.end)), np.int64)
    return rows.take(order[first]).append_column("came", pa.array(np.add.reduceat(inside[order], first)))


def _apart(rows: pa.Table) -> pa.Table:
    """Different frames of one device that claim one time: the later ones move by a microsecond each, `same_time`.

    They move back where forward would leave the second: no window and no day begins or ends between them.
    """
    metric, time = _codes(rows["metric"]), _micros(rows["time"])
    order = _sorted(metric, time, *(_whole(rows[name]) for name in ORDER))
    first = np.flatnonzero(_changes([metric[order], time[order]]))
    sizes = np.diff(np.append(first, len(order)))
    place = np.arange(len(order)) - np.repeat(first, sizes)
    fits = time[order] % SECOND + np.repeat(sizes, sizes) <= SECOND
    moved = time[order] + np.where(fits, place, -place)
    again = _sorted(metric[order], moved)
    return (
        rows.take(order[again])
        .drop_columns(["time"])
        .append_column("time", pa.array(moved[again], pa.timestamp("us", tz="UTC")))
        .append_column("same_time", pa.array(place[again] > 0))
    )


def _flagged(rows: pa.Table, place: Place) -> pa.Table:
    """Mark values no sensor there can have measured; the raw value stays, so a fault stays visible."""
    value = rows["value"].to_numpy().astype(float)
    metrics = rows["metric"].combine_chunks().dictionary_encode()
    ranges = np.array([place.range_of(metric.as_py()) for metric in metrics.dictionary], float).reshape(-1, 2)
    low, high = ranges[metrics.indices.to_numpy()].T
    missing, same_time = np.isnan(value), rows["same_time"].to_numpy()
    impossible = (value < low) | (value > high)
    flag = np.select([missing, impossible, same_time], [MISSING, FAIL, SUSPECT], GOOD)

    size, slide = place.shape
    facts = {"site": place.site, "zone": place.zone, "cadence": place.cadence, "size": size, "slide": slide}
    columns = {name: rows[name] for name in ("device", "metric", "time", "value", "historical", "batch", "came")}
    columns |= {name: pa.repeat(pa.scalar(told), len(rows)) for name, told in facts.items()}
    columns["size"], columns["slide"] = (columns[name].cast(pa.int32()) for name in ("size", "slide"))
    columns["flag"] = pa.array(flag, pa.int32())
    columns["reasons"] = _reasons(np.stack([missing, impossible, same_time], axis=1))
    return pa.table(columns)


def _reasons(given: NDArray[np.bool_]) -> pa.Array:
    """A list of words for each row of (rows, REASONS)."""
    ends = np.concatenate(([0], np.cumsum(given.sum(axis=1))))
    words = pa.array(REASONS).take(pa.array(np.nonzero(given)[1]))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), words)


def _sorted(*keys: NDArray[Any]) -> Whole:
    """The order of the rows by these columns, the first one first."""
    return np.lexsort(keys[::-1])


def _changes(columns: list[NDArray[Any]]) -> NDArray[np.bool_]:
    """True where a row differs from the one before; the first does."""
    differs = reduce(np.logical_or, (column[1:] != column[:-1] for column in columns))
    return np.concatenate(([True], differs))


def _codes(texts: pa.ChunkedArray) -> Whole:
    """A number for each text, in the order of the texts; -1 for null."""
    encoded = texts.combine_chunks().dictionary_encode()
    rank = np.append(np.argsort(np.argsort(np.array(encoded.dictionary.to_pylist(), object))), -1)
    return np.asarray(rank[encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()], np.int64)


def _known(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(column).to_numpy(), bool)


def _whole(column: pa.ChunkedArray) -> Whole:
    return np.asarray(column.fill_null(0).to_numpy(), np.int64)


def _micros(times: pa.ChunkedArray) -> Whole:
    return np.asarray(times.cast(pa.int64()).to_numpy(), np.int64)
