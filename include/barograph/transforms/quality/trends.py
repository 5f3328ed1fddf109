"""How a value moves: faster than the quantity can, or not at all.

QARTOD test 7 (rate of change) and test 8 (flat line). Both look back only: the newest reading has its flag at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from barograph.points import Flat
from barograph.readings import GOOD, SUSPECT, UNKNOWN
from barograph.transforms.quality.limits import FLAT_SLACK, MINUTE, RATE_REACH

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.int8]

SECOND = 1_000_000
FEWEST = 6
"""Fewer equal values than these are no flat line, however long they took."""


def too_fast(times: Whole, values: Floats, rate: float, resolution: float) -> Flags:
    """SUSPECT what moved more than `rate` in the last minute, one step of the sensor allowed; `values` are numbers.

    Measured over a minute, or from the reading before where that is longer ago: two readings in a second that differ
    by a step would change by sixty steps in a minute otherwise.
    """
    flags = np.full(len(values), UNKNOWN, np.int8)
    if len(values) < 2:
        return flags
    place = np.arange(len(values))
    since = np.minimum(np.searchsorted(times, times - round(MINUTE * SECOND)), np.maximum(place - 1, 0))
    passed = (times - times[since]) / SECOND
    allowed = np.maximum(passed, MINUTE) * (rate / MINUTE) + resolution
    known = (since < place) & (passed <= RATE_REACH)
    # Decimals of the tenth place are not exact: what is allowed exactly is allowed.
    fast = np.abs(values - values[since]) > allowed * (1 + 1e-9)
    flags[known] = GOOD
    flags[known & fast] = SUSPECT
    return flags


def recovering(times: Whole, fast: Flags, recovery: float) -> Flags:
    """SUSPECT what came within `recovery` seconds after a change that was too fast: a sensor lags behind the world."""
    flags = np.where(fast == SUSPECT, GOOD, fast).astype(np.int8)
    latest = np.maximum.accumulate(np.where(fast == SUSPECT, np.arange(len(fast)), -1))
    after = (latest >= 0) & (fast != SUSPECT)
    after[after] = (times[after] - times[latest[after]]) <= round(recovery * SECOND)
    flags[after] = SUSPECT
    return flags


def stuck(times: Whole, raw: Floats, asked: Flat, coarse: float | None, rails: tuple[Floats, Floats] | None) -> Flags:
    """SUSPECT from when the sensor has said the same for the asked time, at least FEWEST times.

    A sensor of coarse resolution may rightly be constant for hours: a value that is a multiple of `coarse` may be all
    that it can say. So may a value at one of its `rails`: full light is full light.
    """
    flags = np.full(len(raw), UNKNOWN, np.int8)
    length = round(asked.seconds * SECOND)
    start = np.searchsorted(times, times - length, side="right") - 1
    held = np.maximum(start, 0)
    known = (start >= 0) & (times - times[held] <= length * FLAT_SLACK)
    known &= np.arange(len(raw)) - start + 1 >= FEWEST
    flags[known] = GOOD
    if asked.tolerance:
        still = known.copy()
        still[known] = _extent(raw, held[known], np.flatnonzero(known)) <= asked.tolerance
    else:
        moved = np.flatnonzero(np.diff(raw, prepend=np.nan) != 0)
        still = known & (moved[np.searchsorted(moved, np.arange(len(raw)), side="right") - 1] <= start)
    if still.any() and coarse:
        steps = raw / coarse
        still &= np.abs(steps - np.round(steps)) > 1e-6
    if rails:
        still &= (raw > rails[0]) & (raw < rails[1])
    flags[still] = SUSPECT
    return flags


def _extent(values: Floats, first: Whole, last: Whole) -> Floats:
    """Largest less smallest of each values[first : last + 1], by extremes over 1, 2, 4, 8 ... values."""
    found = np.zeros(len(first))
    lows = highs = values
    sizes = last - first + 1
    length = 1
    while len(sizes) and length <= sizes.max():
        here = (sizes >= length) & (sizes < 2 * length)
        begin, end = first[here], last[here] - length + 1
        found[here] = np.maximum(highs[begin], highs[end]) - np.minimum(lows[begin], lows[end])
        lows, highs = np.minimum(lows[:-length], lows[length:]), np.maximum(highs[:-length], highs[length:])
        length *= 2
    return found
