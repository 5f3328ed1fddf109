"""Statistics of many stretches of time at once, with numpy, over the readings of many measuring points.

    values       4.1  4.2  nan  4.4  99   7.0  7.1      in order of point and time
    flags        1    1    9    1    4    1    1
    [0, 2)       `-----'
    [1, 5)            `-----------------'
    [5, 7)                                `-----'       the next point

The same readings give the same bits, whichever batch or day they came with: sums go through the values of a stretch in
the order of time, and nothing of any other stretch enters them.

The mean is corrected by the mean of what is left over, and the variance by its square (the corrected two-pass
algorithm: Chan, Golub, LeVeque, "Algorithms for computing the sample variance", 1983), so a mean is off by no more than
the last place of the largest value, and that of a constant is the constant. The slope is that of least squares, of
times that are centred. Percentiles lie between the two nearest values in proportion (Hyndman and Fan, 1996, type 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT

Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

FLAGS = {"good": GOOD, "suspect": SUSPECT, "fail": FAIL, "missing": MISSING}
HOUR = 3_600_000_000
"""Microseconds: a slope is per hour."""

NAMES = ("min", "max", "mean", "median", "stddev", "first", "last", "slope")

AT_ONCE = 500_000
"""Values that are spread out at one time; a reading is in as many stretches as overlap there."""


class Sample:
    """Readings in order of point and time, ready to be summed up over many stretches.

    Values with a flag of `entering` enter statistics, unless no float64 holds them.
    """

    def __init__(self, times: Whole, values: Numbers, flags: NDArray[Any], entering: Sequence[int]) -> None:
        usable = np.isin(flags, entering) & np.isfinite(values)
        self.times, self.values = times[usable], values[usable]
        self.before = {name: _before(flags == flag) for name, flag in FLAGS.items()}
        self.before["used"] = _before(usable)
        order = np.argsort(self.values, kind="stable")
        self.in_size = self.values[order]
        self.rank = np.empty(len(order), np.int64)
        """Of each value; `in_size[rank]` are the values."""
        self.rank[order] = np.arange(len(order))

    def statistics(self, low: Whole, high: Whole, percentiles: Sequence[int] = ()) -> Columns:
        """Statistics of each `[low, high)`, places of readings.

        `count` is of all readings and the sum of the five counts by flag; `used` counts the values that enter.
        Everything else is of those, and nan where there are none or where no float64 can hold it.
        """
        found: Columns = {name: before[high] - before[low] for name, before in self.before.items()}
        found["count"] = high - low
        found["unknown"] = found["count"] - sum(found[name] for name in FLAGS)
        first, n = self.before["used"][low], found["used"]
        some = np.flatnonzero(n)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [self._part(first[part], n[part], percentiles) for part in _parts(some, n)]
        for name in (*NAMES, *map(percentile_name, percentiles)):
            found[name] = np.full(len(n), np.nan)
            if parts:
                found[name][some] = np.concatenate([part[name] for part in parts])
                found[name][~np.isfinite(found[name])] = np.nan
        return found

    def _part(self, first: Whole, n: Whole, percentiles: Sequence[int]) -> Columns:
        """Statistics of each `n` values from `first` on; there is none without a value."""
        ends = np.cumsum(n)
        begins = ends - n
        # The values of all stretches one after the other: `begins[k] + i` is the place of values[first[k] + i].
        places = np.arange(ends[-1]) + np.repeat(first - begins, n)
        spread = self.values[places]

        # One number tells stretch and size, and numbers are sorted many times faster than pairs.
        base = np.arange(len(n)) * len(self.rank)
        sized = np.sort(self.rank[places] + np.repeat(base, n))

        def in_order(place: Whole) -> Numbers:
            return np.asarray(self.in_size[sized[begins + place] - base])

        least, most = in_order(np.zeros_like(n)), in_order(n - 1)
        nearly = np.add.reduceat(spread, begins) / n
        off = spread - np.repeat(nearly, n)
        left_over = np.add.reduceat(off, begins) / n
        squares = np.add.reduceat(off * off, begins) - n * left_over**2

        since = (self.times[places] - np.repeat(self.times[first], n)).astype(float)
        since -= np.repeat(np.add.reduceat(since, begins) / n, n)
        spent = np.add.reduceat(since * since, begins)
        rise = np.add.reduceat(since * off, begins)
        varied = spent > 0
        found = {
            "min": least,
            "max": most,
            "mean": np.clip(nearly + left_over, least, most),
            "median": (in_order((n - 1) // 2) + in_order(n // 2)) / 2,
            "stddev": np.sqrt(np.maximum(squares, 0) / np.maximum(n - 1, 1)),
            "first": spread[begins],
            "last": spread[ends - 1],
            "slope": np.where(varied, rise / np.where(varied, spent, 1) * HOUR, np.nan),
        }
        found["stddev"][n < 2] = np.nan
        for percent in percentiles:
            place = (n - 1) * (percent / 100)
            below = np.floor(place).astype(np.int64)
            lower, upper = in_order(below), in_order(np.minimum(below + 1, n - 1))
            found[percentile_name(percent)] = lower + (place - below) * (upper - lower)
        return found


def _before(which: NDArray[np.bool_]) -> Whole:
    return np.concatenate(([0], np.cumsum(which)))


def percentile_name(percent: int) -> str:
    return f"p{percent:02d}"


def _parts(some: Whole, n: Whole) -> Iterator[Whole]:
    """The stretches in runs that hold about AT_ONCE values together."""
    runs = np.cumsum(n[some]) // AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(runs)) + 1).tolist(), len(some)]
    yield from (some[start:end] for start, end in pairwise(edges) if end > start)
