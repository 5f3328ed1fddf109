"""The small chart of a message: the hours before an alarm, its limit, and since when it is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import nan
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from barograph.errors import BarographError
from barograph.influx import around
from barograph.notify import words
from barograph.notify.contacts import Language
from barograph.readings import FAIL
from barograph.reports.canvas import ALARM, CURVE, HAIR, LIMIT, QUIET, png, style
from barograph.settings import Settings
from barograph.windows import EPOCH, Window, utc

BEFORE = timedelta(hours=2)
LONGEST = timedelta(hours=24)
GAP = 5
"""Usual distances between readings that make a gap."""
POINTS = 1_500
"""Of a curve; more than a message shows."""

log = structlog.get_logger()

Course = Sequence[tuple[datetime, float]]


def chart_of(settings: Settings, facts: Mapping[str, Any]) -> bytes | None:
    """Of a message about one alarm; None where there is nothing to draw, or nobody to ask. Never raises that."""
    entries = facts["entries"]
    if facts["counts"]["alarms"] != 1 or not entries or not entries[0]["site"] or entries[0]["said"] == "withdrawn":
        return None
    alarm = entries[0]
    end = utc(alarm["cleared"] or facts["as_of"])
    start = max(min(utc(alarm["started"]), end) - BEFORE, end - LONGEST)
    window = Window(start, end + (end - start) / 40)
    try:
        course = _course(around.readings(settings, alarm["device"], alarm["metric"], window))
        return draw(alarm, course, window, facts["timezone"], facts["language"]) if len(course) > 1 else None
    except (BarographError, ValueError) as error:
        log.warning("no_chart", alarm=alarm["alarm"], error=str(error))
        return None


def _course(readings: around.Readings) -> list[tuple[datetime, float]]:
    """Without those that failed or have no value."""
    good = np.isfinite(readings.values) & (readings.flags != FAIL)
    times = (EPOCH + timedelta(microseconds=each) for each in readings.times[good].tolist())
    return list(zip(times, readings.values[good].tolist(), strict=True))


def draw(alarm: Mapping[str, Any], course: Course, window: Window, timezone: str, language: Language) -> bytes:
    """Without words but the title's unit: the curve, the limit, the time beyond it."""
    thin = _with_gaps(course[:: max(1, len(course) // POINTS)])
    zone = ZoneInfo(timezone)
    with style():
        figure = Figure(figsize=(4.6, 1.9))
        axes = figure.add_axes((0.09, 0.15, 0.885, 0.72))
        axes.plot([_days(at) for at, _ in thin], [value for _, value in thin], color=CURVE, linewidth=1.4)
        began, ended = utc(alarm["started"]), utc(alarm["cleared"]) if alarm["cleared"] else window.end
        axes.axvspan(_days(max(began, window.start)), _days(ended), color=ALARM, alpha=0.14, linewidth=0)
        if alarm["limit"] is not None and alarm["kind"] in ("limit", "score"):
            axes.axhline(alarm["limit"], color=LIMIT, linewidth=1.1, linestyle=(0, (5, 3)))
        axes.set_xlim(_days(window.start), _days(window.end))
        axes.margins(y=0.12)
        locator = AutoDateLocator(tz=zone, minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=zone))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", words.MINUS)))
        axes.grid(axis="y", color=HAIR, linewidth=0.5)
        axes.tick_params(labelsize=9, length=3)
        axes.set_title(alarm["unit"], loc="left", fontsize=9, color=QUIET, pad=3)
        return png(figure)


def _with_gaps(course: Course) -> Course:
    """A line across a silence would be a measurement that nobody made."""
    steps = [(later - earlier).total_seconds() for (earlier, _), (later, _) in pairwise(course)]
    usual = timedelta(seconds=median(steps))
    broken: list[tuple[datetime, float]] = []
    for at, value in course:
        if broken and at - broken[-1][0] > GAP * usual:
            broken.append((broken[-1][0] + usual, nan))
        broken.append((at, value))
    return broken


def _days(moment: datetime) -> float:
    """As Matplotlib counts time."""
    return float(date2num(moment))
