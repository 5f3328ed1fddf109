"""Every frame once, and no two of a device at one time: which rows of the record those are, whatever their order.

Rows of many devices are gone through at once: columns become numbers, and what belongs together is sorted together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from barograph.transforms.quality.limits import COPIES
from barograph.windows import Window, microseconds

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ORDER = ("batch", "partition", "offset", "frame")
"""The lowest in this order is the original; whatever has the same identity after it is a duplicate."""
TEXTS = ("device", "metric", "topic", "boot")
TIMES = ("time", "published")

SECOND = 1_000_000
ROOM = 1 << 62
"""Numbers below it can be added without a thought of overflow."""


@dataclass(frozen=True)
class Record:
    """Rows of the record as numbers; a text is its place among all there are, in their order, -1 if it is null."""

    columns: Mapping[str, Whole]
    numbered: Bools
    """Whether the producer gave the frame a number of its own."""
    values: Floats
    names: Mapping[str, Sequence[str]]
    """The texts that there are."""

    @classmethod
    def of(cls, rows: pa.Table) -> Record:
        texts = {name: _codes(rows[name]) for name in TEXTS}
        columns = {name: codes for name, (codes, _) in texts.items()}
        columns |= {name: whole(rows[name]) for name in ("seq", *ORDER)}
        columns |= {name: micros(rows[name]) for name in TIMES}
        numbered = (columns["boot"] >= 0) & known(rows["seq"])
        values = rows["value"].to_numpy().astype(float)
        return cls(columns, numbered, values, {name: names for name, (_, names) in texts.items()})

    def __getitem__(self, name: str) -> Whole:
        return self.columns[name]

    def texts(self, name: str, codes: Whole) -> list[str]:
        """Of codes of that column that are not null."""
        return [self.names[name][code] for code in codes.tolist()]


@dataclass(frozen=True)
class Originals:
    """Of each reading the original."""

    rows: Whole
    """Where it stands in the record."""
    came: Whole
    """How many copies of it there are, itself too."""
    other_copy: Bools
    """Whether a copy of it, at nearly its time, has another value."""


@dataclass(frozen=True)
class Apart:
    """Readings in the order of device, metric and time."""

    order: Whole
    times: Whole
    same_time: Bools
    """Whether another of that point had claimed the time."""


def originals(record: Record, counted: Window | None) -> Originals:
    """(boot, seq) identifies a device's reading, or the place in Kafka of a frame whose producer numbers nothing."""
    numbered, time = record.numbered, record["time"]
    identity = packed(
        record["device"],
        record["metric"],
        np.where(numbered, record["boot"], -1 - record["topic"]),
        np.where(numbered, record["seq"], record["partition"]),
        *(np.where(numbered, 0, record[name]) for name in ("offset", "frame")),
        # A topic that was made anew counts from 0 again; Kafka's time tells its frames from the old ones.
        np.where(numbered, 0, record["published"]),
    )
    order = in_order(*identity)
    begins = changes(*(column[order] for column in identity))
    if not begins.all():
        # Equal columns in another place: `begins` is as true as before.
        order = in_order(*packed(*identity, *(record[name] for name in ORDER), record["topic"], time))
    inside = np.ones(len(time), np.int64)
    if counted:
        inside = np.asarray((time >= microseconds(counted.start)) & (time < microseconds(counted.end)), np.int64)
    if begins.all():
        return Originals(order, inside[order], np.zeros(len(order), bool))
    first = np.flatnonzero(begins)
    came = np.add.reduceat(inside[order], first)
    return Originals(order[first], came, _differ(record.values[order], time[order], first))


def _differ(values: Floats, times: Whole, first: Whole) -> Bools:
    sizes = np.diff(np.append(first, len(values)))
    original, at = np.repeat(values[first], sizes), np.repeat(times[first], sizes)
    other = (values != original) & ~(np.isnan(values) & np.isnan(original))
    return np.logical_or.reduceat(other & (np.abs(times - at) < COPIES * SECOND), first)


def apart(record: Record, rows: Whole) -> Apart:
    """Different frames of one device that claim one time: the later ones move by a microsecond each.

    claimed   5   5   5   6          ..999999  ..999999
    apart     5   6   7   8          ..999998  ..999999      nobody leaves his second

    What stands in the way moves on. No window and no day begins or ends within a second, so none loses one to the next.
    """
    device, metric, time = (record[name][rows] for name in ("device", "metric", "time"))
    claims = packed(device, metric, time)
    order = in_order(*claims)
    again = ~changes(*(column[order] for column in claims))
    if not again.any():
        return Apart(order, time[order], again)
    order = in_order(*packed(*claims, *(record[name][rows] for name in ORDER)))
    time = time[order]
    starts = changes(*packed(device[order], metric[order], time // SECOND))
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(order)))
    place, second = np.arange(len(order)) - np.repeat(first, sizes), np.cumsum(starts) * (4 * SECOND)
    # Each at least a microsecond after the one before it in its second, and as early as the rest of them allow.
    forward = np.maximum.accumulate(time % SECOND - place + second) - second + place
    moved = time - time % SECOND + np.minimum(forward, SECOND - np.repeat(sizes, sizes) + place)
    return Apart(order, moved, again)


def packed(*keys: Whole) -> list[Whole]:
    """Few columns that sort rows as these do, the first one first: one number of several, while there is room."""
    found, room = [np.zeros(len(keys[0]), np.int64)], 1
    for key in keys if len(keys[0]) else ():
        low = int(key.min())
        span = int(key.max()) - low + 1
        if span == 1:
            continue
        if room * span < ROOM:
            found[-1] = found[-1] * span + (key - low)
            room *= span
        else:
            found.append(key - low if span < ROOM else key)
            room = min(span, ROOM)
    return found


def in_order(*keys: NDArray[Any]) -> Whole:
    """The order of the rows by these columns, the first one first."""
    if len(keys) == 1:
        ascending = bool((keys[0][1:] >= keys[0][:-1]).all())
        return np.arange(len(keys[0])) if ascending else np.argsort(keys[0], kind="stable")
    return np.lexsort(keys[::-1])


def changes(*columns: NDArray[Any]) -> Bools:
    """True where a row differs from the one before; the first does."""
    differs = np.ones(len(columns[0]), bool)
    differs[1:] = reduce(np.logical_or, (column[1:] != column[:-1] for column in columns))
    return differs


def _codes(texts: pa.ChunkedArray) -> tuple[Whole, Sequence[str]]:
    encoded = texts.combine_chunks().dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), object)
    order = np.argsort(names)
    rank = np.empty(len(names) + 1, np.int64)
    rank[order], rank[-1] = np.arange(len(names)), -1
    codes = rank[encoded.indices.fill_null(len(names)).to_numpy()]
    return codes, names[order].tolist()


def known(column: pa.ChunkedArray) -> Bools:
    return np.asarray(pc.is_valid(column).to_numpy(), bool)


def whole(column: pa.ChunkedArray) -> Whole:
    return np.asarray(column.fill_null(0).to_numpy(), np.int64)


def micros(times: pa.ChunkedArray) -> Whole:
    return np.asarray(times.cast(pa.int64()).to_numpy(), np.int64)
