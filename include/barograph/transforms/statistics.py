"""Statistics of many stretches of time over the readings of one measuring point, with numpy.

    times        0    10   20   30   40          microseconds, ascending
    values       4.1  4.2  nan  4.4  99
    flags        1    1    9    1    4
    [0, 20)      `-----'
    [10, 50)          `-----------------'

The same readings give the same bits, whichever batch or day they came with: sums go through them in order of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT

Times = NDArray[np.int64]
Columns = dict[str, NDArray[Any]]

FLAGS = {"good": GOOD, "suspect": SUSPECT, "fail": FAIL, "missing": MISSING}
AT_ONCE = 4_000_000
"""Values that are spread out at one time; a reading is in as many stretches as overlap there."""


def statistics(times: Times, values: NDArray[np.float64], flags: NDArray[Any], starts: Times, ends: Times) -> Columns:
    """Statistics of each `[start, end)`; those without any reading are left out.

    Counts are of all readings, by flag; everything else is of the good ones, and nan where there are none.
    """
    low, high = np.searchsorted(times, starts), np.searchsorted(times, ends)
    held = high > low
    low, high = low[held], high[held]
    found: Columns = {"start": starts[held], "end": ends[held], "count": high - low}
    for name, flag in FLAGS.items():
        before = np.concatenate(([0], np.cumsum(flags == flag)))
        found[name] = before[high] - before[low]
        if flag == GOOD:
            low_good, high_good = before[low], before[high]
    good = values[flags == GOOD]
    parts = [_summed(good, low_good[part], high_good[part]) for part in _parts(found["good"])]
    names = ("min", "max", "mean", "median", "stddev", "first", "last")
    return found | {name: np.concatenate([part[name] for part in parts] or [np.empty(0)]) for name in names}


def _parts(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Slices of stretches that hold about AT_ONCE values together."""
    cut = np.searchsorted(np.cumsum(counts), np.arange(AT_ONCE, counts.sum() + AT_ONCE, AT_ONCE)) + 1
    edges = [0, *np.unique(np.minimum(cut, len(counts))).tolist()]
    if edges[-1] != len(counts):
        edges.append(len(counts))
    yield from (slice(first, last) for first, last in pairwise(edges))


def _summed(good: NDArray[np.float64], low: Times, high: Times) -> Columns:
    """Statistics of each good[low:high]."""
    some = high > low
    n = (high - low)[some]
    first = np.concatenate(([0], np.cumsum(n)))[:-1]
    # The values of all stretches one after the other: value `first[k] + i` is good[low[k] + i].
    spread = good[np.arange(n.sum()) - np.repeat(first - low[some], n)]
    in_size = spread[np.lexsort((spread, np.repeat(np.arange(len(n)), n)))]
    mean = _sums(spread, first) / n
    squares = _sums((spread - np.repeat(mean, n)) ** 2, first)
    found = {
        "min": in_size[first],
        "max": in_size[first + n - 1],
        "mean": mean,
        "median": (in_size[first + (n - 1) // 2] + in_size[first + n // 2]) / 2,
        "stddev": np.where(n > 1, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan),
        "first": spread[first],
        "last": spread[first + n - 1],
    }
    whole = {name: np.full(len(low), np.nan) for name in found}
    for name, column in found.items():
        whole[name][some] = column
    return whole


def _sums(values: NDArray[np.float64], first: Times) -> NDArray[np.float64]:
    return np.add.reduceat(values, first) if len(first) else np.empty(0)
