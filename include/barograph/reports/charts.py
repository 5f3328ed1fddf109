"""The chart of a device: one metric over the time of the report, with limits, gaps, alarms, doors and bad readings."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from barograph.reports.canvas import (
    ALARM,
    BAD,
    CURVE,
    DOOR,
    NOTHING,
    QUIET,
    framed,
    hours_of,
    titled,
)
from barograph.reports.data import GAP, Micros, Series, Values, micros
from barograph.reports.view import View, extent
from barograph.reports.words import quantity
from barograph.windows import Window

COLUMNS = 420
"""Most pixel columns of a curve; each keeps its lowest and its highest value."""

NAMED = 3
"""Alarms of a chart whose worst value is written on it: the longest."""

APART = 0.16
"""Of a chart's width, so that such values can be read beside each other."""

MOST_GAPS = 300
"""More bands than this on one chart cannot be told apart."""


def line(view: View) -> Figure:
    """One metric of one device."""
    (member,) = view.members
    series, window = member.series, view.window
    low, high = view.extent or extent([series])
    figure, axes = framed(view.voice, (low, high, series.low, series.high))
    titled(figure, member.label, view.title)
    for gap in series.gaps[:MOST_GAPS]:
        axes.axvspan(*hours_of(gap, window), color=NOTHING, alpha=0.85, linewidth=0, zorder=0.4, gid="gap")
    _shades(axes, view)
    for alarm in view.alarms:
        start, end = hours_of(alarm.span(window), window)
        axes.axvspan(start, end, color=ALARM, alpha=0.16, linewidth=0, gid="alarm")
        least = (window.length / timedelta(hours=1)) / 600
        axes.plot([start, max(end, start + least)], [1, 1], color=ALARM, linewidth=4, solid_capstyle="butt",
                  transform=axes.get_xaxis_transform(), clip_on=False)  # fmt: skip
    for middle, value in _worst(view):
        axes.text(middle, 0.97, quantity(value, series.metric), color=ALARM, fontsize=7.5, ha="center",
                  va="top", transform=axes.get_xaxis_transform(), gid="worst",
                  bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6})  # fmt: skip
    usable = series.usable
    times, values = thinned(series.times[usable], series.values[usable], series.breaks or GAP * series.cadence, window)
    steps = "steps-post" if series.binary else "default"
    axes.plot(times, values, color=CURVE, linewidth=1.1, drawstyle=steps, gid="curve")
    lonely = _lonely(values)
    axes.plot(times[lonely], values[lonely], ".", color=CURVE, markersize=2.5)
    _marks(axes, series, window, low, high)
    if not usable.any():
        say = view.voice.say
        nothing = say("No usable readings") if len(series.times) else say("No readings")
        axes.text(0.5, 0.5, nothing, color=QUIET, ha="center", va="center", transform=axes.transAxes)
    return figure


def _worst(view: View) -> list[tuple[float, float]]:
    """(hour, value) of the longest alarms, without those that would lie upon a longer one's."""
    window = view.window
    room = APART * (window.length / timedelta(hours=1))
    said: list[tuple[float, float]] = []
    for alarm in sorted(view.alarms, key=lambda alarm: alarm.span(window).length, reverse=True):
        middle = sum(hours_of(alarm.span(window), window)) / 2
        if alarm.value is not None and all(abs(middle - other) >= room for other, _ in said):
            said.append((middle, alarm.value))
    return said[:NAMED]


def thinned(times: Micros, values: Values, breaks: float, window: Window) -> tuple[Values, Values]:
    """At most two points a pixel column, the lowest and the highest, in hours; NaN where nothing came for `breaks` s.

    The readings at both ends of a gap always stay, so that it's drawn as wide as it was.
    """
    hours = (times - micros(window.start)) / 3.6e9
    holes = np.flatnonzero(np.diff(times) > breaks * 1e6)
    if len(times) > 2 * COLUMNS:
        column = (hours * (COLUMNS / (window.length / timedelta(hours=1)))).astype(np.int64)
        order = np.lexsort((values, column))
        edge = np.flatnonzero(np.diff(column[order]))
        lowest, highest = np.append(0, edge + 1), np.append(edge, len(order) - 1)
        keep = np.unique(np.concatenate([order[lowest], order[highest], holes, holes + 1, [0, len(times) - 1]]))
        hours, values, holes = hours[keep], values[keep], np.searchsorted(keep, holes)
    return np.insert(hours, holes + 1, np.nan), np.insert(values, holes + 1, np.nan)


def _shades(axes: Axes, view: View) -> None:
    """A door or a defrost: a pale band, and a bar at its foot that a copier does not lose."""
    for name, spans in view.shades.items():
        hatch = "////" if name == "defrost" else None
        bars = [(start, end - start) for start, end in (hours_of(span, view.window) for span in spans[:MOST_GAPS])]
        across = axes.get_xaxis_transform()
        axes.broken_barh(bars, (0, 1), color=DOOR, linewidth=0, zorder=0.6, transform=across, gid=name)
        axes.broken_barh(bars, (0, 0.035), facecolor=CURVE, linewidth=0, zorder=0.7, hatch=hatch, transform=across)


def _marks(axes: Axes, series: Series, window: Window, low: float, high: float) -> None:
    """Bad readings as crosses, triangles where they lie beyond the chart; missing values as ticks on the time axis."""
    bad, missing = series.bad, series.missing
    if bad.any():
        hours, values = (series.times - micros(window.start)) / 3.6e9, series.values
        reach = 0.03 * (high - low)
        for mark, chosen, heights in (
            ("x", bad & (values >= low) & (values <= high), values),
            ("^", bad & (values > high), np.full(len(values), high - reach)),
            ("v", bad & (values < low), np.full(len(values), low + reach)),
        ):
            first = _first_of_each_column(hours, chosen, window)
            axes.plot(hours[first], heights[first], mark, color=BAD, markersize=4, markeredgewidth=1.1, gid="bad")
    if missing.any():
        hours = (series.times - micros(window.start)) / 3.6e9
        first = _first_of_each_column(hours, missing, window)
        axes.plot(hours[first], np.full(len(first), 0.035), "|", color=BAD, markersize=6, markeredgewidth=0.9,
                  transform=axes.get_xaxis_transform(), gid="missing")  # fmt: skip


def _first_of_each_column(hours: Values, chosen: NDArray[np.bool_], window: Window) -> NDArray[np.intp]:
    """A mark is as wide as three columns: a thousand on one spot are one."""
    places = np.flatnonzero(chosen)
    column = (hours[places] * (COLUMNS / 3 / (window.length / timedelta(hours=1)))).astype(np.int64)
    return places[np.unique(column, return_index=True)[1]]


def _lonely(values: Values) -> NDArray[np.bool_]:
    """Points without a neighbour, which a line would not show."""
    around = np.concatenate([[np.nan], values, [np.nan]])
    alone: NDArray[np.bool_] = ~np.isnan(values) & np.isnan(around[:-2]) & np.isnan(around[2:])
    return alone
