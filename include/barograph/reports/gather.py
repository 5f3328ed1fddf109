"""Read what a report is made of from the archive: settled days, one after the other. No Spark, InfluxDB or clock.

A day is one columnar read for all devices, piece by piece: what stays of a piece is each series' numbers. Of one day
every reading stays; of more days, what shows: the lowest and the highest value of each pixel column. Everything that is
counted is counted before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.archive import Archive
from barograph.errors import LedgerError
from barograph.metrics import metric
from barograph.registry import Device, Point, Site
from barograph.reports.data import (
    Alarm,
    DeviceDay,
    Ledger,
    Quality,
    ReportData,
    RuleText,
    Series,
    Statistics,
    common,
    micros,
    moment,
)
from barograph.reports.growing import STATISTICS, Growing, Part, parts
from barograph.reports.periods import SITE, Period, Scope
from barograph.reports.quality import Counted
from barograph.reports.units import in_units
from barograph.rules.model import Rule
from barograph.windows import Window

BEFORE = 7
"""Days before a day that its charts show beside it."""

Found = dict[tuple[str, str], Growing]


def gather(
    archive: Archive,
    site: Site,
    period: Period,
    scope: Scope = SITE,
    *,
    alarms: Iterable[Alarm] = (),
    rules: Sequence[Rule] = (),
    default_cadence: float = 10.0,
    quality: Quality | None = None,
    language: str = "en",
    look: str = "",
    units: Mapping[str, str] | None = None,
) -> ReportData:
    """Read the settled days of a period. Raises LedgerError where the derived tables contradict each other.

    `alarms` are those that SQL knows of the time; `default_cadence` is that of devices that are not registered;
    `quality` brings what was promised; `units` says what is shown instead of a metric's unit: {"°C": "°F"}.
    """
    window = period.window(site.timezone)
    counted = Counted(archive, site, quality or Quality())
    known = {device.device: device for device in site.devices}
    found: Found = {}
    places: dict[str, list[tuple[int, str]]] = {}
    for day in period:
        for part in _day(archive, site, day, scope, counted):
            device = known.get(part.device)
            point = device.points.get(part.metric, Point()) if device else Point()
            pace = device.cadence if device else default_cadence
            key = (part.device, part.metric)
            growing = found.setdefault(key, Growing(point, pace, len(period), metric(part.metric)))
            growing.add(day, Window.local_day(day, site.timezone), part)
            where = places.setdefault(part.device, [])
            where += [step for step in part.zones if not where or where[-1][1] != step[1]]
    calendar = (*_compared(period), *period)
    hours = _hours(archive, site, calendar, scope)
    series: dict[str, list[Series]] = {}
    for (name, what), growing in found.items():
        missing_days = [day for day in period if day not in growing.seen]
        series.setdefault(name, []).append(
            growing.series(name, window, missing_days, site.timezone, hours.get((name, what)), len(calendar))
        )
    devices = tuple(_devices(site, period, scope, window, series, places))
    seen = {(one.device, one.metric.name): one for device in devices for one in device.series}
    ours = {device.device for device in devices}
    as_of_end = (
        _as_of_end(alarm, seen.get((alarm.device, alarm.metric)), window)
        for alarm in alarms
        if (alarm.device in ours or scope == SITE)
        and alarm.started < window.end
        and (alarm.cleared is None or alarm.cleared > window.start)
    )
    ledger, unsettled = _ledger(archive, site, period)
    data = ReportData(
        site=site.site,
        name=site.name,
        timezone=site.timezone,
        period=period,
        scope=scope,
        window=window,
        devices=devices,
        alarms=tuple(sorted(as_of_end, key=lambda alarm: (alarm.started, alarm.device, alarm.metric, alarm.rule))),
        ledger=ledger,
        unsettled=unsettled,
        quality=counted.quality(devices, window),
        rules=tuple(_rule(rule) for rule in rules),
        calendar=calendar,
        language=language,
        look=look,
    )
    return in_units(data, units or {})


def _day(archive: Archive, site: Site, day: date, scope: Scope, counted: Counted) -> Iterator[Part]:
    """What one settled day has of each series."""
    some = pc.field("device") == scope.device if scope.device is not None else None
    columns = ["device", "zone", "metric", "time", "value", "flag", "reasons"]
    refined = archive.derived_pieces("refined", site.site, day, columns, some)
    rollups = archive.derived("rollups", site.site, day, ["device", "metric", "zone", "period", *STATISTICS], some=some)
    heard: set[str] = set()
    sums = {(row["device"], row["metric"]): row for row in _of_period(rollups, "day").to_pylist()}
    for part in parts(_tested(refined, scope, counted)):
        heard.add(part.device)
        summary = sums.pop((part.device, part.metric), None)
        stored = summary["count"] if summary else None
        if stored != len(part.times) and (scope.zone is None or stored is None):
            raise LedgerError(
                f"{site.site}, {day}: {part.device} has {len(part.times)} readings of {part.metric} in "
                f"derived/refined, and {'none' if stored is None else stored} in derived/rollups. Settle the day again."
            )
        assert summary is not None
        part.statistics = Statistics(**{name: summary[name] for name in STATISTICS})
        yield part
    if sums and scope == SITE:
        device, name = next(iter(sums))
        raise LedgerError(
            f"{site.site}, {day}: derived/rollups knows {name} of {device}, derived/refined does not. Settle again."
        )
    if heard:
        counted.arrived(day, sorted(heard))


def _tested(pieces: Iterable[pa.Table], scope: Scope, counted: Counted) -> Iterator[pa.Table]:
    """Those rows of the zone, whose flags are counted on the way."""
    for piece in pieces:
        ours = piece if scope.zone is None else piece.filter(pc.equal(piece["zone"], scope.zone))
        if len(ours):
            counted.tested(ours)
            yield ours


def _of_period(rollups: pa.Table, period: str) -> pa.Table:
    return rollups.filter(pc.equal(rollups["period"], period)) if len(rollups) else rollups


def _compared(period: Period) -> tuple[date, ...]:
    """The days before, that it is compared with."""
    if period.kind == "day":
        return tuple(period.first - timedelta(days=days) for days in range(BEFORE, 0, -1))
    return tuple(period.before)


def _hours(
    archive: Archive, site: Site, calendar: Sequence[date], scope: Scope
) -> dict[tuple[str, str], np.ndarray[Any, Any]]:
    """Of each series the mean by local hour, a row for each day; an hour that comes twice is the later one."""
    some = pc.field("period") == "hour"
    if scope.device is not None:
        some &= pc.field("device") == scope.device
    columns = ["device", "metric", "start", "mean"]
    rows = archive.derived("rollups", site.site, calendar[0], columns, until=calendar[-1], some=some)
    rows = rows.filter(pc.is_valid(rows["mean"])) if len(rows) else rows
    if not len(rows):
        return {}
    local = rows["start"].cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", site.timezone))
    hour = pc.hour(local).to_numpy()
    days = pc.strftime(local, format="%Y-%m-%d").combine_chunks().dictionary_encode()
    row_of = {day.isoformat(): place for place, day in enumerate(calendar)}
    day = np.array([row_of.get(text, -1) for text in days.dictionary.to_pylist()], np.int64)[days.indices.to_numpy()]
    device, name = (rows[column].combine_chunks().dictionary_encode() for column in ("device", "metric"))
    codes = device.indices.to_numpy().astype(np.int64) * len(name.dictionary) + name.indices.to_numpy()
    means = rows["mean"].to_numpy()
    found: dict[tuple[str, str], np.ndarray[Any, Any]] = {}
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    for places in np.split(order, edges):
        cells = np.full((len(calendar), 24), np.nan)
        cells[day[places], hour[places]] = means[places]
        code = int(codes[places[0]])
        key = (
            device.dictionary[code // len(name.dictionary)].as_py(),
            name.dictionary[code % len(name.dictionary)].as_py(),
        )
        found[key] = cells
    return found


def _devices(
    site: Site,
    period: Period,
    scope: Scope,
    window: Window,
    found: dict[str, list[Series]],
    places: Mapping[str, list[tuple[int, str]]],
) -> Iterable[DeviceDay]:
    """In the order of the registry, also those that were silent; then strangers by name."""
    for device in site.devices:
        series = found.pop(device.device, [])
        here = scope.covers(device.device, device.zone)
        if not series and not (here and any(_in_service(device, day) for day in period)):
            continue
        sent = {one.metric.name for one in series}
        expected = [_nothing(device, name, point, window) for name, point in device.points.items() if name not in sent]
        order = {name: place for place, name in enumerate(device.points)}
        series = sorted([*series, *expected], key=lambda one: (order.get(one.metric.name, len(order)), one.metric.name))
        silent = common([one.gaps for one in series]) if series else (window,)
        yield _placed(device.device, device.label, device.zone, series, silent, places.get(device.device, []))
    for name in sorted(found):
        series = sorted(found[name], key=lambda one: one.metric.name)
        where = places[name]
        yield _placed(name, name, where[-1][1], series, common([one.gaps for one in series]), where)


def _placed(
    device: str,
    label: str,
    zone: str,
    series: list[Series],
    silent: tuple[Window, ...],
    places: list[tuple[int, str]],
) -> DeviceDay:
    moved = tuple((moment(time), where) for time, where in places) if len(places) > 1 else ()
    return DeviceDay(device, label, places[-1][1] if places else zone, tuple(series), silent, moved)


def _in_service(device: Device, day: date) -> bool:
    return (device.since is None or device.since <= day) and (device.until is None or day <= device.until)


def _nothing(device: Device, name: str, point: Point, window: Window) -> Series:
    """The series of a metric that should have come and did not."""
    none: np.ndarray[Any, Any] = np.array([])
    expected = window.length / timedelta(seconds=device.cadence)
    return Series(
        device.device, metric(name), device.cadence, point.low, point.high,
        none.astype(np.int64), none.astype(np.float64), none.astype(np.int8),
        Statistics(count=0, good=0, expected=expected, completeness=0.0), (window,),
    )  # fmt: skip


def _as_of_end(alarm: Alarm, series: Series | None, window: Window) -> Alarm:
    """Forget what came after, so that tomorrow's readings do not change yesterday's report."""
    cleared = alarm.cleared if alarm.cleared and alarm.cleared < window.end else None
    state = alarm.state
    if state in ("open", "acknowledged", "cleared"):
        state = "cleared" if cleared else "acknowledged" if alarm.acknowledged else "open"
    alarm = replace(alarm, cleared=cleared, state=state, value=None)
    if series is None:
        return alarm
    span = alarm.span(window)
    during = (series.times >= micros(span.start)) & (series.times < micros(span.end)) & series.usable
    worst = series.values[during]
    value = float(worst.max() if alarm.above else worst.min()) if len(worst) else None
    return replace(alarm, value=value)


def _ledger(archive: Archive, site: Site, period: Period) -> tuple[Ledger | None, tuple[date, ...]]:
    """The sums of all days, and the days that were not settled."""
    rows = archive.derived("days", site.site, period.first, until=period.last).to_pylist()
    days = [row["day"] for row in rows]
    if len(set(days)) < len(days):
        twice = next(day for day in days if days.count(day) > 1)
        raise LedgerError(f"derived/days has {days.count(twice)} rows of {site.site}, {twice}. Settle it again.")
    unsettled = tuple(day for day in period if day not in set(days))
    if not rows:
        return None, unsettled
    batches = tuple(sorted({batch for row in rows for batch in row["batches"] or ()}))
    sums = {name: sum(row[name] for row in rows) for name in ("read", "stored", "duplicate", "rejected")}
    return Ledger(batches=batches, **sums), unsettled


def _rule(rule: Rule) -> RuleText:
    return RuleText(rule.rule, rule.severity, rule.version, f"{rule.sentence}, {', '.join(rule.devices)}")
