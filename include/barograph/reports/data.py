"""What a report is made of: a settled day of a site as plain objects. Reads the archive; no Spark, InfluxDB, clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from barograph.archive import Archive
from barograph.errors import LedgerError
from barograph.metrics import Metric, metric
from barograph.readings import GOOD, MISSING
from barograph.registry import UNREGISTERED, Device, Point, Site
from barograph.windows import EPOCH, Window, iso, merged

LAYOUT = 1
"""Raise it when the same data gives another page: the next run of a day is then its next revision."""

GAP = 3
"""Cadences without a reading that make a gap."""

STATISTICS = ["count", "good", "expected", "completeness", "min", "mean", "median", "max"]

Micros = NDArray[np.int64]
Values = NDArray[np.float64]
Flags = NDArray[np.int8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Statistics:
    """Of the good values of the day; None where there was none."""

    count: int
    good: int
    expected: float
    completeness: float
    min: float | None = None
    mean: float | None = None
    median: float | None = None
    max: float | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """One metric of one device over the day, in the order of time."""

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
    """Longer than three cadences without a value, also at the ends of the day."""

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

    @cached_property
    def outside(self) -> tuple[Window, ...]:
        """When the goods suffered: from a usable reading beyond a limit until the next one within."""
        times, values = self.times[self.usable], self.values[self.usable]
        beyond = np.zeros(len(values), dtype=bool)
        if self.low is not None:
            beyond |= values < self.low
        if self.high is not None:
            beyond |= values > self.high
        until = np.minimum(np.append(times[1:], times[-1:]), times + int(GAP * self.cadence * 1e6))
        return tuple(merged(_window(start, end) for start, end in zip(times[beyond], until[beyond], strict=True)))


@dataclass(frozen=True, eq=False)
class DeviceDay:
    device: str
    label: str
    zone: str
    series: tuple[Series, ...]
    silent: tuple[Window, ...]
    """When none of its metrics had a value."""


@dataclass(frozen=True)
class Alarm:
    """An alarm as the day saw it: what happened after midnight is not yet known."""

    rule: str
    severity: str
    device: str
    metric: str
    limit: float
    value: float | None
    """The worst of the day."""
    started: datetime
    cleared: datetime | None
    """None: still open when the day ended."""
    above: bool
    historical: bool
    message: str

    def span(self, window: Window) -> Window:
        """Its part of the day."""
        return Window(max(self.started, window.start), self.cleared or window.end)


@dataclass(frozen=True)
class Ledger:
    read: int
    stored: int
    duplicate: int
    rejected: int
    batches: tuple[int, ...]
    """The batches of the record that the day was made from: the version of the record."""

    @property
    def balanced(self) -> bool:
        return self.read == self.stored + self.duplicate + self.rejected


@dataclass(frozen=True, eq=False)
class ReportData:
    site: str
    name: str
    timezone: str
    day: date
    window: Window
    devices: tuple[DeviceDay, ...]
    alarms: tuple[Alarm, ...]
    ledger: Ledger | None
    """None: the day was never settled."""

    @property
    def series(self) -> list[Series]:
        return [series for device in self.devices for series in device.series]

    @property
    def rows(self) -> int:
        return sum(len(series.times) for series in self.series)

    @property
    def zones(self) -> dict[str, list[DeviceDay]]:
        zones: dict[str, list[DeviceDay]] = {}
        for device in self.devices:
            zones.setdefault(device.zone, []).append(device)
        return zones

    def device(self, name: str) -> DeviceDay | None:
        return next((device for device in self.devices if device.device == name), None)

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that goes in: the same data has the same one, on any machine."""
        digest = hashlib.sha256()
        facts = {
            "layout": LAYOUT,
            "site": [self.site, self.name, self.timezone, self.day, self.window],
            "devices": [[device.device, device.label, device.zone] for device in self.devices],
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "ledger": asdict(self.ledger) if self.ledger else None,
        }
        digest.update(_canonical(facts))
        for series in self.series:
            about = [series.device, asdict(series.metric), series.cadence, series.low, series.high, series.gaps]
            digest.update(_canonical([about, asdict(series.statistics), len(series.times)]))
            for column in (series.times.astype("<i8"), series.values.astype("<f8"), series.flags.astype("<i1")):
                digest.update(column.tobytes())
        return digest.hexdigest()


