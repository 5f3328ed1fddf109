"""What a shop keeper must know at six in the morning: was everything fine, and if not, what, where and how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Literal

from barograph.metrics import Metric, metric
from barograph.reports.data import Alarm, DeviceDay, ReportData, Series, common, total
from barograph.reports.words import limit, quantity, zone_name
from barograph.windows import Window, merged

LONG_SILENCE = timedelta(minutes=15)
"""Silence of a day that is worth a line; shorter ones show in charts and tables. Of longer times as much a day."""

MANY_BAD = 0.01
"""Share of a series' readings that may be bad without a line."""

Verdict = Literal["fine", "events", "incomplete", "empty"]
VALUED = ("limit", "mkt")
"""Kinds of rules whose limit is one of the value; of others it is how many readings or seconds were too many."""

LIMITED = (*VALUED, "n_of_m", "cumulative")
"""Those of which a person says that it was too much."""

SEVERITIES = {"critical": 0, "major": 1, "minor": 2, "warning": 3}


@dataclass(frozen=True)
class Finding:
    """`where` is outside text, `what` goes on from it: Dairy fridge | was too warm for 47 min."""

    kind: Literal["alarm", "silent", "limits", "bad", "ledger", "moved"]
    where: str
    what: str
    note: str = ""
    """Outside text: what the rule says to do."""
    seen: str = ""
    """Who acknowledged it; outside text in it."""
    short: str = ""
    """The same for a headline."""

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
    wrong = (*alarms, *silences, *_unsettled(data), *_unbalanced(data))
    notes = (*_limits(data), *_bad(data), *_moved(data), *_rejected(data))
    verdict: Verdict = "empty" if not data.rows else "events" if alarms else "incomplete" if wrong else "fine"
    return Findings(verdict, _headline(data, verdict, alarms, silences), wrong, notes)


def _headline(data: ReportData, verdict: Verdict, alarms: list[Finding], silences: list[Finding]) -> str:
    say = data.voice.say
    if verdict == "empty":
        if data.period.kind == "day":
            return say("No readings arrived on this day") if data.ledger else say("This day has no data yet")
        return say("No readings arrived in this time") if data.ledger else say("This time has no data yet")
    if verdict == "fine":
        return say("All fine")
    if verdict == "incomplete":
        if len(silences) == 1:
            return say("No alarms, but {finding}", finding=_goes_on(silences[0].short, say("All devices")))
        return say("No alarms, but not everything was seen")
    worst = f"{alarms[0].where} {alarms[0].what.partition(':')[0]}"
    if len(alarms) == 1:
        return worst
    places = len({alarm.where for alarm in alarms})
    if places == 1:
        return say("{finding}, and had other alarms", finding=worst)
    return say("{count} devices had alarms; the worst: {where}", count=places, where=alarms[0].where)


def _goes_on(finding: str, begins: str) -> str:
    """Within a sentence; what people call their devices stays as it is."""
    return begins[:1].lower() + finding[1:] if finding.startswith(begins) else finding


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
    voice, first = data.voice, alarms[0]
    of = metric_of(data, first)
    spans = _spans(alarms, data.window)
    length = voice.duration(total(spans))
    often = (
        voice.say("{times}, {length} in all", times=voice.times(len(spans)), length=length)
        if len(spans) > 1
        else voice.say("for {length}", length=length)
    )
    open_ = ""
    if any(alarm.cleared is None for alarm in alarms):
        day = data.period.kind == "day"
        open_ = voice.say(" and still was at midnight") if day else voice.say(" and still was at the end")
    before = [alarm for alarm in alarms if alarm.started < data.window.start]
    since = voice.say(" (since {when})", when=voice.clock(before[0].started)) if before else ""
    values = [alarm.value for alarm in alarms if alarm.value is not None]
    worst = ""
    if values:
        worst = voice.say(", {value} at worst", value=quantity((max if first.above else min)(values), of))
    return Finding(
        "alarm",
        _label(data, first.device),
        f"{_was(data, first)} {often}{open_}: {beyond(data, first)}{_when(spans, data)}{since}{worst}",
        note=first.message,
        seen=acknowledged(data, alarms[-1]),
    )


def _was(data: ReportData, alarm: Alarm) -> str:
    if alarm.kind in LIMITED and alarm.limit is not None:
        return data.voice.was_too(metric_of(data, alarm), alarm.above)
    return data.voice.wrong(alarm.kind, metric_of(data, alarm))


def beyond(data: ReportData, alarm: Alarm) -> str:
    """`above 8 °C `, or nothing where the alarm is not of the value itself."""
    if alarm.limit is None or alarm.kind not in VALUED:
        return ""
    bound = limit(alarm.limit, metric_of(data, alarm))
    return data.voice.say("above {limit}" if alarm.above else "below {limit}", limit=bound) + " "


