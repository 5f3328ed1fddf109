"""One series of a report as it grows, day by day: what is counted of each day, and what of it stays to be drawn."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from barograph.metrics import Metric
from barograph.points import Point
from barograph.readings import GOOD, MISSING
from barograph.registry import UNREGISTERED
from barograph.reports.data import (
    GAP,
    DayFigures,
    Flags,
    Micros,
    Series,
    Statistics,
    Values,
    joined,
    micros,
    moment,
    spans,
    total,
)
from barograph.windows import TICK, Window

STATISTICS = ["count", "good", "expected", "completeness", "min", "mean", "median", "max"]

COLUMNS = 840
"""Columns of a longer time of which the lowest and the highest value stay: two for each pixel column of a chart."""

ZERO_CELSIUS = 273.15
ACTIVATION = 10_000.0
"""Kelvin: the activation energy of usual goods, 83.144 kJ/mol, by the gas constant (USP <1160>)."""


Columns = tuple[Micros, Values, Flags, NDArray[np.int32]]
"""Some readings of a series: times, values, flags, numbers of their zones."""

Column = TypeVar("Column", Micros, Values, Flags)


@dataclass
class Part:
    """One metric of one device in one settled day, in the order of time."""

    device: str
    metric: str
    zones: list[tuple[int, str]]
    """Since when it was in which zone."""
    times: Micros
    values: Values
    flags: Flags
    statistics: Statistics = field(default_factory=lambda: Statistics(0, 0, 0.0, 0.0))


def parts(pieces: Iterable[pa.Table]) -> Iterator[Part]:
    """A day of derived/refined, by device and metric; its pieces may come in any order.

    What is held is a series' numbers alone: names of devices and metrics would be most of a day.
    """
    zones: dict[str | None, int] = {}
    found: dict[tuple[str, str], list[Columns]] = {}
    for piece in pieces:
        for key, columns in _by_series(piece, zones):
            found.setdefault(key, []).append(columns)
    names = [zone or UNREGISTERED for zone in zones]
    for device, metric in sorted(found):
        times, values, flags, where = map(np.concatenate, zip(*found.pop((device, metric)), strict=True))
        order = np.argsort(times, kind="stable")
        times, where = times[order], where[order]
        steps = np.concatenate([[0], np.flatnonzero(np.diff(where)) + 1])
        since = [(int(times[step]), names[int(where[step])]) for step in steps]
        yield Part(device, metric, since, times, values[order], flags[order])


def _by_series(piece: pa.Table, zones: dict[str | None, int]) -> Iterator[tuple[tuple[str, str], Columns]]:
    """The numbers of each device's metric in one piece; `zones` learns the zones' numbers."""
    (devices, device), (places, zone), (metrics, metric) = (
        _coded(piece[name]) for name in ("device", "zone", "metric")
    )
    where = np.array([zones.setdefault(name, len(zones)) for name in places], np.int32)[zone]
    times = piece["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    values, flags = (piece[name].to_numpy() for name in ("value", "flag"))
    codes = device.astype(np.int64) * len(metrics) + metric
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        of, name = divmod(int(codes[rows[0]]), len(metrics))
        columns = times[rows], values[rows].astype(np.float64), flags[rows].astype(np.int8), where[rows]
        yield (str(devices[of]), str(metrics[name])), columns


def _coded(names: pa.ChunkedArray) -> tuple[list[str | None], NDArray[np.int32]]:
    """The different names, and which of them stands in each row; the last one stands for none."""
    coded = names.dictionary_encode().combine_chunks()
    known = coded.dictionary.to_pylist()
    return [*known, None], coded.indices.fill_null(len(known)).to_numpy()


@dataclass
class Growing:
    point: Point
    cadence: float
    length: int
    """Days of the report."""
    metric: Metric
    times: list[Micros] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    flags: list[Flags] = field(default_factory=list)
    gaps: list[Window] = field(default_factory=list)
    outside: list[Window] = field(default_factory=list)
    seen: dict[date, DayFigures] = field(default_factory=dict)
    sums: list[Statistics] = field(default_factory=list)
    bad: int = 0
    missing: int = 0
    lowest: tuple[float, int] | None = None
    highest: tuple[float, int] | None = None
    kinetic: float = 0.0
    tally: dict[float, int] = field(default_factory=dict)

    def add(self, day: date, window: Window, part: Part) -> None:
        times, values, flags = part.times, part.values, part.flags
        missing = np.isnan(values) | (flags == MISSING)
        usable = ~missing & (flags == GOOD)
        good, when = values[usable], times[usable]
        beyond = np.zeros(len(good), dtype=bool)
        if self.point.low is not None:
            beyond |= good < self.point.low
        if self.point.high is not None:
            beyond |= good > self.point.high
        outside = spans(when, beyond, GAP * self.cadence)
        self.gaps += _gaps(times[~missing], window, self.cadence)
        self.outside += outside
        self.missing += int(missing.sum())
        self.bad += int((~missing & ~usable).sum())
        self.sums.append(part.statistics)
        if len(good):
            least, most = int(good.argmin()), int(good.argmax())
            if self.lowest is None or good[least] < self.lowest[0]:
                self.lowest = (float(good[least]), int(when[least]))
            if self.highest is None or good[most] > self.highest[0]:
                self.highest = (float(good[most]), int(when[most]))
            if self.metric.unit == "°C":
                self.kinetic += float(np.exp(-ACTIVATION / (good + ZERO_CELSIUS)).sum()) if good.min() > -200 else 0.0
        sums = part.statistics
        self.seen[day] = DayFigures(day, sums.min, sums.mean, sums.max, total(outside).total_seconds())
        if self.length > 1:
            self._count(good)
            keep = _shown(times, values, usable, missing, window, max(4, COLUMNS // self.length))
            times, values, flags = times[keep], values[keep], flags[keep]
        self.times.append(times)
        self.values.append(values)
        self.flags.append(flags)

    def series(
        self,
        device: str,
        window: Window,
        missing_days: Sequence[date],
        timezone: str,
        hours: Values | None,
        calendar: int,
    ) -> Series:
        """`missing_days` are those of which nothing was kept of it."""
        silent = [Window.local_day(day, timezone) for day in missing_days]
        midnights = (
            {Window.local_day(day, timezone).start for day in (*self.seen, *missing_days)} if self.length > 1 else set()
        )
        outside = joined(self.outside, self.cadence)
        gaps = tuple(_over_midnight([*self.gaps, *silent], midnights))
        column = window.length.total_seconds() / self.length / max(4, COLUMNS // self.length)
        return Series(
            device, self.metric, self.cadence, self.point.low, self.point.high,
            _joined(self.times), _joined(self.values), _joined(self.flags),
            self._statistics(window), gaps, outside, self.bad, self.missing,
            max(GAP * self.cadence, 3 * column if self.length > 1 else 0.0),
            self._tally() if self.length > 1 else None,
            tuple(self.seen.values()) if self.length > 1 else (),
            hours if hours is not None else np.full((calendar, 24), np.nan),
        )  # fmt: skip

    def _count(self, good: Values) -> None:
        """By the sensor's step, or four digits where nobody knows it: a year has no more values than a sensor has."""
        if self.metric.resolution:
            values = np.round(np.round(good / self.metric.resolution) * self.metric.resolution, 9)
        else:
            values = np.array([float(f"{value:.4g}") for value in np.unique(good)])[
                np.unique(good, return_inverse=True)[1]
            ]
        for value, times in zip(*np.unique(values, return_counts=True), strict=True):
            self.tally[float(value)] = self.tally.get(float(value), 0) + int(times)

    def _tally(self) -> tuple[Values, Micros]:
        values = sorted(self.tally)
        return np.array(values, np.float64), np.array([self.tally[value] for value in values], np.int64)

    def _statistics(self, window: Window) -> Statistics:
        good = sum(each.good for each in self.sums)
        expected = window.length / timedelta(seconds=self.cadence)
        one = self.sums[0]
        usable = sum(self.tally.values()) if self.length > 1 else int((self.flags[0] == GOOD).sum())
        kinetic = (
            ACTIVATION / -math.log(self.kinetic / usable) - ZERO_CELSIUS if self.kinetic > 0.0 and usable else None
        )
        means = [(each.good, each.mean) for each in self.sums if each.mean is not None]
        weight = sum(size for size, _ in means)
        return Statistics(
            count=sum(each.count for each in self.sums),
            good=good,
            expected=one.expected if self.length == 1 else expected,
            completeness=one.completeness if self.length == 1 else min(1.0, good / expected),
            min=min((each.min for each in self.sums if each.min is not None), default=None),
            mean=one.mean
            if self.length == 1
            else sum(size * mean for size, mean in means) / weight
            if weight
            else None,
            median=one.median if self.length == 1 else self._median(),
            max=max((each.max for each in self.sums if each.max is not None), default=None),
            min_at=moment(self.lowest[1]) if self.lowest else None,
            max_at=moment(self.highest[1]) if self.highest else None,
            kinetic=kinetic,
        )

    def _median(self) -> float | None:
        values, counts = self._tally()
        if not len(values):
            return None
        half = int(counts.sum()) / 2
        return float(values[int(np.searchsorted(np.cumsum(counts), half))])


