"""How bad it was: how long and how far values were beyond a limit, and the area between them and it.

12 |      __
10 |    /####\\         area, in °C·h: what the goods got of it; four degrees for a quarter of an hour
 8 |---/------\\----    cost as much as one degree for an hour
 6 |__/        \\__
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOUR = 3_600_000_000


@dataclass(frozen=True)
class Limits:
    """Between these all is well; None: no limit on that side."""

    low: float | None = None
    high: float | None = None

    def __bool__(self) -> bool:
        return self.low is not None or self.high is not None


@dataclass(frozen=True)
class Excursion:
    duration: timedelta
    """Beyond the limit."""
    extreme: float | None
    """The value that was furthest beyond; None: none was."""
    area: float
    """In the metric's unit times hours."""


OF_VALUES = ("limit", "score", "n_of_m", "cumulative")
"""Kinds of rule whose limits are limits of the value itself: of the others (a rate, a silence) none can be drawn."""


def limits_of(alarm: Mapping[str, Any]) -> Limits:
    """The limits that an alarm was judged by: as its rule had them, else by the side on which its value lies."""
    rule = (alarm.get("thresholds") or {}).get("rule") or {}
    if alarm.get("kind", "limit") not in OF_VALUES:
        return Limits()
    if rule.get("outside"):
        low, high = rule["outside"]
        return Limits(low, high)
    if rule.get("above") is not None or rule.get("below") is not None:
        return Limits(rule.get("below"), rule.get("above"))
    limit, value = alarm["limit"], alarm["value"]
    # Of kinds that count, that is how many were too many.
    if limit is None or value is None or alarm.get("kind", "limit") not in ("limit", "score"):
        return Limits()
    return Limits(high=limit) if value >= limit else Limits(low=limit)


def excursion(times: NDArray[np.int64], values: NDArray[np.float64], limits: Limits, gap: float) -> Excursion:
    """Of readings that count, in the order of time (microseconds). Pure.

    From one reading to the next the value goes in a straight line, so that the cost does not depend on when readings
    happened to be taken. Of more than `gap` seconds without one nothing is known, and nothing is counted.
    """
    beyond = np.full(len(values), -np.inf)
    if limits.high is not None:
        beyond = np.maximum(beyond, values - limits.high)
    if limits.low is not None:
        beyond = np.maximum(beyond, limits.low - values)
    if not len(values) or not (beyond > 0).any():
        return Excursion(timedelta(0), None, 0.0)
    steps = np.diff(times).astype(np.float64)
    steps[steps > gap * 1e6] = 0.0
    duration, area = 0.0, 0.0
    for limit, side in ((limits.high, 1.0), (limits.low, -1.0)):
        if limit is not None:
            excess = side * (values - limit)
            share, height = _above(excess[:-1], excess[1:])
            duration += float((share * steps).sum())
            area += float((share * height * steps).sum())
    return Excursion(timedelta(microseconds=round(duration)), float(values[beyond.argmax()]), area / HOUR)


def _above(start: NDArray[np.float64], end: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of straight lines from `start` to `end`: the share of each that is above zero, and its mean height there."""
    top, bottom = np.maximum(start, end), np.minimum(start, end)
    crossing = (top > 0) & (bottom < 0)
    span = np.where(crossing, top - bottom, 1.0)
    share = np.where(crossing, top / span, (top > 0).astype(np.float64))
    height = np.where(crossing, top / 2, np.maximum((start + end) / 2, 0.0))
    return share, height
