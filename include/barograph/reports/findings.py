"""What a shop keeper must know at six in the morning: was everything fine, and if not, what, where and how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Literal

from barograph.metrics import Metric, metric
from barograph.reports.data import Alarm, DeviceDay, ReportData, Series, common, total
from barograph.reports.words import clock, duration, limit, plural, quantity, span, too, verb
from barograph.windows import Window, merged

LONG_SILENCE = timedelta(minutes=15)
"""Silence of a day that is worth a line; shorter ones show in charts and tables."""

MANY_BAD = 0.01
"""Share of a series' readings that may be bad without a line."""

Verdict = Literal["fine", "events", "incomplete", "empty"]
SEVERITIES = {"critical": 0, "major": 1, "minor": 2, "warning": 3}


@dataclass(frozen=True)
class Finding:
    """`where` is outside text, `what` goes on from it: Dairy fridge | was too warm for 47 min."""

    kind: Literal["alarm", "silent", "limits", "bad", "ledger"]
    where: str
    what: str
    note: str = ""
    """Outside text: what the rule says to do."""

    def __str__(self) -> str:
        if not self.where:
            return self.what
        return f"{self.where}{'' if self.kind == 'alarm' else ':'} {self.what}"


@dataclass(frozen=True)
class Findings:
    verdict: Verdict
    headline: str
    wrong: tuple[Finding, ...]
    """What a person should look at, worst first."""
    notes: tuple[Finding, ...]
    """What is good to know and needs nobody."""


def judge(data: ReportData) -> Findings:
    alarms = list(_alarms(data))
    silences = [finding for _, finding in sorted(_silences(data), key=lambda found: -found[0])]
    wrong = (*alarms, *silences, *_unbalanced(data))
    notes = (*_limits(data), *_bad(data), *_rejected(data))
    verdict: Verdict = "empty" if not data.rows else "events" if alarms else "incomplete" if wrong else "fine"
    return Findings(verdict, _headline(data, verdict, alarms, silences), wrong, notes)


def _headline(data: ReportData, verdict: Verdict, alarms: list[Finding], silences: list[Finding]) -> str:
    if verdict == "empty":
        return "No readings arrived on this day" if data.ledger else "This day has no data yet"
    if verdict == "fine":
        return "All fine"
    if verdict == "incomplete":
        first = silences[0] if silences else None
        return f"No alarms, but {first}" if first and len(silences) == 1 else "No alarms, but not everything was seen"
    if len(alarms) == 1:
        return f"{alarms[0].where} {alarms[0].what.partition(':')[0]}"
    return f"{len(alarms)} places had alarms; the worst: {alarms[0].where}"


def _alarms(data: ReportData) -> Iterator[Finding]:
    """One for each device, metric and direction, however often it happened."""

    def place(alarm: Alarm) -> tuple[str, str, bool]:
        return alarm.device, alarm.metric, alarm.above

    def weight(alarms: list[Alarm]) -> tuple[int, timedelta]:
        severe = min(SEVERITIES.get(alarm.severity, 0) for alarm in alarms)
        return severe, -total(_spans(alarms, data.window))

    groups = [list(group) for _, group in groupby(sorted(data.alarms, key=place), key=place)]
    return (_alarm(group, data) for group in sorted(groups, key=weight))


def _alarm(alarms: list[Alarm], data: ReportData) -> Finding:
    first = alarms[0]
    of = metric(first.metric)
    spans = _spans(alarms, data.window)
    often = (
        f"{len(spans)} times, {duration(total(spans))} in all" if len(spans) > 1 else f"for {duration(total(spans))}"
    )
    when = ", ".join(span(one, data.day, data.timezone) for one in spans[:3]) + (", …" if len(spans) > 3 else "")
    open_ = " and still was at midnight" if any(alarm.cleared is None for alarm in alarms) else ""
    before = [alarm for alarm in alarms if alarm.started < data.window.start]
    since = f" (since {clock(before[0].started, data.day, data.timezone)})" if before else ""
    values = [alarm.value for alarm in alarms if alarm.value is not None]
    worst = f", {quantity((max if first.above else min)(values), of)} at worst" if values else ""
    bound = f"{'above' if first.above else 'below'} {limit(first.limit, of)}"
    return Finding(
        "alarm",
        _label(data, first.device),
        f"{verb(of)} {too(of, first.above)} {often}{open_}: {bound} {when}{since}{worst}",
        note=first.message,
    )


