"""The stretches of time that readings are summed up over, of many measuring points at once, in microseconds.

Only stretches with a reading in them are there. All are half-open.

    sliding   end at the multiples of the slide since 1970
    minute    of UTC
    hour      counted from local midnight: the hours of UTC, but in zones such as Asia/Kolkata (+05:30), where they are
              the hours of the clock on the wall; so each lies in one local day, also where the clocks change
    day       from local midnight to local midnight, 23 or 25 hours where the clocks change
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barograph.windows import EPOCH, Window, microseconds

Whole = NDArray[np.int64]

SECOND = 1_000_000
UTC_DAY = 86_400 * SECOND


@dataclass(frozen=True)
class Stretches:
    point: Whole
    start: Whole
    end: Whole

    def __getitem__(self, which: Any) -> Stretches:
        return Stretches(self.point[which], self.start[which], self.end[which])

    @property
    def seconds(self) -> NDArray[np.float64]:
        return (self.end - self.start) / SECOND


def sliding(point: Whole, times: Whole, sizes: Whole, slides: Whole) -> Stretches:
    """Windows of `sizes[point]` that end at a multiple of `slides[point]`. `times` ascend in each point."""
    pane = times // slides[point]
    begins = _changes(point, pane)
    point, pane = point[begins], pane[begins]
    # A pane lies in so many windows, the first of which ends where the pane does.
    each = (-(-sizes // slides))[point]
    step = np.diff(pane, prepend=0)
    fresh = np.where(_changes(point), each, np.minimum(step, each))
    last = np.cumsum(fresh)
    ends = np.repeat(pane + each + 1 - last, fresh) + np.arange(last[-1] if len(last) else 0)
    owner = np.repeat(point, fresh)
    ends *= slides[owner]
    return Stretches(owner, ends - sizes[owner], ends)


def rolled(period: str, point: Whole, times: Whole, timezone: str) -> Stretches:
    """The minutes, hours or days with one of `times` in them. `times` ascend in each point."""
    if period == "minute":
        starts = times // (60 * SECOND) * (60 * SECOND)
        ends = starts + 60 * SECOND
    else:
        day_starts, day_ends = _local_days(times, timezone)
        day = np.searchsorted(day_starts, times, side="right") - 1
        starts, ends = day_starts[day], day_ends[day]
        if period == "hour":
            hour = 3600 * SECOND
            starts = starts + (times - starts) // hour * hour
            # Where clocks change by half an hour, a day's last hour is a short one.
            ends = np.minimum(starts + hour, ends)
    return Stretches(point, starts, ends)[_changes(point, starts)]


def _local_days(times: Whole, timezone: str) -> tuple[Whole, Whole]:
    """Starts and ends of the local days around these times."""
    edges = sorted({edge for day in np.unique(times // UTC_DAY).tolist() for edge in _local_edges(day, timezone)})
    starts, ends = np.array(edges, np.int64).reshape(-1, 2).T
    return starts, ends


@lru_cache(maxsize=4096)
def _local_edges(utc_day: int, timezone: str) -> tuple[tuple[int, int], ...]:
    """Of the local days that a UTC day touches; one that a zone left out (Apia, 2011-12-30) is not there."""
    start = EPOCH + timedelta(days=utc_day)
    days = (Window.local_day(day, timezone) for day in Window(start, start + timedelta(days=1)).local_days(timezone))
    return tuple((microseconds(day.start), microseconds(day.end)) for day in days if day.length)


def _changes(*columns: Whole) -> NDArray[np.bool_]:
    """True where a row differs from the one before; the first does."""
    differs = np.ones(len(columns[0]), bool)
    differs[1:] = False
    for column in columns:
        differs[1:] |= column[1:] != column[:-1]
    return differs
