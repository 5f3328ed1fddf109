"""What a report is made of, as plain objects: the settled days of a site, its alarms, and what is known about both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from barograph.metrics import Metric
from barograph.readings import GOOD, MISSING
from barograph.reports.periods import Period, Scope
from barograph.reports.words import Voice
from barograph.windows import EPOCH, TICK, Window, iso, merged

LAYOUT = 3
"""Raise it when the same data gives another page: the next run of a day is then its next revision."""

GAP = 3
"""Cadences without a reading that make a gap."""

BINARY = (0, 1)
"""What a metric can be that is a state and not a quantity: a door."""

SHADES = ("door", "defrost")
"""Metrics of a device that explain its others while they are 1."""

Micros = NDArray[np.int64]
Values = NDArray[np.float64]
Flags = NDArray[np.int8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Statistics:
    """Of the good values; None where there was none."""

    count: int
    good: int
    expected: float
    completeness: float
    min: float | None = None
    mean: float | None = None
    median: float | None = None
    """Of more than one day to the step of the sensor."""
    max: float | None = None
    min_at: datetime | None = None
    max_at: datetime | None = None
    kinetic: float | None = None
    """The mean kinetic temperature: the steady one that would harm goods as much."""


@dataclass(frozen=True)
class DayFigures:
    """One day of a longer time."""

    day: date
    min: float | None
    mean: float | None
    max: float | None
    outside: float
    """Seconds."""


@dataclass(frozen=True, eq=False)
class Series:
    """One metric of one device, in the order of time: all readings of a day, of longer times those that show."""

    device: str
    metric: Metric
    cadence: float
    low: float | None
    high: float | None
    times: Micros
    """UTC, microseconds since 1970."""
    values: Values
    """NaN where a reading had no value."""
    flags: Flags
    statistics: Statistics
    gaps: tuple[Window, ...]
    """Longer than three cadences without a value, also at the ends."""
    outside: tuple[Window, ...] = ()
    """When the goods suffered: from a usable reading beyond a limit until the next one within."""
    bad_count: int = 0
    missing_count: int = 0
    breaks: float = 0.0
    """Seconds without a usable reading beyond which a line is broken."""
    tally: tuple[Values, Micros] | None = None
    """Values and how often each came, where `values` are only some of them."""
    days: tuple[DayFigures, ...] = ()
    hours: Values = field(default_factory=lambda: np.empty((0, 24)))
    """Mean by local hour: a row for each day of the report's calendar, NaN where nothing was measured."""

    @property
    def missing(self) -> Mask:
        missing: Mask = np.isnan(self.values) | (self.flags == MISSING)
        return missing

    @property
    def bad(self) -> Mask:
        """A value came, and is not known to be good: statistics leave it out."""
        bad: Mask = ~self.missing & (self.flags != GOOD)
        return bad

    @property
    def usable(self) -> Mask:
        return ~self.missing & ~self.bad

    @property
    def binary(self) -> bool:
        return self.metric.valid == BINARY

    @cached_property
    def distribution(self) -> tuple[Values, Micros]:
        """The usable values, and how often each came."""
        if self.tally is not None:
            return self.tally
        values, counts = np.unique(self.values[self.usable], return_counts=True)
        return values, counts.astype(np.int64)

    @cached_property
    def on(self) -> tuple[Window, ...]:
        """When a state was 1."""
        times, values = self.times[self.usable], self.values[self.usable]
        return spans(times, values >= 0.5, self.breaks or GAP * self.cadence)


@dataclass(frozen=True, eq=False)
class DeviceDay:
    device: str
    label: str
    zone: str
    series: tuple[Series, ...]
    silent: tuple[Window, ...]
    """When none of its metrics had a value."""
    moved: tuple[tuple[datetime, str], ...] = ()
    """Where it was: since when in which zone, if in more than one."""

    @property
    def shades(self) -> dict[str, tuple[Window, ...]]:
        """Door and defrost: what explains a warm hour."""
        return {one.metric.name: one.on for one in self.series if one.metric.name in SHADES and one.on}


@dataclass(frozen=True)
class Alarm:
    """An alarm as the report's time saw it: what happened later is not yet known."""

    rule: str
    severity: str
    device: str
    metric: str
    limit: float | None
    value: float | None
    """The worst of the time."""
    started: datetime
    cleared: datetime | None
    """None: still open at the end."""
    above: bool
    historical: bool
    message: str
    kind: str = "limit"
    """Of its rule."""
    state: str = ""
    """How it stands for people, where that is known."""
    acknowledged: str = ""
    """Who said that he has seen it: outside text."""
    acknowledged_at: datetime | None = None
    waited: float | None = None
    """Seconds from its opening to the first acknowledgement."""
    low: float | None = None
    high: float | None = None
    """The limits of the value that it was judged by, where its rule has such: the cost is counted from them."""

    def span(self, window: Window) -> Window:
        """Its part of the window."""
        return Window(max(self.started, window.start), self.cleared or window.end)


@dataclass(frozen=True)
class Ledger:
    read: int
    stored: int
    duplicate: int
    rejected: int
    batches: tuple[int, ...]
    """The batches of the record that it was made from: the version of the record."""

    @property
    def balanced(self) -> bool:
        return self.read == self.stored + self.duplicate + self.rejected


@dataclass(frozen=True)
class Calibrated:
    """`formula` as the registry has it."""

    device: str
    metric: str
    since: datetime
    formula: str