def gather(
    archive: Archive, site: Site, day: date, alarms: Iterable[Alarm] = (), default_cadence: float = 10.0
) -> ReportData:
    """Read one settled day. Raises LedgerError where the derived tables contradict each other.

    `alarms` are those that SQL knows of the day; `default_cadence` is that of devices that are not registered.
    """
    window = Window.local_day(day, site.timezone)
    refined = archive.derived("refined", site.site, day, ["device", "zone", "metric", "time", "value", "flag"])
    rollups = archive.derived("rollups", site.site, day, ["device", "metric", "period", *STATISTICS])
    statistics = {
        (row["device"], row["metric"]): Statistics(**{name: row[name] for name in STATISTICS})
        for row in rollups.to_pylist()
        if row["period"] == "day"
    }
    found, zones = _series(refined, site, window, statistics, default_cadence)
    devices = tuple(_devices(site, day, window, found, zones))
    seen = {(series.device, series.metric.name): series for device in devices for series in device.series}
    as_of_day = (
        _as_of_day(alarm, seen.get((alarm.device, alarm.metric)), window)
        for alarm in alarms
        if alarm.started < window.end and (alarm.cleared is None or alarm.cleared > window.start)
    )
    return ReportData(
        site=site.site,
        name=site.name,
        timezone=site.timezone,
        day=day,
        window=window,
        devices=devices,
        alarms=tuple(sorted(as_of_day, key=lambda alarm: (alarm.started, alarm.device, alarm.metric, alarm.rule))),
        ledger=_ledger(archive.derived("days", site.site, day)),
    )


def common(each: Sequence[Sequence[Window]]) -> tuple[Window, ...]:
    """The stretches that lie in every one of the lists."""
    if not each:
        return ()
    shared = tuple(each[0])
    for windows in each[1:]:
        shared = tuple(part for one in shared for other in windows if (part := one.clipped(other)))
    return shared


def total(windows: Iterable[Window]) -> timedelta:
    return sum((window.length for window in windows), timedelta(0))


