"""A value that is alone: what comes before and after agree that it was otherwise.

    |      x                  |      ooooo              |      x
    |                         |     o                   |    o
    | o o     o o             | o o o                   |  o
    `-- a spike               `-- a door: it lasts      `-- on its way: no spike by `differential`

QARTOD test 6 (spike) by both methods of its reference implementation (ioos_qc `spike_test`): `average` measures from
the mean of the values around, `differential` from the nearer of them, and only if it stands out from both to one
side. What both leave out and we have: a spike ends. It may last some readings, and some seconds from the reading
before it to the one after, and no longer.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from barograph.points import Spike
from barograph.readings import FAIL, GOOD, SUSPECT, UNKNOWN

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.int8]

SECOND = 1_000_000
STEADY = 4
"""The two values after a first one are so many times nearer to each other than to it, or it is no spike."""


def spikes(times: Whole, values: Floats, asked: Spike) -> Flags:
    """UNKNOWN where a value has no other near enough before and after it. `values` are numbers, all of them."""
    assert asked.seconds is not None, "limits has said how long"
    reach = round(asked.seconds * SECOND)
    height = np.full(len(values), np.nan)
    for length in range(min(asked.readings, len(values) - 2), 0, -1):
        _stand_out(height, times, values, length, reach, asked.method)
    _first(height, times, values, reach, asked.suspect or asked.fail or 0.0)
    flags = np.full(len(values), UNKNOWN, np.int8)
    flags[height >= 0] = GOOD
    for limit, flag in ((asked.suspect, SUSPECT), (asked.fail, FAIL)):
        if limit is not None:
            flags[height > limit] = flag
    return flags


def _stand_out(height: Floats, times: Whole, values: Floats, length: int, reach: int, method: str) -> None:
    """Raise `height` to how far each run of `length` values stands out from the ones before and after it."""
    last = len(values) - length - 1
    if last < 1:
        return
    before, after = values[:last], values[length + 1 :]
    if length == 1:
        lowest = highest = values[1:-1]
    else:
        runs = sliding_window_view(values[1:-1], length)
        lowest, highest = runs.min(axis=1), runs.max(axis=1)
    if method == "average":
        middle = (before + after) / 2
        found = np.maximum(lowest - middle, middle - highest)
    else:
        found = np.maximum(lowest - np.maximum(before, after), np.minimum(before, after) - highest)
    found = np.maximum(found, 0.0)
    found[times[length + 1 :] - times[:last] > reach] = np.nan
    for place in range(1, length + 1):
        here = height[place : place + last]
        np.fmax(here, found, out=here)


def _first(height: Floats, times: Whole, values: Floats, reach: int, agree: float) -> None:
    """The first value after a silence may be the spike: then the two that follow agree, and it does not."""
    begins = np.flatnonzero(np.diff(times, prepend=times[0] - reach - 1) > reach) if len(times) else times
    begins = begins[begins + 2 < len(times)]
    begins = begins[times[begins + 2] - times[begins] <= reach]
    value, second, third = values[begins], values[begins + 1], values[begins + 2]
    found = np.maximum(np.maximum(value - np.maximum(second, third), np.minimum(second, third) - value), 0.0)
    # A value that the next ones leave step by step is where something begins.
    apart = np.abs(second - third)
    height[begins] = np.where((apart <= agree) & ((found <= agree) | (apart <= found / STEADY)), found, np.nan)
