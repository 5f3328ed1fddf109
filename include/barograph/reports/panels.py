"""Charts of a zone: its devices beside each other, and this time beside others. Each is one function of a View.

None where there is nothing to compare: one device has no neighbours, a first day no day before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from operator import attrgetter

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from barograph.reports.canvas import (
    ALARM,
    CURVE,
    HAIR,
    HEIGHT,
    INK,
    LIMIT,
    NOTHING,
    QUIET,
    WIDTH,
    day_names,
    figures,
    padded,
    scaled,
    sheet,
    time_axis,
    titled,
)
from barograph.reports.data import Micros, Series, Values, micros, total
from barograph.reports.view import View
from barograph.reports.words import plain
from barograph.transforms.pivoting import grid
from barograph.windows import TICK

ROWS = 24
"""Most devices of one chart: those with the most time outside their limits, then the widest."""

BINS = 40

LIGHT, PALE = "#8fb7d1", "#d9e0e5"

COLORS = "cividis"
"""Its lightness grows evenly, so that a copier and every eye see the same."""


def ranges(view: View) -> Figure | None:
    """From lowest to highest of each device, and how long it was outside its limits."""
    told = [member for member in view.members if member.series.statistics.good]
    if len(told) < 2:
        return None
    told = sorted(told, key=lambda member: (-total(member.series.outside), -_width(member.series)))[:ROWS]
    told = [member for member in view.members if member in told]
    height = max(HEIGHT, 0.75 + 0.21 * len(told))
    figure = sheet(WIDTH, height)
    titled(figure, view.voice.say("Range of each device"), view.title)
    bottom, tall = 0.27 / height, 1 - 0.68 / height
    axes = figure.add_axes((0.30, bottom, 0.42, tall))
    side = figure.add_axes((0.75, bottom, 0.09, tall), sharey=axes)
    rows = np.arange(len(told))[::-1]
    for row, member in zip(rows, told, strict=True):
        sums, series = member.series.statistics, member.series
        for limit in (series.low, series.high):
            if limit is not None:
                axes.plot([limit, limit], [row - 0.42, row + 0.42], color=LIMIT, linewidth=0.9, linestyle=(0, (4, 2)))
        least, most, mean, median = (
            np.nan if each is None else each for each in (sums.min, sums.max, sums.mean, sums.median)
        )
        axes.plot([least, most], [row, row], color=CURVE, linewidth=2.2, solid_capstyle="butt", gid="range")
        axes.plot([median, median], [row - 0.26, row + 0.26], color=INK, linewidth=1.2, gid="median")
        axes.plot([mean], [row], "o", color="white", markeredgecolor=CURVE, markersize=4, gid="mean")
        minutes = total(series.outside) / timedelta(minutes=1)
        if minutes:
            side.barh(row, minutes, height=0.55, color=ALARM, linewidth=0, gid="outside")
            side.text(minutes, row, f" {view.voice.duration(total(series.outside))}", fontsize=7.5, va="center",
                      color=QUIET, clip_on=False)  # fmt: skip
    axes.set_ylim(-0.6, len(told) - 0.4)
    axes.set_yticks(rows, [plain(member.label, 20) for member in told], fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(figures))
    axes.grid(axis="x", color=HAIR, linewidth=0.5)
    side.tick_params(labelleft=False, left=False, bottom=False, labelbottom=False)
    side.spines["bottom"].set_visible(False)
    side.set_xlim(0, max(1.0, max(total(member.series.outside) / timedelta(minutes=1) for member in told)))
    if any(member.series.outside for member in told):
        said = view.voice.say("outside its limits")
        side.text(0, 1.02, said, fontsize=7.5, color=QUIET, transform=side.transAxes)
    said = view.voice.say("│ median  ○ mean")
    axes.text(0, 1.02, said, fontsize=7.5, color=QUIET, transform=axes.transAxes)
    return figure


def days(view: View) -> Figure | None:
    """Of longer times: from the lowest to the highest of all devices day by day, and how long they were outside."""
    each = [day for member in view.members for day in member.series.days if day.min is not None]
    if view.days < 2 or len({day.day for day in each}) < 2:
        return None
    figure = sheet()
    titled(figure, view.voice.say("Day by day"), view.title)
    axes = figure.add_axes((0.1, 0.27, 0.84, 0.53))
    below = figure.add_axes((0.1, 0.135, 0.84, 0.10))
    width = view.window.length / timedelta(hours=1) / view.days
    lows: list[float] = []
    highs: list[float] = []
    for place, day in enumerate(view.voice.period):
        those = [figures_ for figures_ in each if figures_.day == day]
        if not those:
            continue
        low, high = min(one.min or 0.0 for one in those), max(one.max or 0.0 for one in those)
        mean = float(np.mean([one.mean or 0.0 for one in those]))
        left = place * width
        axes.bar(left + width / 2, high - low, width * 0.7, low, color=LIGHT, linewidth=0, gid="day")
        axes.plot([left + width * 0.15, left + width * 0.85], [mean, mean], color=INK, linewidth=1.1, gid="mean")
        lost = sum(one.outside for one in those) / 3600
        if lost:
            below.bar(left + width / 2, lost, width * 0.7, color=ALARM, linewidth=0, gid="outside")
        lows, highs = [*lows, low], [*highs, high]
    scaled(axes, *padded(min(lows), max(highs), 10 * view.metric.resolution or 1e-9))
    time_axis(below, view.voice)
    axes.set_xlim(below.get_xlim())
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    below.set_yticks([])
    most = max((sum(one.outside for one in each if one.day == day) for day in {one.day for one in each}), default=0.0)
    below.set_ylim(0, most / 3600 or 1.0)
    said = view.voice.say("bar from lowest to highest, line at the mean")
    if most:
        said += f" · {view.voice.say('below: time outside limits')}"
    axes.text(0.0, 1.02, said, fontsize=7.5, color=QUIET, transform=axes.transAxes)
    return figure


def histogram(view: View) -> Figure | None:
    """How often which value, of all devices together; what lies outside limits that all share is darker."""
    pooled = [member.series.distribution for member in view.members]
    values = np.concatenate([each for each, _ in pooled])
    counts = np.concatenate([each for _, each in pooled])
    if len(np.unique(values)) < 3:
        return None
    low, high = float(values.min()), float(values.max())
    step = view.metric.resolution or (high - low) / BINS
    width = max(step, np.ceil((high - low) / BINS / step) * step)
    # Edges lie between two values that the sensor can say: else every third bar would be twice as tall.
    edges = np.arange(np.floor(low / width) * width - step / 2, high + width, width)
    share = np.histogram(values, edges, weights=counts)[0] * 100 / counts.sum()
    figure = sheet()
    titled(figure, view.voice.say("How often which value"), view.title)
    axes = figure.add_axes((0.1, 0.135, 0.84, 0.66))
    limits = {(member.series.low, member.series.high) for member in view.members}
    low_limit, high_limit = next(iter(limits)) if len(limits) == 1 else (None, None)
    middle = (edges[:-1] + edges[1:]) / 2
    beyond = np.zeros(len(middle), bool)
    for limit, outside in ((low_limit, middle < (low_limit or 0)), (high_limit, middle > (high_limit or 0))):
        if limit is not None:
            beyond |= outside
            if edges[0] <= limit <= edges[-1]:
                axes.axvline(limit, color=LIMIT, linewidth=0.9, linestyle=(0, (5, 2)), gid="limit")
    colors = np.where(beyond, ALARM, LIGHT)
    axes.bar(edges[:-1], share, np.diff(edges), align="edge", color=colors, edgecolor="white", linewidth=0.4)
    scaled(axes, 0, max(1e-9, float(share.max()) * 1.08))
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(figures))
    axes.text(
        0.0, 1.02, view.voice.say("share of all readings, %"), fontsize=7.5, color=QUIET, transform=axes.transAxes
    )
    return figure


def hours(view: View) -> Figure | None:
    """The mean of the zone by hour of the day and day: when it is warm, and since when."""
    cells = _zone_hours(view)
    days = view.calendar
    if view.days > 1:
        cells, days = cells[-view.days :], days[-view.days :]
    if np.isfinite(cells).sum() < 4:
        return None
    height = max(HEIGHT, 0.62 + min(2.6, 0.16 * len(days)))
    figure = sheet(WIDTH, height)
    titled(figure, view.voice.say("Hour by day"), view.title)
    axes = figure.add_axes((0.17, 0.25 / height, 0.68, 1 - 0.62 / height))
    low, high = padded(float(np.nanmin(cells)), float(np.nanmax(cells)), 10 * view.metric.resolution or 1e-9)
    axes.set_facecolor(NOTHING)
    axes.pcolormesh(np.arange(25), np.arange(len(days) + 1), np.ma.masked_invalid(cells), cmap=COLORS, vmin=low,
                    vmax=high, linewidth=0, gid="hours")  # fmt: skip
    axes.invert_yaxis()
    axes.set_xticks(range(0, 25, 6), [f"{hour:02}:00" for hour in range(0, 25, 6)])
    names = day_names(days, view.voice)
    shown = range(0, len(days), max(1, len(days) // 10))
    axes.set_yticks([place + 0.5 for place in shown], [names[place] for place in shown], fontsize=7.5)
    beside = figure.add_axes((0.88, 0.25 / height, 0.025, 1 - 0.62 / height))
    steps = np.linspace(low, high, 49)
    beside.barh(
        steps[:-1], 1, np.diff(steps), align="edge", color=colormaps[COLORS](np.linspace(0, 1, 48)), linewidth=0
    )
    beside.set_ylim(low, high)
    beside.set_xlim(0, 1)
    beside.set_xticks([])
    beside.spines["bottom"].set_visible(False)
    beside.yaxis.tick_right()
    beside.tick_params(labelsize=7.5, length=0)
    beside.yaxis.set_major_locator(MaxNLocator(4))
    beside.yaxis.set_major_formatter(FuncFormatter(figures))
    said = view.voice.say("mean of the zone by hour") if len(view.members) > 1 else view.voice.say("mean by hour")
    axes.text(0.0, 1.03, said, fontsize=7.5, color=QUIET, transform=axes.transAxes)
    return figure


def comparison(view: View) -> Figure | None:
    """This time and the one before it, hour by hour; of a day also the range of the seven days before."""
    cells, length = _zone_hours(view), view.days
    own = cells[-length:].ravel()
    before = cells[: len(cells) - length] if length > 1 else cells[:1]
    earlier = before.ravel()
    if np.isfinite(own).sum() < 2 or np.isfinite(earlier).sum() < 2:
        return None
    say, day = view.voice.say, view.voice.period.kind == "day"
    figure = sheet()
    title = say("Compared with the week before") if day else say("Compared with the time before")
    titled(figure, title, view.title)
    axes = figure.add_axes((0.1, 0.135, 0.84, 0.66))
    bounds = [own, earlier]
    width = view.window.length / timedelta(hours=1)
    if day:
        week = cells[:-1]
        known = np.isfinite(week).any(axis=0)
        lowest, highest = (how(np.where(np.isfinite(week), week, worst), axis=0) for how, worst in
                           ((np.min, np.inf), (np.max, -np.inf)))  # fmt: skip
        x = np.arange(24) + 0.5
        axes.fill_between(x, np.where(known, lowest, np.nan), np.where(known, highest, np.nan), color=PALE,
                          linewidth=0, gid="week")  # fmt: skip
        bounds += [lowest[known], highest[known]]
    for values, color, style, gid in ((earlier, QUIET, (0, (3, 1.5)), "earlier"), (own, CURVE, "solid", "own")):
        x = (np.arange(len(values)) + 0.5) * (width / max(len(own), len(values)))
        axes.plot(x, values, color=color, linewidth=1.3, linestyle=style, gid=gid)
    everything = np.concatenate([each[np.isfinite(each)] for each in bounds])
    scaled(axes, *padded(float(everything.min()), float(everything.max()), 10 * view.metric.resolution or 1e-9))
    time_axis(axes, view.voice)
    legend = (
        f"━ {say('this day')}   ╍ {say('a week earlier')}   ▒ {say('the seven days before')}"
        if day
        else f"━ {say('this time')}   ╍ {say('the time before')}"
    )
    axes.text(0.0, 1.02, legend, fontsize=7.5, color=QUIET, transform=axes.transAxes)
    return figure


def scatter(view: View) -> Figure | None:
    """Two metrics of each device against each other; where there is one metric, each device against its neighbours."""
    pairs = _pairs(view)
    x, y, when = (np.concatenate([pair[place] for pair in pairs]) if pairs else np.empty(0) for place in range(3))
    if len(x) < 4 or np.ptp(x) == 0:
        return None
    say = view.voice.say
    figure = sheet()
    other = view.voice.in_words(view.others[0].series.metric) if view.others else ""
    title = (
        say("{metric} against {other}", metric=view.voice.label(view.metric), other=other)
        if view.others
        else say("Against its neighbours")
    )
    titled(figure, title, view.zone)
    axes = figure.add_axes((0.1, 0.21, 0.86, 0.585))
    axes.scatter(x, y, c=when, cmap="Blues", vmin=-0.5, vmax=1.05, s=5, linewidth=0, gid="dots")
    if not view.others:
        both = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(both, both, color=HAIR, linewidth=0.9, gid="equal")
    least = 10 * view.metric.resolution or 1e-9
    scaled(axes, *padded(float(y.min()), float(y.max()), least))
    axes.set_xlim(*padded(float(x.min()), float(x.max()), 1e-9))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(figures))
    unit = view.others[0].series.metric.unit if view.others else view.metric.unit
    across = f"{other}, {unit}" if view.others else f"{say('median of the others')}, {unit}"
    figure.text(0.96, 0.01, plain(across.rstrip(", "), 60), fontsize=7.5, color=QUIET, ha="right")
    quarters = "each dot is a quarter of an hour, darker is later"
    dots = say(quarters if _by_quarters(view) else "each dot is an hour, darker is later")
    axes.text(0.0, 1.02, f"{view.title} · {dots}", fontsize=7.5, color=QUIET, transform=axes.transAxes)
    return figure


def _by_quarters(view: View) -> bool:
    """As fine as a chart can show."""
    return view.days == 1 and len(view.members) <= 8


def _pairs(view: View) -> list[tuple[Values, Values, Values]]:
    """x, y, and how far into the time, 0 to 1."""
    step = timedelta(minutes=15) if _by_quarters(view) else timedelta(hours=1)
    count = min(ROWS, len(view.members))
    moments, means = _means([member.series for member in (*view.members[:ROWS], *view.others[:ROWS])], step)
    if view.others:
        across = list(means[count:])
    elif count >= 3:
        across = [_median(np.delete(means, place, axis=0)) for place in range(count)]
    else:
        return []
    when = (moments - micros(view.window.start)) / max(1, (view.window.length - step) // TICK)
    pairs = []
    for x, y in zip(across, means[:count], strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        pairs.append((x[both], y[both], when[both]))
    return pairs


def _means(series: Sequence[Series], step: timedelta) -> tuple[Micros, Values]:
    """The table of time by device, as `export` writes it: of usable readings alone, a row for each of `series`."""
    usable = [each.usable for each in series]
    whose = np.repeat(np.arange(len(series)), [int(each.sum()) for each in usable])
    times, values = (
        np.concatenate([of(each)[good] for each, good in zip(series, usable, strict=True)])
        for of in (attrgetter("times"), attrgetter("values"))
    )
    return grid(whose, times, values, len(series), step)


def _median(rows: Values) -> Values:
    known = np.isfinite(rows).sum(axis=0) >= 2
    median = np.full(rows.shape[1], np.nan)
    median[known] = np.nanmedian(rows[:, known], axis=0)
    return median


def _zone_hours(view: View) -> Values:
    """The mean over the devices of the zone, NaN where none was heard."""
    cells = np.array([member.series.hours for member in view.members if len(member.series.hours)])
    if not len(cells):
        return np.full((len(view.calendar), 24), np.nan)
    known = np.isfinite(cells)
    sums, sizes = np.where(known, cells, 0).sum(axis=0), known.sum(axis=0)
    return np.asarray(np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0))


def _width(series: Series) -> float:
    sums = series.statistics
    return (sums.max or 0.0) - (sums.min or 0.0)
