"""One series of a report as it grows, day by day: what is counted of each day, and what of it stays to be drawn."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

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
from barograph.windows import Window

STATISTICS = ["count", "good", "expected", "completeness", "min", "mean", "median", "max"]

COLUMNS = 840
"""Columns of a longer time of which the lowest and the highest value stay: two for each pixel column of a chart."""

ZERO_CELSIUS = 273.15
ACTIVATION = 10_000.0
"""Kelvin: the activation energy of usual goods, 83.144 kJ/mol, by the gas constant (USP <1160>)."""


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


def parts(refined: pa.Table) -> Iterator[Part]:
    """A day of derived/refined, by device and metric."""
    if not len(refined):
        return
    device, zone, metric = (
        refined[name].combine_chunks().dictionary_encode(null_encoding="encode")
        for name in ("device", "zone", "metric")
    )
    times = refined["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    values = refined["value"].to_numpy().astype(np.float64)
    flags = refined["flag"].to_numpy().astype(np.int8)
    codes = _ranks(device) * len(metric.dictionary) + _ranks(metric)
    order = np.lexsort((times, codes))
    codes, times, values, flags = codes[order], times[order], values[order], flags[order]
    whose, what, where = (each.indices.to_numpy()[order] for each in (device, metric, zone))
    edges = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    names = [zone_ or UNREGISTERED for zone_ in zone.dictionary.to_pylist()]
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        some = slice(start, end)
        steps = np.concatenate([[0], np.flatnonzero(np.diff(where[some])) + 1])
        yield Part(
            device.dictionary[int(whose[start])].as_py(),
            metric.dictionary[int(what[start])].as_py(),
            [(int(times[start + step]), names[int(where[start + step])]) for step in steps],
            times[some],
            values[some],
            flags[some],
        )


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
            np.concatenate(self.times), np.concatenate(self.values), np.concatenate(self.flags),
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


def _ranks(encoded: pa.DictionaryArray) -> Micros:
    """Codes in the order of the names."""
    names = [name or "" for name in encoded.dictionary.to_pylist()]
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return np.asarray(rank[encoded.indices.to_numpy()])


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
    width = max(1, int(window.length / timedelta(microseconds=1)) // columns)
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