def _silences(data: ReportData) -> Iterator[tuple[timedelta, Finding]]:
    """How long, and what to say. Of an empty day the headline says it all; what all devices missed is said once."""
    if not data.rows:
        return
    together = common([device.silent for device in data.devices]) if len(data.devices) > 1 else ()
    everywhere = together if total(together) >= LONG_SILENCE else ()
    if everywhere:
        yield data.window.length, Finding("silent", "All devices", _unheard(everywhere, data))
    for device in data.devices:
        if total(device.silent) - total(everywhere) >= LONG_SILENCE:
            yield total(device.silent), Finding("silent", device.label, _unheard(device.silent, data))
        for series in device.series:
            if total(series.gaps) - total(device.silent) >= LONG_SILENCE:
                where = f"{device.label}, {_in_words(series.metric)}"
                yield total(series.gaps), Finding("silent", where, _unheard(series.gaps, data))


def _unheard(gaps: tuple[Window, ...], data: ReportData) -> str:
    if total(gaps) == data.window.length:
        return "no readings all day"
    when = ", ".join(span(gap, data.day, data.timezone) for gap in gaps[:3]) + (", …" if len(gaps) > 3 else "")
    return f"no readings for {duration(total(gaps))}, {when}"


def _limits(data: ReportData) -> Iterator[Finding]:
    alarmed = {(alarm.device, alarm.metric) for alarm in data.alarms}
    for device, series in _each(data):
        if series.outside and (series.device, series.metric.name) not in alarmed:
            often = f"{plural(len(series.outside), 'time')}, " if len(series.outside) > 1 else ""
            what = f"outside its {_in_words(series.metric)} limits {often}{duration(total(series.outside))}, no alarm"
            yield Finding("limits", device.label, what)


def _bad(data: ReportData) -> Iterator[Finding]:
    for device, series in _each(data):
        bad, missing = int(series.bad.sum()), int(series.missing.sum())
        if bad + missing > MANY_BAD * max(1, len(series.times)):
            said = [f"{plural(bad, 'reading')} doubtful"] * bool(bad)
            said += [f"{plural(missing, 'reading')} without a value"] * bool(missing)
            yield Finding("bad", device.label, f"{_in_words(series.metric)}: {', '.join(said)}")


def _rejected(data: ReportData) -> Iterator[Finding]:
    if data.ledger and data.ledger.rejected:
        yield Finding(
            "ledger", "", f"{plural(data.ledger.rejected, 'reading')} could not be decoded and were kept apart"
        )


def _unbalanced(data: ReportData) -> Iterator[Finding]:
    ledger = data.ledger
    if ledger and not ledger.balanced:
        off = ledger.read - ledger.stored - ledger.duplicate - ledger.rejected
        yield Finding(
            "ledger", "", f"the sums of the day do not balance: {plural(abs(off), 'reading')} unaccounted for"
        )


def _spans(alarms: Iterable[Alarm], window: Window) -> list[Window]:
    return merged(alarm.span(window) for alarm in alarms)


def _each(data: ReportData) -> Iterator[tuple[DeviceDay, Series]]:
    return ((device, series) for device in data.devices for series in device.series)


def _label(data: ReportData, name: str) -> str:
    device = data.device(name)
    return device.label if device else name


def _in_words(of: Metric) -> str:
    return of.label[:1].lower() + of.label[1:]
