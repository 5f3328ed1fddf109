"""What the other devices of a zone say about the same metric at about the same time.

QARTOD test 12 (neighbor). A device is compared with the middle of what the others say, so that one that is wrong
does not accuse all of them; of two that contradict each other it may be with either.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from barograph.points import Neighbours
from barograph.readings import GOOD, SUSPECT, UNKNOWN

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.int8]

SECOND = 1_000_000


def unlike(times: Whole, values: Floats, others: Sequence[tuple[Whole, Floats]], asked: Neighbours) -> Flags:
    """`others` are the good readings of each neighbour, times and values; `times` ascend in all of them."""
    reach = round(asked.seconds * SECOND)
    said = np.array([_nearest(times, *other, reach) for other in others]).reshape(len(others), len(times))
    count = np.count_nonzero(~np.isnan(said), axis=0)
    known = np.flatnonzero((count >= asked.least) & ~np.isnan(values))
    in_size = np.sort(said[:, known], axis=0)
    low, high = (in_size[middle, np.arange(len(known))] for middle in ((count[known] - 1) // 2, count[known] // 2))
    differs = (values[known] < low - asked.difference) | (values[known] > high + asked.difference)
    flags = np.full(len(times), UNKNOWN, np.int8)
    flags[known] = np.where(differs, SUSPECT, GOOD)
    return flags


def _nearest(times: Whole, known: Whole, values: Floats, reach: int) -> Floats:
    """The value of the reading that is nearest in time, the earlier one of two; nan if none is within `reach`."""
    if not len(known):
        return np.full(len(times), np.nan)
    after = np.minimum(np.searchsorted(known, times), len(known) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(times - known[before]) <= np.abs(known[after] - times), before, after)
    return np.where(np.abs(known[nearest] - times) <= reach, values[nearest], np.nan)
