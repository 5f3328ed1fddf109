"""All that a report says, in words and in order: the page and the paper are two ways to set it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from barograph.reports.canvas import NO_LETTERS
from barograph.reports.changes import Since
from barograph.reports.data import GAP, Alarm, DeviceDay, ReportData, Series, micros, total
from barograph.reports.drawing import Picture
from barograph.reports.findings import LIMITED, Findings, acknowledged, beyond, metric_of
from barograph.reports.gallery import interesting, metrics_of
from barograph.reports.words import EN_DASH, count, limits, number, quantity, share, zone_name
from barograph.rules.excursion import Limits, excursion

MARKS = {"fine": "✓", "events": "!", "incomplete": "…", "empty": "∅"}

TABLED = 1_000
"""Devices in the table of a page; the others are in summary.csv."""

LIBRARIES = ("barograph", "matplotlib", "numpy", "fpdf2")
"""Whose versions decide how a report looks."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A chart, and what it says to whom who cannot see it."""

    name: str
    alt: str
    svg: bytes
    remarks: str = ""
    png: bytes = b""


@dataclass(frozen=True, eq=False)
class Group:
    """A metric of a zone: a chart for each device, then those of the zone."""

    title: str
    devices: tuple[Shown, ...]
    zone: tuple[Shown, ...]


@dataclass(frozen=True)
class Row:
    """One metric of one device in numbers."""

    device: str
    label: str
    metric: str
    cells: tuple[tuple[str, str, str], ...]
    """Heading, value, and when."""
    alarmed: bool


