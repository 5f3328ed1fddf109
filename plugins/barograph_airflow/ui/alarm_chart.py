"""A small chart of the readings around an alarm, as places and paths for a template: it has the page's colours.

Matplotlib keeps its style in one place for all threads, and the server draws in many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from barograph.metrics import metric
from barograph.readings import GOOD
from barograph.rules.excursion import Limits, limits_of
from barograph.state.handling import Standing
from barograph.windows import Window, microseconds

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 26
GAP = 6
"""Median steps between readings that break the line."""
STEPS = tuple(timedelta(minutes=count) for count in (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))
MARKS = 7
"""At most so many times below the chart."""


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Mark(NamedTuple):
    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    label: str
    curve: str
    """A path; empty without readings that are good."""
    bad: list[tuple[float, float]]
    """Readings that are not good."""
    beyond: list[Box]
    limits: list[Mark]
    alarm: Box
    acknowledged: float | None
    times: list[Mark]
    values: list[Mark]
    empty: bool

    width = WIDTH
    height = HEIGHT
    left = LEFT
    right = WIDTH - RIGHT
    top = TOP
    bottom = HEIGHT - BOTTOM


def chart_of(alarm: Mapping[str, Any], standing: Standing, readings: Any, window: Window, zone: str) -> Chart:
    """`readings`: times, values and flags of the window, see influx.around."""
    limits = limits_of(alarm)
    known = ~np.isnan(readings.values)
    good = known & (readings.flags == GOOD)
    what = metric(alarm["metric"])
    lines = [limit for limit in (limits.low, limits.high) if limit is not None] + list(_levels(alarm))
    low, high = _extent(readings.values[good if good.any() else known], lines, what.resolution)
    start, length = microseconds(window.start), microseconds(window.end) - microseconds(window.start)

    def across(moment: Any) -> Any:
        return LEFT + (WIDTH - LEFT - RIGHT) * np.clip((moment - start) / length, 0, 1)

    def down(value: Any) -> Any:
        return TOP + (HEIGHT - TOP - BOTTOM) * np.clip((high - value) / (high - low), 0, 1)

    def place(moment: datetime) -> float:
        return round(float(across(microseconds(moment))), 1)

    times, values = _thinned(across(readings.times[good]), readings.values[good])
    ends = place(alarm["cleared"]) if alarm["cleared"] else place(window.end)
    begins = place(alarm["started"])
    acknowledged = standing.acknowledged.at if standing.acknowledged else None
    odd = known & ~good
    return Chart(
        label=f"{what.label}, {what.unit}" if what.unit else what.label,
        curve=_path(times, down(values), _breaks(across(readings.times[good]))),
        bad=_points(across(readings.times[odd]), down(readings.values[odd])),
        beyond=list(_beyond(limits, down)),
        limits=[Mark(round(float(down(limit)), 1), f"{limit:g}") for limit in lines],
        alarm=Box(begins, TOP, max(2.0, round(ends - begins, 1)), HEIGHT - TOP - BOTTOM),
        acknowledged=place(acknowledged) if acknowledged and acknowledged in window else None,
        times=[Mark(place(moment), text) for moment, text in moments(window, zone)],
        values=[
            Mark(round(float(down(value)), 1), f"{value:g}".replace("-", "−")) for value in _round_values(low, high)
        ],
        empty=not known.any(),
    )


def _levels(alarm: Mapping[str, Any]) -> Iterator[float]:
    """The limits at which it becomes more severe."""
    rule = (alarm.get("thresholds") or {}).get("rule") or {}
    if limits_of(alarm):
        for level in rule.get("levels") or ():
            yield from (level[side] for side in ("above", "below") if level.get(side) is not None)


def _extent(values: NDArray[np.float64], limits: Sequence[float], resolution: float) -> tuple[float, float]:
    """From the lowest to the highest of values and limits, with some air."""
    every = list(limits)
    if len(values):
        every += [float(values.min()), float(values.max())]
    if not every:
        return 0.0, 1.0
    low, high = min(every), max(every)
    least = max(10 * resolution, 1e-6 * abs(high), 1e-9)
    pad = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - pad, high + pad


def _thinned(xs: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and the highest value of each column of pixels."""
    if len(xs) <= 2 * WIDTH:
        return xs, values
    order = np.lexsort((values, xs.astype(np.int64)))
    edges = np.flatnonzero(np.diff(xs[order].astype(np.int64)))
    keep = np.unique(np.concatenate([order[np.append(0, edges + 1)], order[np.append(edges, len(order) - 1)]]))
    return xs[keep], values[keep]


def _breaks(xs: NDArray[np.float64]) -> float:
    """How far apart two neighbours are that no line joins."""
    return max(3.0, GAP * float(np.median(np.diff(xs)))) if len(xs) > 1 else 0.0


def _path(xs: NDArray[np.float64], ys: NDArray[np.float64], apart: float) -> str:
    parts: list[str] = []
    before = None
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        # A point without neighbours is drawn too: round ends make a dot of a line of no length.
        joined = before is not None and x - before <= apart
        parts.append(f"{'L' if joined else 'M'}{x:.1f} {y:.1f}{'' if joined else 'h0'}")
        before = x
    return "".join(parts)


def _points(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> list[tuple[float, float]]:
    """One for each spot of the chart."""
    spots = {(round(x / 3), round(y / 3)): (round(x, 1), round(y, 1)) for x, y in zip(xs, ys, strict=True)}
    return [(float(x), float(y)) for x, y in spots.values()]


def _beyond(limits: Limits, down: Any) -> Iterator[Box]:
    if limits.high is not None:
        yield Box(LEFT, TOP, WIDTH - LEFT - RIGHT, round(float(down(limits.high)) - TOP, 1))
    if limits.low is not None:
        top = round(float(down(limits.low)), 1)
        yield Box(LEFT, top, WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM - top)


def moments(window: Window, zone: str) -> Iterator[tuple[datetime, str]]:
    """Round times of the local clock."""
    here = ZoneInfo(zone)
    step = next((step for step in STEPS if window.length / step <= MARKS), STEPS[-1])
    midnight = window.start.astimezone(here).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight.astimezone(window.start.tzinfo)
    while moment < window.end:
        local = moment.astimezone(here)
        if moment in window:
            at_midnight = (local.hour, local.minute) == (0, 0)
            yield moment, f"{local.day}.{local.month}." if at_midnight else f"{local:%H:%M}"
        moment += step


def _round_values(low: float, high: float) -> Iterator[float]:
    """About four round numbers."""
    rough = (high - low) / 4
    size = 10.0 ** np.floor(np.log10(rough))
    step = float(next(size * times for times in (1, 2, 5, 10) if size * times >= rough))
    value = np.ceil(low / step) * step
    while value <= high:
        yield float(f"{value:.10g}")
        value += step
