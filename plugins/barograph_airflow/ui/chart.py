"""One series over time as an SVG drawing: a band from least to most, a line of means, gaps as gaps, limits, alarms."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from barograph.live.device import AlarmSpan
from barograph.readings import FAIL, SUSPECT
from barograph.windows import Window
from barograph_airflow.ui import words

if TYPE_CHECKING:
    from barograph.influx.series import Course

LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 24
HEIGHT = 220
STEPS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
STEPS += [timedelta(days=days) for days in (1, 2, 5, 7, 14, 28, 56, 91)]
PIXELS_A_LABEL = 64
SILENT = 5
"""Cadences without a reading that are a gap in the line."""


@dataclass(frozen=True)
class Tick:
    place: float
    label: str


@dataclass(frozen=True)
class Drawing:
    """All that the template needs, in pixels."""

    width: int
    height: int
    plot: tuple[float, float, float, float]
    """x, y, width, height of the field in which is drawn."""
    line: str
    band: str
    marks: Sequence[tuple[float, float, str]]
    """Readings that are doubted: x, y, and `suspect` or `fail`."""
    across: Sequence[Tick]
    up: Sequence[Tick]
    limits: Sequence[Tick]
    alarms: Sequence[tuple[float, float, str]]
    """x, width, what it says."""
    points: str
    """[[x, y, time, text], ...] as JSON, for whoever points at the drawing."""
    readings: int

    @property
    def empty(self) -> bool:
        return not self.readings


def draw(
    course: Course,
    window: Window,
    width: int,
    zone: str,
    cadence: float,
    limits: tuple[float | None, float | None],
    alarms: Sequence[AlarmSpan],
) -> Drawing:
    field = (float(LEFT), float(TOP), float(width - LEFT - RIGHT), float(HEIGHT - TOP - BOTTOM))
    start, length = window.start.timestamp(), window.length.total_seconds()

    def x(seconds: float) -> float:
        return round(LEFT + (seconds - start) / length * field[2], 1)

    middle = course.step.total_seconds() / 2
    rows = [
        (float(time) + middle, float(low), float(mean), float(high))
        for time, low, mean, high in zip(course.times, course.low, course.mean, course.high, strict=True)
    ]
    known = [row for row in rows if not math.isnan(row[2])]
    bottom, top = _range([row[1] for row in known], [row[3] for row in known], limits)

    def y(value: float) -> float:
        return round(TOP + (top - value) / (top - bottom) * field[3], 1)

    step = course.step.total_seconds()
    pieces = list(_pieces(known, 1.5 * step if course.regular else max(SILENT * cadence, 2.5 * step)))
    return Drawing(
        width=width,
        height=HEIGHT,
        plot=field,
        line="".join(_line([(x(time), y(mean)) for time, _, mean, _ in piece]) for piece in pieces),
        band="".join(_band([(x(time), y(low), y(high)) for time, low, _, high in piece]) for piece in pieces)
        if course.step
        else "",
        marks=list(_marks(course, x, y)),
        across=list(_times(window, zone, field[2], x)),
        up=[Tick(y(value), f"{value:g}") for value in _rounds(bottom, top)],
        limits=[Tick(y(limit), f"{limit:g}") for limit in limits if limit is not None and bottom <= limit <= top],
        alarms=list(_alarms(alarms, window, x)),
        points=json.dumps([[x(row[0]), y(row[2]), *_said(row, zone, bool(course.step))] for row in known]),
        readings=len(known),
    )


def _range(
    lows: Sequence[float], highs: Sequence[float], limits: tuple[float | None, float | None]
) -> tuple[float, float]:
    """What lies between bottom and top: all values, and limits that are not far from them."""
    if not lows:
        known = [limit for limit in limits if limit is not None] or [0.0, 1.0]
        return min(known) - 1, max(known) + 1
    low, high = min(lows), max(highs)
    reach = max(high - low, 0.5, abs(high) * 0.01)
    near = [limit for limit in limits if limit is not None and low - reach <= limit <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    margin = max(high - low, 0.2) * 0.06
    return low - margin, high + margin


def _pieces(rows: Sequence[tuple[float, ...]], longest: float) -> Iterator[list[tuple[float, ...]]]:
    piece: list[tuple[float, ...]] = []
    for row in rows:
        if piece and row[0] - piece[-1][0] > longest:
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _line(places: Sequence[tuple[float, float]]) -> str:
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
    return path if len(places) > 1 else f"{path}h.1"


def _band(places: Sequence[tuple[float, float, float]]) -> str:
    along = [f"{x:g} {high:g}" for x, _, high in places]
    back = [f"{x:g} {low:g}" for x, low, _ in reversed(places)]
    return f"M{'L'.join([*along, *back])}Z"


def _marks(course: Course, x: object, y: object) -> Iterator[tuple[float, float, str]]:
    for time, value, flag in zip(course.times, course.mean, course.flags, strict=False):
        if flag in (SUSPECT, FAIL) and not math.isnan(value):
            yield x(float(time)), y(float(value)), "fail" if flag == FAIL else "suspect"  # type: ignore[operator]


def _alarms(alarms: Sequence[AlarmSpan], window: Window, x: object) -> Iterator[tuple[float, float, str]]:
    for alarm in alarms:
        lasted = Window(alarm.start, max(alarm.start, alarm.end or window.end)).clipped(window)
        if lasted:
            begin, end = (x(moment.timestamp()) for moment in (lasted.start, lasted.end))  # type: ignore[operator]
            yield begin, max(2.0, end - begin), f"{alarm.severity}: {alarm.message}"


def _times(window: Window, zone: str, pixels: float, x: object) -> Iterator[Tick]:
    """Round local times, so far apart that their labels have room."""
    here = ZoneInfo(zone)
    most = max(2, int(pixels / PIXELS_A_LABEL))
    step = next((step for step in STEPS if window.length / step <= most), STEPS[-1])
    local = window.start.astimezone(here).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if step >= timedelta(days=1):
        local -= timedelta(days=(local.toordinal() % (step // timedelta(days=1))))
    end = window.end.astimezone(here).replace(tzinfo=None)
    while local <= end:
        moment = local.replace(tzinfo=here).astimezone(UTC)
        if window.start <= moment <= window.end:
            whole = local.hour == local.minute == 0
            label = words.short_day(local.date())[4:] if whole else f"{local:%H:%M}"
            yield Tick(x(moment.timestamp()), label)  # type: ignore[operator]
        local += step


def _rounds(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two, at most so many and one."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first = math.ceil(low / step)
    return [round(step * place, 10) for place in range(first, math.floor(high / step) + 1)]


def _said(row: tuple[float, ...], zone: str, steps: bool) -> tuple[str, str]:
    moment = datetime.fromtimestamp(row[0], UTC)
    text = f"{row[2]:.4g}" + (f" ({row[1]:.4g} to {row[3]:.4g})" if steps and row[1] != row[3] else "")
    return words.moment(moment, zone), text