def acknowledged(data: ReportData, alarm: Alarm) -> str:
    """Who saw it, where anybody keeps track of that."""
    say = data.voice.say
    if alarm.acknowledged and alarm.acknowledged_at:
        when = data.voice.clock(alarm.acknowledged_at)
        return say("acknowledged by {who} at {when}", who=alarm.acknowledged, when=when)
    if alarm.acknowledged:
        return say("acknowledged by {who}", who=alarm.acknowledged)
    return say("nobody acknowledged it") if alarm.state else ""


def _when(spans: list[Window], data: ReportData) -> str:
    return ", ".join(data.voice.span(one) for one in spans[:3]) + (", …" if len(spans) > 3 else "")


def _silences(data: ReportData) -> Iterator[tuple[timedelta, Finding]]:
    """How long, and what to say. Of an empty time the headline says it all; what all devices missed is said once."""
    if not data.rows:
        return
    long = LONG_SILENCE * len(data.period)
    together = common([device.silent for device in data.devices]) if len(data.devices) > 1 else ()
    everywhere = together if total(together) >= LONG_SILENCE else ()
    if everywhere:
        yield data.window.length, _silent(data.voice.say("All devices"), everywhere, data)
    for device in data.devices:
        if total(device.silent) - total(everywhere) >= long:
            yield total(device.silent), _silent(device.label, device.silent, data)
        for series in device.series:
            if total(series.gaps) - total(device.silent) >= long:
                where = f"{device.label}, {data.voice.in_words(series.metric)}"
                yield total(series.gaps), _silent(where, series.gaps, data)


def _silent(where: str, gaps: tuple[Window, ...], data: ReportData) -> Finding:
    say = data.voice.say
    if gaps == (data.window,):
        what = say("no readings all day") if data.period.kind == "day" else say("no readings at all")
        return Finding("silent", where, what, short=f"{where}: {what}")
    length = data.voice.duration(total(gaps))
    what = say("no readings for {length}, {when}", length=length, when=_when(list(gaps), data))
    return Finding("silent", where, what, short=f"{where}: {say('no readings for {length}', length=length)}")


def _unsettled(data: ReportData) -> Iterator[Finding]:
    if data.unsettled and data.rows:
        days, everything = len(data.unsettled), len(data.period)
        yield Finding("ledger", "", data.voice.say("{days} of {all} days were not settled", days=days, all=everything))


def _limits(data: ReportData) -> Iterator[Finding]:
    voice = data.voice
    alarmed = {(alarm.device, alarm.metric) for alarm in data.alarms}
    for device, series in _each(data):
        if series.outside and (series.device, series.metric.name) not in alarmed:
            often = f"{voice.times(len(series.outside))}, " if len(series.outside) > 1 else ""
            what = voice.say(
                "outside its {metric} limits {often}{length}, no alarm",
                metric=voice.in_words(series.metric),
                often=often,
                length=voice.duration(total(series.outside)),
            )
            yield Finding("limits", device.label, what)


def _bad(data: ReportData) -> Iterator[Finding]:
    voice = data.voice
    for device, series in _each(data):
        bad, missing = series.bad_count, series.missing_count
        if bad + missing > MANY_BAD * max(1, series.statistics.count):
            said = [voice.say("{readings} doubtful", readings=voice.readings(bad))] * bool(bad)
            said += [voice.say("{readings} without a value", readings=voice.readings(missing))] * bool(missing)
            yield Finding("bad", device.label, f"{voice.in_words(series.metric)}: {', '.join(said)}")


def _moved(data: ReportData) -> Iterator[Finding]:
    for device in data.devices:
        if device.moved:
            steps = [f"{zone_name(zone)} {data.voice.clock(since)}" for since, zone in device.moved]
            yield Finding("moved", device.label, data.voice.say("was moved: {places}", places=" → ".join(steps)))


def _rejected(data: ReportData) -> Iterator[Finding]:
    if data.ledger and data.ledger.rejected:
        readings = data.voice.readings(data.ledger.rejected)
        text = data.voice.say("{readings} could not be decoded and were kept apart", readings=readings)
        yield Finding("ledger", "", text)


def _unbalanced(data: ReportData) -> Iterator[Finding]:
    ledger = data.ledger
    if ledger and not ledger.balanced:
        off = data.voice.readings(abs(ledger.read - ledger.stored - ledger.duplicate - ledger.rejected))
        text = data.voice.say("the sums of the day do not balance: {readings} unaccounted for", readings=off)
        yield Finding("ledger", "", text)


def metric_of(data: ReportData, alarm: Alarm) -> Metric:
    """As the report says it, in its units."""
    device = data.device(alarm.device)
    series = device.series if device else ()
    return next((one.metric for one in series if one.metric.name == alarm.metric), metric(alarm.metric))


def _spans(alarms: Iterable[Alarm], window: Window) -> list[Window]:
    return merged(alarm.span(window) for alarm in alarms)


def _each(data: ReportData) -> Iterator[tuple[DeviceDay, Series]]:
    return ((device, series) for device in data.devices for series in device.series)


def _label(data: ReportData, name: str) -> str:
    device = data.device(name)
    return device.label if device else name