@dataclass(frozen=True, eq=False)
class Zone:
    title: str
    groups: tuple[Group, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class AlarmRow:
    severity: str
    where: str
    zone: str
    what: str
    when: str
    lasted: str
    worst: str
    note: str
    seen: str


@dataclass(frozen=True, eq=False)
class Contents:
    data: ReportData
    findings: Findings
    revision: int
    since: Since
    title: str
    """The site, and the zone or device that it is about: outside text."""
    date: str
    mark: str
    reported: str
    hint: str
    """What whoever runs this machine should do."""
    overview: tuple[Shown, ...]
    """Wide and narrow; empty where there is nothing to see."""
    alarms: tuple[AlarmRow, ...]
    zones: tuple[Zone, ...]
    drawn: str
    """Said where not all devices are drawn."""
    ledger: tuple[tuple[str, str], ...]
    quality: tuple[tuple[str, tuple[str, ...]], ...]
    rules: tuple[tuple[str, str, str], ...]
    """Name, severity and text: outside text."""
    facts: tuple[tuple[str, str], ...]
    rebuild: str


def contents(
    data: ReportData,
    findings: Findings,
    pictures: Sequence[Picture],
    overview: Mapping[str, tuple[bytes, bytes]],
    revision: int,
    since: Since,
) -> Contents:
    """`overview` as SVG and PNG, by the names of their files: the wide one first."""
    voice = data.voice
    alarmed = {alarm.device for alarm in data.alarms}
    tabled = set(interesting(data)[:TABLED])
    shown = {picture.job.name: picture for picture in pictures}
    zones = []
    for zone, devices in data.zones.items():
        groups = tuple(_groups(data, zone, devices, shown))
        rows = tuple(
            _row(data, device, series, device.device in alarmed)
            for device in devices
            if device.device in tabled
            for series in device.series
        )
        if groups or rows:
            zones.append(Zone(zone_name(zone), groups, rows))
    detailed = {picture.job.view.members[0].series.device for picture in pictures if picture.job.of == "device"}
    everything = len(data.devices)
    drawn = ""
    if 0 < len(detailed) < everything and everything > len(detailed) + _undrawn(data):
        text = "{count} of {all} devices are drawn here, those first that need a look."
        drawn = voice.say(text, count=count(len(detailed)), all=count(everything))
    text = "{devices}, a lane each. {headline}."
    alt = voice.say(text, devices=voice.devices(everything), headline=findings.headline)
    return Contents(
        data=data,
        findings=findings,
        revision=revision,
        since=since,
        title=_title(data),
        date=voice.named(data.period),
        mark=MARKS[findings.verdict],
        reported=_reported(data),
        hint=NO_LETTERS if data.unwritten else "",
        overview=tuple(Shown(name, alt, svg, png=png) for name, (svg, png) in overview.items()),
        alarms=tuple(_alarm(data, alarm) for alarm in data.alarms),
        zones=tuple(zones),
        drawn=drawn,
        ledger=_ledger(data),
        quality=tuple(_quality(data)),
        rules=tuple((rule.rule, voice.severity(rule.severity), rule.text) for rule in data.rules),
        facts=tuple(_facts(data, revision)),
        rebuild=f"barograph report make {data.site} {data.period.options}{data.scope.options}",
    )


def _title(data: ReportData) -> str:
    if data.scope.device is not None:
        device = data.device(data.scope.device)
        return f"{data.name} · {device.label if device else data.scope.device}"
    return data.name if data.scope.zone is None else f"{data.name} · {zone_name(data.scope.zone)}"


def _undrawn(data: ReportData) -> int:
    """Devices that have nothing to draw."""
    return sum(not device.series for device in data.devices)


def _groups(data: ReportData, zone: str, devices: list[DeviceDay], shown: Mapping[str, Picture]) -> Iterator[Group]:
    title = zone_name(zone)
    labels = {device.device: device.label for device in devices}
    for name in metrics_of(devices):
        mine = [picture for picture in shown.values() if (picture.job.zone, picture.job.metric) == (zone, name)]
        if not mine:
            continue
        view = mine[0].job.view
        ours = []
        for picture in (each for each in mine if each.job.of == "device"):
            series = picture.job.view.members[0].series
            remarks = " · ".join(_remarks(data, series))
            ours.append(
                Shown(picture.job.name, _alt(data, labels[series.device], series), picture.svg, remarks, picture.png)
            )
        text, label = "{chart}: {metric}, {zone}.", data.voice.label(view.metric)
        theirs = [
            Shown(
                picture.job.name,
                data.voice.say(text, chart=_chart_title(data, picture), metric=label, zone=title),
                picture.svg,
                png=picture.png,
            )
            for picture in mine
            if picture.job.of == "zone"
        ]
        yield Group(view.title, tuple(ours), tuple(theirs))


def _chart_title(data: ReportData, picture: Picture) -> str:
    say = data.voice.say
    match picture.job.chart:
        case "range":
            return say("Range of each device")
        case "days":
            return say("Day by day")
        case "histogram":
            return say("How often which value")
        case "hours":
            return say("Hour by day")
        case "comparison":
            day = data.period.kind == "day"
            return say("Compared with the week before") if day else say("Compared with the time before")
        case "scatter":
            other = picture.job.view.others
            if not other:
                return say("Against its neighbours")
            metric, beside = data.voice.label(picture.job.view.metric), data.voice.in_words(other[0].series.metric)
            return say("{metric} against {other}", metric=metric, other=beside)
    return picture.job.chart


def _row(data: ReportData, device: DeviceDay, series: Series, alarmed: bool) -> Row:
    voice, sums, of = data.voice, series.statistics, series.metric
    least = voice.clock(sums.min_at) if sums.min_at else ""
    most = voice.clock(sums.max_at) if sums.max_at else ""
    outside = voice.duration(total(series.outside)) if series.outside else EN_DASH
    title = voice.label(of) + (f", {of.unit}" if of.unit else "")
    limited = series.low is not None or series.high is not None
    if series.binary and sums.good:
        often = voice.say(
            "{times}, {length} in all", times=voice.times(len(series.on)), length=voice.duration(total(series.on))
        )
        sums, title = replace(sums, min=None, mean=None, median=None, max=None), f"{voice.label(of)}: {often}"
        least = most = ""
    cells = (
        (voice.say("Min"), number(sums.min, of), least),
        (voice.say("Mean"), number(sums.mean, of), ""),
        (voice.say("Median"), number(sums.median, of), ""),
        (voice.say("Max"), number(sums.max, of), most),
        (voice.say("Mean kinetic"), number(sums.kinetic, of) if sums.kinetic is not None else "", ""),
        (voice.say("Limits"), limits(series.low, series.high), ""),
        (voice.say("Outside"), outside if limited else "", ""),
        (voice.say("Complete"), share(sums.completeness), ""),
    )
    return Row(device.device, device.label, title, cells, alarmed)


def _remarks(data: ReportData, series: Series) -> Iterator[str]:
    voice = data.voice
    if series.outside:
        yield voice.say("outside limits {length}", length=voice.duration(total(series.outside)))
    if series.gaps:
        length = voice.duration(total(series.gaps))
        yield voice.say("{gaps}, {length}", gaps=voice.gaps(len(series.gaps)), length=length)
    if series.bad_count:
        yield voice.say("{count} doubtful", count=count(series.bad_count))
    if series.missing_count:
        yield voice.say("{count} without a value", count=count(series.missing_count))


def _alt(data: ReportData, label: str, series: Series) -> str:
    voice, sums, of = data.voice, series.statistics, series.metric
    if sums.good == 0:
        return voice.say("{metric} of {device}: no usable readings.", metric=voice.label(of), device=label)
    remarks = "".join(f"; {remark}" for remark in _remarks(data, series))
    if any(alarm.device == series.device and alarm.metric == of.name for alarm in data.alarms):
        remarks += voice.say("; with an alarm")
    return voice.say(
        "{metric} of {device}: {low} to {high}, median {median}{remarks}.",
        metric=voice.label(of),
        device=label,
        low=number(sums.min, of),
        high=quantity(sums.max, of),
        median=quantity(sums.median, of),
        remarks=remarks,
    )


def _reported(data: ReportData) -> str:
    voice = data.voice
    heard = sum(any(series.statistics.count for series in device.series) for device in data.devices)
    return voice.say(
        "{heard} of {devices} reported, {readings}. {alarms}.",
        heard=count(heard),
        devices=voice.devices(len(data.devices)),
        readings=voice.readings(data.rows),
        alarms=voice.alarms(len(data.alarms)) if data.alarms else voice.say("No alarms"),
    )


def alarm_text(data: ReportData, alarm: Alarm) -> str:
    """What it is about: `too warm, above 8 °C`."""
    if alarm.limit is None or alarm.kind not in LIMITED:
        return data.voice.wrong(alarm.kind, metric_of(data, alarm))
    bound = beyond(data, alarm).strip()
    return data.voice.too(metric_of(data, alarm), alarm.above) + (f", {bound}" if bound else "")


def _alarm(data: ReportData, alarm: Alarm) -> AlarmRow:
    voice, during, device = data.voice, alarm.span(data.window), data.device(alarm.device)
    start = voice.clock(alarm.started)
    if alarm.cleared is None:
        when = voice.say("{when}, still open", when=start)
    elif alarm.started < data.window.start:
        when = voice.say("{start} until {end}", start=start, end=voice.clock(alarm.cleared))
    else:
        when = voice.span(during)
    history = voice.say("from history, nobody was notified") if alarm.historical else ""
    return AlarmRow(
        severity=voice.severity(alarm.severity),
        where=device.label if device else alarm.device,
        zone=zone_name(device.zone) if device else "",
        what=alarm_text(data, alarm),
        when=when,
        lasted=voice.duration(during.length),
        worst=quantity(alarm.value, metric_of(data, alarm)),
        note=" · ".join(filter(None, [alarm.message, _cost(data, alarm), history])),
        seen=_seen(data, alarm),
    )


def _cost(data: ReportData, alarm: Alarm) -> str:
    """What the excursion cost: the area beyond the limit; nothing where the rule has no limit of the value."""
    device, bounds = data.device(alarm.device), Limits(alarm.low, alarm.high)
    series = next((one for one in device.series if one.metric.name == alarm.metric), None) if device else None
    if series is None or not bounds:
        return ""
    start, end = (micros(edge) for edge in (alarm.span(data.window).start, alarm.span(data.window).end))
    during = series.usable & (series.times >= start) & (series.times < end)
    cost = excursion(series.times[during], series.values[during], bounds, GAP * series.cadence)
    area = f"{cost.area:.3g} {series.metric.unit}·h".replace(" ·", " ")
    return data.voice.say("{area} beyond the limit", area=area) if cost.area else ""


def _seen(data: ReportData, alarm: Alarm) -> str:
    if alarm.acknowledged and alarm.acknowledged_at:
        seen = f"{alarm.acknowledged}, {data.voice.clock(alarm.acknowledged_at)}"
        if alarm.waited is None:
            return seen
        return data.voice.say(
            "{seen}, after {length}", seen=seen, length=data.voice.duration(timedelta(seconds=alarm.waited))
        )
    return acknowledged(data, alarm)


def _ledger(data: ReportData) -> tuple[tuple[str, str], ...]:
    if data.ledger is None:
        return ()
    words = {name: data.voice.say(name) for name in ("read", "stored", "duplicate", "rejected")}
    return tuple((word, count(getattr(data.ledger, name))) for name, word in words.items())


def _quality(data: ReportData) -> Iterator[tuple[str, tuple[str, ...]]]:
    voice, found = data.voice, data.quality
    say, long = voice.say, voice.duration
    arrivals = found.arrivals
    limit = long(timedelta(seconds=found.late_after))
    late = (say("not known"),)
    latency = (say("not known"),)
    if arrivals:
        late = (
            (
                say(
                    "{readings} came more than {limit} late, the latest after {worst}",
                    readings=voice.readings(arrivals.late),
                    limit=limit,
                    worst=long(timedelta(seconds=arrivals.longest)),
                ),
            )
            if arrivals.late
            else (say("none came more than {limit} late", limit=limit),)
        )
        kept = say("kept") if arrivals.most <= found.promise else say("not kept")
        text = "half came within {half}, 95 of 100 within {most}; promised are {promise}"
        times = {"half": arrivals.half, "most": arrivals.most, "promise": found.promise}
        said = {
            name: _short(voice.say("{number} s", number=f"{seconds:.2g}"), seconds, long)
            for name, seconds in times.items()
        }
        latency = (f"{say(text, **said)}: {kept}",)
    yield say("Latency"), latency
    yield say("Late"), late
    silent = [device for device in data.devices if device.silent]
    silent.sort(key=lambda device: -total(device.silent))
    yield (
        say("Silent"),
        tuple(f"{device.label}: {long(total(device.silent))}" for device in silent[:8])
        + ((say("and {devices} more", devices=voice.devices(len(silent) - 8)),) if len(silent) > 8 else ())
        or (say("all devices were heard all the time"),),
    )
    labels = {series.metric.name: voice.label(series.metric) for series in data.series}
    yield (
        say("Quality tests"),
        tuple(
            f"{labels.get(each.metric, each.metric)}: {voice.reason(each.reason)} "
            f"({voice.readings(each.count)}, {voice.devices(each.devices)})"
            for each in found.reasons[:12]
        )
        or (say("every reading passed"),),
    )
    yield (
        say("Calibrations in force"),
        tuple(
            say(
                "{metric} of {device} since {when}: {formula}",
                metric=labels.get(each.metric, each.metric),
                device=_label(data, each.device),
                when=each.since.date().isoformat(),
                formula=each.formula,
            )
            for each in found.calibrations[:40]
        )
        or (say("none, values are as the sensors said them"),),
    )


def _short(exact: str, seconds: float, long: object) -> str:
    """Of a few seconds also the tenth."""
    assert callable(long)
    return exact if seconds < 10 else str(long(timedelta(seconds=seconds)))


def _label(data: ReportData, name: str) -> str:
    device = data.device(name)
    return device.label if device else name


def _facts(data: ReportData, revision: int) -> Iterator[tuple[str, str]]:
    say, window = data.voice.say, data.window
    yield say("Revision"), str(revision)
    start, end = (f"{moment:%Y-%m-%d %H:%M}" for moment in (window.start, window.end))
    yield say("Window"), say("{start} to {end} UTC, the end not included", start=start, end=end)
    yield say("Time zone"), data.timezone
    yield say("Record"), _record(data)
    yield say("Fingerprint"), data.fingerprint[:16]
    yield say("Versions"), ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)


def _record(data: ReportData) -> str:
    say, ledger = data.voice.say, data.ledger
    if ledger is None:
        return say("not settled")
    if not ledger.batches:
        return say("no batches")
    return say(
        "{batches}, the last is {last}", batches=data.voice.batches(len(ledger.batches)), last=ledger.batches[-1]
    )
