"""When a reading was made: after a silence, after a start of the device, at a time that cannot be.

QARTOD test 1 (time gap); the impossible date is Argo's (real-time quality control manual, test 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from barograph.transforms.quality.limits import LONGEST_GAP

Whole = NDArray[np.int64]
Bools = NDArray[np.bool_]

SECOND = 1_000_000
FIRST = 946_684_800 * SECOND
"""The year 2000: a clock before it was never set."""
AHEAD = 900 * SECOND
"""Nothing arrives before it was measured. Clocks differ by less; a wrong time zone is at least a quarter of an hour."""


def after_gap(times: Whole, gap: float) -> Bools:
    """Nothing was heard in the `gap` seconds before."""
    length = round(gap * SECOND)
    return np.diff(times, prepend=times[:1] - length - 1) > length


def impossible(times: Whole, published: Whole, since: Whole, until: Whole) -> Bools:
    """Before the device came there or after it left, before any clock was set, or after the reading had arrived."""
    wrong: Bools = (times < FIRST) | (times > published + AHEAD) | (times < since) | (times >= until)
    return wrong


def seconds_since_start(times: Whole, boot: Whole, seq: Whole, numbered: Bools) -> NDArray[np.float64]:
    """Seconds since the device last began anew, inf or many where that is long ago; `times` are those of a `timeline`.

    It did where the boot is another one than before or the numbers begin again, and after a silence of which nobody
    knows what happened in it. What a device that numbers nothing did is not known.
    """
    silence = np.diff(times, prepend=times[:1] - 2 * round(LONGEST_GAP * SECOND)) > round(LONGEST_GAP * SECOND)
    other = np.diff(boot, prepend=boot[:1]) != 0
    again = np.diff(seq, prepend=seq[:1]) < 0
    starts = numbered & (silence | other | again)
    latest = np.maximum.accumulate(np.where(starts, np.arange(len(times)), -1))
    since = (times - times[np.maximum(latest, 0)]) / SECOND
    return np.where(latest >= 0, since, np.inf)