def _series(
    refined: pa.Table, site: Site, window: Window, statistics: dict[tuple[str, str], Statistics], cadence: float
) -> tuple[dict[str, list[Series]], dict[str, str]]:
    """The series by device, and the zone that each device was in."""
    found: dict[str, list[Series]] = {}
    zones: dict[str, str] = {}
    if refined.num_rows:
        refined = refined.sort_by([(column, "ascending") for column in ("device", "metric", "time")]).combine_chunks()
    codes = [refined[column].dictionary_encode().combine_chunks() for column in ("device", "metric") if len(refined)]
    steps = [np.flatnonzero(np.diff(code.indices.to_numpy())) + 1 for code in codes]
    bounds = np.unique(np.concatenate([[0], *steps, [len(refined)]])).tolist()
    for start, end in pairwise(bounds):
        rows = refined.slice(start, end - start)
        device, name = rows["device"][0].as_py(), rows["metric"][0].as_py()
        summary = statistics.pop((device, name), None)
        if summary is None or summary.count != len(rows):
            raise LedgerError(
                f"{site.site}: {device} has {len(rows)} readings of {name} in derived/refined, and "
                f"{summary.count if summary else 'none'} in derived/rollups. Settle the day again."
            )
        times = rows["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        values = rows["value"].to_numpy().astype(np.float64)
        flags = rows["flag"].to_numpy().astype(np.int8)
        known = site.device(device)
        pace = known.cadence if known else cadence
        heard = times[~(np.isnan(values) | (flags == MISSING))]
        point = site.point(device, name)
        found.setdefault(device, []).append(
            Series(device, metric(name), pace, point.low, point.high, times, values, flags, summary,
                   tuple(_gaps(heard, window, pace)))
        )  # fmt: skip
        zones[device] = rows["zone"][0].as_py() or UNREGISTERED
    if statistics:
        device, name = next(iter(statistics))
        raise LedgerError(
            f"{site.site}: derived/rollups knows {name} of {device}, derived/refined does not. Settle again."
        )
    return found, zones


def _devices(
    site: Site, day: date, window: Window, found: dict[str, list[Series]], zones: dict[str, str]
) -> Iterable[DeviceDay]:
    """In the order of the registry, also those that were silent; then strangers by name."""
    for device in site.devices:
        series = found.pop(device.device, [])
        if not series and not _in_service(device, day):
            continue
        sent = {one.metric.name for one in series}
        expected = [_nothing(device, name, point, window) for name, point in device.points.items() if name not in sent]
        order = list(device.points)
        series = sorted([*series, *expected], key=lambda one: (order.index(one.metric.name), "")
                        if one.metric.name in order else (len(order), one.metric.name))  # fmt: skip
        silent = common([one.gaps for one in series]) if series else (window,)
        yield DeviceDay(device.device, device.label, zones.get(device.device, device.zone), tuple(series), silent)
    for name in sorted(found):
        yield DeviceDay(name, name, zones[name], tuple(found[name]), common([one.gaps for one in found[name]]))


def _in_service(device: Device, day: date) -> bool:
    return (device.since is None or device.since <= day) and (device.until is None or day <= device.until)


def _nothing(device: Device, name: str, point: Point, window: Window) -> Series:
    """The series of a metric that should have come and did not."""
    none: NDArray[Any] = np.array([])
    expected = window.length / timedelta(seconds=device.cadence)
    return Series(
        device.device, metric(name), device.cadence, point.low, point.high,
        none.astype(np.int64), none.astype(np.float64), none.astype(np.int8),
        Statistics(count=0, good=0, expected=expected, completeness=0.0), (window,),
    )  # fmt: skip


def _gaps(heard: Micros, window: Window, cadence: float) -> Iterable[Window]:
    edges = np.concatenate([[micros(window.start)], heard, [micros(window.end)]])
    long = np.flatnonzero(np.diff(edges) > GAP * cadence * 1e6)
    return (_window(edges[place], edges[place + 1]) for place in long)


def _as_of_day(alarm: Alarm, series: Series | None, window: Window) -> Alarm:
    """Forget what came after the day, so that tomorrow's readings do not change yesterday's report."""
    cleared = alarm.cleared if alarm.cleared and alarm.cleared < window.end else None
    alarm = replace(alarm, cleared=cleared, value=None)
    if series is None:
        return alarm
    span = alarm.span(window)
    during = (series.times >= micros(span.start)) & (series.times < micros(span.end)) & series.usable
    worst = series.values[during]
    return replace(alarm, value=float(worst.max() if alarm.above else worst.min()) if len(worst) else None)


def _ledger(days: pa.Table) -> Ledger | None:
    rows = days.to_pylist()
    if not rows:
        return None
    if len(rows) > 1:
        raise LedgerError(f"derived/days has {len(rows)} rows of {rows[0]['site']}, {rows[0]['day']}. Settle it again.")
    (row,) = rows
    batches = tuple(sorted(row["batches"] or ()))
    return Ledger(row["read"], row["stored"], row["duplicate"], row["rejected"], batches)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(time: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(time))


def _window(start: int, end: int) -> Window:
    return Window(moment(start), moment(end))


def _canonical(facts: object) -> bytes:
    def plain(fact: object) -> object:
        if isinstance(fact, Window):
            return [iso(fact.start), iso(fact.end)]
        if isinstance(fact, datetime):
            return iso(fact.astimezone(UTC))
        if isinstance(fact, date):
            return fact.isoformat()
        raise TypeError(f"{fact!r} has no canonical form")

    return json.dumps(facts, sort_keys=True, separators=(",", ":"), default=plain).encode()
