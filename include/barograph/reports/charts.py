"""Draw a report's charts: data in, Figure out, bytes at the end. With overview.py the home of matplotlib, never pyplot.

A chart is one function that returns a Figure. The same data gives the same bytes. It is read on a phone, on paper in
greyscale, and by people who see red and green alike: so what is wrong is also taller, darker or of another shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from barograph.reports.data import GAP, Alarm, Micros, Series, Values, micros
from barograph.reports.words import MINUS, plain
from barograph.windows import Window

INK, QUIET, HAIR = "#1f2a33", "#5d6b76", "#c9d1d8"
CURVE, LIMIT, BAD = "#0b5a8a", "#b4460f", "#8a1c5b"
BEYOND, ALARM, NOTHING = "#f6e3d3", "#b4460f", "#eceff1"
"""After Okabe and Ito: blue and vermilion stay apart for every eye, and differ in lightness."""

WIDTH, HEIGHT = 4.4, 1.95
"""Inches of a small chart: so small that its letters can still be read at the width of a phone."""

COLUMNS = 420
"""Most pixel columns of a curve; each keeps its lowest and its highest value."""

PIXELS_PER_INCH = 220

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a device may be called $x^2$
    "axes.edgecolor": HAIR,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "xtick.color": HAIR,
    "ytick.color": HAIR,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "ytick.major.size": 0,
    "lines.solid_joinstyle": "round",
    "path.simplify": False,  # curves are thinned by us, and keep their peaks
    "agg.path.chunksize": 10_000,
    "svg.fonttype": "none",
    "svg.hashsalt": "barograph",
}

DOCTYPE = re.compile(rb"<!DOCTYPE[^>]*>\s*")


@contextmanager
def style() -> Iterator[None]:
    """Our look, whatever the user's matplotlibrc says. Draw and write inside of it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def png(figure: Figure) -> bytes:
    page = BytesIO()
    figure.set_canvas(FigureCanvasAgg(figure))
    figure.savefig(
        page, format="png", dpi=PIXELS_PER_INCH, metadata={"Software": None}, facecolor="white",
        pil_kwargs={"compress_level": 3},
    )  # fmt: skip
    return page.getvalue()


def svg(figure: Figure) -> bytes:
    """Without background, so that a dark page can turn it around, and without a word of where or when."""
    page = BytesIO()
    figure.set_canvas(FigureCanvasSVG(figure))
    figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return DOCTYPE.sub(b"", page.getvalue(), count=1)