def _joined(days: list[Column]) -> Column:
    """One day's as it is: most of a large site's memory is that."""
    return days[0] if len(days) == 1 else np.concatenate(days)


def _gaps(heard: Micros, window: Window, cadence: float) -> Iterator[Window]:
    edges = np.concatenate([[micros(window.start)], heard, [micros(window.end)]])
    long = np.flatnonzero(np.diff(edges) > GAP * cadence * 1e6)
    return (Window(moment(edges[place]), moment(edges[place + 1])) for place in long)


def _over_midnight(gaps: Iterable[Window], midnights: Container[datetime]) -> Iterator[Window]:
    """Two gaps that meet at midnight are one; where they meet else, a single reading came between them."""
    last: Window | None = None
    for gap in sorted(gaps):
        if last is not None and last.end == gap.start and last.end in midnights:
            last = Window(last.start, gap.end)
            continue
        if last is not None:
            yield last
        last = gap
    if last is not None:
        yield last


def _shown(times: Micros, values: Values, usable: Flags, missing: Flags, window: Window, columns: int) -> Micros:
    """Of each column the lowest and the highest usable reading, the first bad one and the first without a value."""
    width = max(1, int(window.length / TICK) // columns)
    column = (times - micros(window.start)) // width
    order = np.lexsort((values, ~usable, column))
    inner = column[order]
    first = np.flatnonzero(np.concatenate(([True], np.diff(inner) != 0)))
    counts = np.add.reduceat(usable[order].astype(np.int64), first)
    chosen = [order[first[counts > 0]], order[(first + counts - 1)[counts > 0]]]
    for some in (~usable & ~missing, missing):
        places = np.flatnonzero(some)
        chosen.append(places[np.unique(column[places], return_index=True)[1]])
    return np.unique(np.concatenate(chosen))