@dataclass(frozen=True)
class Reason:
    """How many readings one test of quality flagged."""

    reason: str
    metric: str
    count: int
    devices: int


@dataclass(frozen=True)
class Arrivals:
    """How long readings took from their time to Kafka, in seconds. Quantiles to 6 %."""

    count: int
    half: float
    most: float
    """95 of 100 came within this."""
    longest: float
    late: int


@dataclass(frozen=True)
class Quality:
    reasons: tuple[Reason, ...] = ()
    arrivals: Arrivals | None = None
    promise: float = 60.0
    """Seconds within which 95 of 100 readings should arrive."""
    late_after: float = 900.0
    """Seconds after which a reading is late."""
    calibrations: tuple[Calibrated, ...] = ()


@dataclass(frozen=True)
class RuleText:
    rule: str
    severity: str
    version: str
    text: str


@dataclass(frozen=True, eq=False)
class ReportData:
    site: str
    name: str
    timezone: str
    period: Period
    scope: Scope
    window: Window
    devices: tuple[DeviceDay, ...]
    alarms: tuple[Alarm, ...]
    ledger: Ledger | None
    """None: nothing of it was ever settled."""
    unsettled: tuple[date, ...] = ()
    quality: Quality = Quality()
    rules: tuple[RuleText, ...] = ()
    calendar: tuple[date, ...] = ()
    """The days of `hours`: those of the report are the last ones, those before are for comparison."""
    language: str = "en"
    look: str = ""
    """A digest of the user's own templates and charts."""
    unwritten: bool = False
    """Whether another language was asked for, or names in it, of which this machine has no letters."""

    @property
    def day(self) -> date:
        return self.period.first

    @property
    def key(self) -> str:
        return self.period.key + self.scope.key

    @property
    def series(self) -> list[Series]:
        return [series for device in self.devices for series in device.series]

    @property
    def voice(self) -> Voice:
        return Voice(self.period, self.timezone, self.language)

    @property
    def rows(self) -> int:
        return sum(series.statistics.count for series in self.series)

    @property
    def zones(self) -> dict[str, list[DeviceDay]]:
        zones: dict[str, list[DeviceDay]] = {}
        for device in self.devices:
            zones.setdefault(device.zone, []).append(device)
        return zones

    def device(self, name: str) -> DeviceDay | None:
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, DeviceDay]:
        return {device.device: device for device in self.devices}

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that goes in: the same data has the same one, on any machine."""
        digest = hashlib.sha256()
        facts = {
            "layout": LAYOUT,
            "site": [self.site, self.name, self.timezone, self.key, self.window, self.language, self.look],
            "devices": [[device.device, device.label, device.zone, device.moved] for device in self.devices],
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "ledger": asdict(self.ledger) if self.ledger else None,
            "unsettled": self.unsettled,
            "quality": asdict(self.quality),
            "rules": [asdict(rule) for rule in self.rules],
            **({"unwritten": True} if self.unwritten else {}),
        }
        digest.update(_canonical(facts))
        for series in self.series:
            about = [series.device, asdict(series.metric), series.cadence, series.low, series.high, series.gaps]
            digest.update(_canonical([about, asdict(series.statistics), len(series.times), series.outside]))
            arrays = (series.times.astype("<i8"), series.values.astype("<f8"), series.flags.astype("<i1"), series.hours)
            for column in arrays:
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()


def common(each: Sequence[Sequence[Window]]) -> tuple[Window, ...]:
    """The stretches that lie in each of the lists, which are in the order of time and do not overlap in themselves."""
    return reduce(lambda shared, windows: tuple(_overlaps(shared, windows)), each[1:], tuple(each[0])) if each else ()


def _overlaps(some: Sequence[Window], others: Sequence[Window]) -> Iterator[Window]:
    """Side by side through both: a sensor with a loose wire has thousands of gaps a day."""
    first = 0
    for one in some:
        while first < len(others) and others[first].end <= one.start:
            first += 1
        for place in range(first, len(others)):
            if others[place].start >= one.end:
                break
            if part := one.clipped(others[place]):
                yield part


def total(windows: Iterable[Window]) -> timedelta:
    return sum((window.length for window in windows), timedelta(0))


def spans(times: Micros, chosen: Mask, longest: float) -> tuple[Window, ...]:
    """From each chosen reading until the next reading, at most `longest` seconds; joined where they touch."""
    places = np.flatnonzero(chosen)
    if not len(places):
        return ()
    until = np.minimum(np.append(times[1:], times[-1:])[places], times[places] + int(longest * 1e6))
    first = np.flatnonzero(np.concatenate(([True], times[places][1:] > until[:-1])))
    ends = until[np.append(first[1:] - 1, len(places) - 1)]
    return tuple(Window(moment(start), moment(end)) for start, end in zip(times[places][first], ends, strict=True))


def joined(windows: Iterable[Window], gap: float = 0.0) -> tuple[Window, ...]:
    return tuple(merged(windows, timedelta(seconds=gap)))


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // TICK


def moment(time: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(time))


def _canonical(facts: object) -> bytes:
    def plain(fact: object) -> Any:
        if isinstance(fact, Window):
            return [iso(fact.start), iso(fact.end)]
        if isinstance(fact, datetime):
            return iso(fact.astimezone(UTC))
        if isinstance(fact, date):
            return fact.isoformat()
        raise TypeError(f"{fact!r} has no canonical form")

    return json.dumps(facts, sort_keys=True, separators=(",", ":"), default=plain).encode()