def curve(series: Series, label: str, alarms: Sequence[Alarm], window: Window, timezone: str) -> Figure:
    """One metric of one device over the day, with its limits, gaps, alarms and bad readings."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.add_axes((0.1, 0.135, 0.84, 0.70))
    low, high = _extent(series)
    axes.set_ylim(low, high)
    time_axis(axes, window, timezone)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
    axes.grid(axis="y", color=HAIR, linewidth=0.5)
    title = f"{series.metric.label}, {series.metric.unit}" if series.metric.unit else series.metric.label
    figure.text(0.0, 0.915, plain(title, 36), fontsize=10, weight="bold")
    figure.text(0.94, 0.915, plain(label, 34), fontsize=8.5, color=QUIET, ha="right")

    for gap in series.gaps:
        axes.axvspan(*_hours(gap, window), color=NOTHING, linewidth=0, gid="gap")
    _limits(axes, series, low, high)
    for alarm in alarms:
        start, end = _hours(alarm.span(window), window)
        axes.axvspan(start, end, color=ALARM, alpha=0.16, linewidth=0, gid="alarm")
        axes.plot([start, max(end, start + 0.04)], [1, 1], color=ALARM, linewidth=4, solid_capstyle="butt",
                  transform=axes.get_xaxis_transform(), clip_on=False)  # fmt: skip

    times, values = thinned(series.times[series.usable], series.values[series.usable], series.cadence, window)
    steps = "steps-post" if series.metric.valid == (0, 1) else "default"
    axes.plot(times, values, color=CURVE, linewidth=1.1, drawstyle=steps, gid="curve")
    lonely = _lonely(values)
    axes.plot(times[lonely], values[lonely], ".", color=CURVE, markersize=2.5)
    _marks(axes, series, window, low, high)
    if not series.usable.any():
        nothing = "No readings" if not len(series.times) else "No usable readings"
        axes.text(0.5, 0.5, nothing, color=QUIET, ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])
    return figure


def time_axis(axes: Axes, window: Window, timezone: str, every: int = 6) -> None:
    """Hours of the local clock where they really lie: a day of 23 or 25 hours is as long as it is."""
    hours = window.length / timedelta(hours=1)
    axes.set_xlim(0, hours)
    major = [(_position(moment, window), f"{hour:02}:00") for hour, moment in _ticks(window, timezone, every)]
    major.append((hours, "24:00"))
    axes.xaxis.set_major_locator(FixedLocator([place for place, _ in major]))
    axes.xaxis.set_major_formatter(FixedFormatter([text for _, text in major]))
    axes.tick_params(axis="x", length=3, pad=2)
    # One line of marks for the hours: two dozen minor ticks would cost as much as all the rest.
    each = [_position(moment, window) for _, moment in _ticks(window, timezone, 1)]
    axes.plot(each, [0] * len(each), linestyle="", marker=TICKDOWN, markersize=1.8, color=HAIR, clip_on=False,
              transform=axes.get_xaxis_transform(), gid="hours")  # fmt: skip
    change = _clock_change(window, timezone)
    if change is not None:
        axes.axvline(change, color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)), gid="clocks-change")


def thinned(times: Micros, values: Values, cadence: float, window: Window) -> tuple[Values, Values]:
    """At most two points a pixel column, the lowest and the highest, in hours; NaN where a gap is.

    The readings at both ends of a gap always stay, so that it's drawn as wide as it was.
    """
    hours = (times - micros(window.start)) / 3.6e9
    breaks = np.flatnonzero(np.diff(times) > GAP * cadence * 1e6)
    if len(times) > 2 * COLUMNS:
        column = (hours * (COLUMNS / (window.length / timedelta(hours=1)))).astype(np.int64)
        order = np.lexsort((values, column))
        edge = np.flatnonzero(np.diff(column[order]))
        lowest, highest = np.append(0, edge + 1), np.append(edge, len(order) - 1)
        keep = np.unique(np.concatenate([order[lowest], order[highest], breaks, breaks + 1, [0, len(times) - 1]]))
        hours, values, breaks = hours[keep], values[keep], np.searchsorted(keep, breaks)
    return np.insert(hours, breaks + 1, np.nan), np.insert(values, breaks + 1, np.nan)


def _extent(series: Series) -> tuple[float, float]:
    """What the chart shows: the usable values and the limits. A value that cannot be is marked at the edge."""
    values = series.values[series.usable]
    bounds = [limit for limit in (series.low, series.high) if limit is not None]
    bounds += [float(values.min()), float(values.max())] if len(values) else []
    if not bounds:
        return 0.0, 1.0
    least = max(10 * series.metric.resolution, 1e-6 * max(abs(bound) for bound in bounds), 1e-9)
    low, high = min(bounds), max(bounds)
    pad = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - pad, high + pad


def _limits(axes: Axes, series: Series, low: float, high: float) -> None:
    for limit, edge in ((series.low, low), (series.high, high)):
        if limit is not None:
            axes.axhspan(limit, edge, color=BEYOND, linewidth=0, zorder=0.5, gid="beyond")
            axes.axhline(limit, color=LIMIT, linewidth=0.9, linestyle=(0, (5, 2)), gid="limit")
            axes.annotate(f"{limit:g}".replace("-", MINUS), (1.008, limit), xycoords=("axes fraction", "data"),
                          color=LIMIT, fontsize=8.5, va="center_baseline", annotation_clip=False)  # fmt: skip


def _marks(axes: Axes, series: Series, window: Window, low: float, high: float) -> None:
    """Bad readings as crosses, triangles where they lie beyond the chart; missing values as ticks on the time axis."""
    hours = (series.times - micros(window.start)) / 3.6e9
    bad, values = series.bad, series.values
    reach = 0.03 * (high - low)
    for mark, chosen, heights in (
        ("x", bad & (values >= low) & (values <= high), values),
        ("^", bad & (values > high), np.full(len(values), high - reach)),
        ("v", bad & (values < low), np.full(len(values), low + reach)),
    ):
        first = _first_of_each_column(hours, chosen, window)
        axes.plot(hours[first], heights[first], mark, color=BAD, markersize=4, markeredgewidth=1.1, gid="bad")
    missing = _first_of_each_column(hours, series.missing, window)
    axes.plot(hours[missing], np.full(len(missing), 0.035), "|", color=BAD, markersize=6, markeredgewidth=0.9,
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


def _ticks(window: Window, timezone: str, every: int) -> Iterator[tuple[int, datetime]]:
    here = ZoneInfo(timezone)
    midnight = window.start.astimezone(here)
    for hour in range(0, 24, every):
        moment = midnight.replace(hour=hour, minute=0, second=0, microsecond=0)
        utc = moment.astimezone(window.start.tzinfo)
        exists = utc.astimezone(here).hour == hour
        if exists and utc in window:
            yield hour, utc


def _clock_change(window: Window, timezone: str) -> float | None:
    """Where the clocks were put on or back, in hours of the day."""
    here = ZoneInfo(timezone)
    step = timedelta(minutes=15)
    count = window.length // step
    offsets = [(window.start + step * place).astimezone(here).utcoffset() for place in range(count + 1)]
    changed = (place for place in range(1, count) if offsets[place] != offsets[place - 1])
    return next((place * (step / timedelta(hours=1)) for place in changed), None)


def _position(moment: datetime, window: Window) -> float:
    return (moment - window.start) / timedelta(hours=1)


def _hours(span: Window, window: Window) -> tuple[float, float]:
    return _position(span.start, window), _position(span.end, window)
