"""Write a report's page: what the template shows, in words. No script, nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from barograph.metrics import metric
from barograph.reports.data import Alarm, DeviceDay, Ledger, ReportData, Series, total
from barograph.reports.findings import Findings
from barograph.reports.words import (
    EN_DASH,
    MINUS,
    NARROW,
    clock,
    count,
    duration,
    limit,
    long_date,
    number,
    plural,
    quantity,
    share,
    span,
    too,
    zone_name,
)

TEMPLATES = Path(__file__).parent / "templates"

DOWNLOADS = (
    ("readings.csv", "every reading"),
    ("summary.csv", "figures by device"),
    ("report.json", "for programs"),
)

SHOWN = 8
"""Most findings of a kind on the first screen."""

MARKS = {"fine": "✓", "events": "!", "incomplete": "…", "empty": "∅"}


@dataclass(frozen=True)
class Figures:
    """A chart and the line of figures under it."""

    chart: str
    alt: str
    metric: str
    figures: tuple[tuple[str, str], ...]
    remarks: str


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


def page(data: ReportData, findings: Findings, revision: int) -> bytes:
    zones = [
        (
            zone_name(zone),
            [(device, [_figures(data, device, series) for series in device.series]) for device in devices],
        )
        for zone, devices in data.zones.items()
    ]
    text = (
        _environment()
        .get_template("report.html")
        .render(
            data=data,
            date=long_date(data.day),
            findings=findings,
            mark=MARKS[findings.verdict],
            reported=_reported(data),
            zones=zones,
            alarms=[_alarm(data, alarm) for alarm in data.alarms],
            alarmed={alarm.device for alarm in data.alarms},
            overview_alt=_overview_alt(data, findings),
            ledger=_ledger(data.ledger),
            record=_record(data.ledger),
            downloads=DOWNLOADS,
            revision=revision,
            shown=SHOWN,
        )
    )
    return text.encode()


def chart_name(series: Series) -> str:
    """A file name that any device may have: what is readable of its name, and a digest that keeps names apart."""
    digest = hashlib.sha256(f"{series.device}\0{series.metric.name}".encode()).hexdigest()[:8]
    return f"charts/{_slug(series.device)}-{_slug(series.metric.name)}-{digest}"


def _figures(data: ReportData, device: DeviceDay, series: Series) -> Figures:
    statistics, of = series.statistics, series.metric
    figures = [
        (name, number(value, of))
        for name, value in (
            ("min", statistics.min),
            ("mean", statistics.mean),
            ("median", statistics.median),
            ("max", statistics.max),
        )
    ]
    figures += [("unit", of.unit or EN_DASH), ("limits", _limits(series)), ("complete", share(statistics.completeness))]
    return Figures(
        chart=chart_name(series),
        alt=_alt(data, device, series),
        metric=of.label,
        figures=tuple(figures),
        remarks=" · ".join(_remarks(series)),
    )


def _limits(series: Series) -> str:
    def bare(value: float) -> str:
        return f"{value:g}".replace("-", MINUS)

    low, high = series.low, series.high
    if low is not None and high is not None:
        return f"{bare(low)} to {bare(high)}"
    if high is not None:
        return f"≤{NARROW}{bare(high)}"
    return f"≥{NARROW}{bare(low)}" if low is not None else "none"


def _remarks(series: Series) -> Iterator[str]:
    if series.outside:
        yield f"outside limits {duration(total(series.outside))}"
    if series.gaps:
        yield f"{plural(len(series.gaps), 'gap')}, {duration(total(series.gaps))}"
    if bad := int(series.bad.sum()):
        yield f"{count(bad)} doubtful"
    if missing := int(series.missing.sum()):
        yield f"{count(missing)} without a value"


def _alt(data: ReportData, device: DeviceDay, series: Series) -> str:
    statistics, of = series.statistics, series.metric
    if statistics.good == 0:
        return f"{of.label} of {device.label}: no usable readings."
    remarks = ", ".join(_remarks(series))
    alarmed = any(alarm.device == series.device and alarm.metric == of.name for alarm in data.alarms)
    return (
        f"{of.label} of {device.label} over the day: {number(statistics.min, of)} to {quantity(statistics.max, of)}, "
        f"median {quantity(statistics.median, of)}{f'; {remarks}' if remarks else ''}"
        f"{'; with an alarm' if alarmed else ''}."
    )


def _overview_alt(data: ReportData, findings: Findings) -> str:
    return f"The day of {plural(len(data.devices), 'device')}, a lane each. {findings.headline}."


def _reported(data: ReportData) -> str:
    heard = sum(any(len(series.times) for series in device.series) for device in data.devices)
    alarms = f"{plural(len(data.alarms), 'alarm')}" if data.alarms else "No alarms"
    return f"{heard} of {plural(len(data.devices), 'device')} reported, {plural(data.rows, 'reading')}. {alarms}."


def _alarm(data: ReportData, alarm: Alarm) -> AlarmRow:
    of, during, device = metric(alarm.metric), alarm.span(data.window), data.device(alarm.device)
    start = clock(alarm.started, data.day, data.timezone)
    when = span(during, data.day, data.timezone) if alarm.started >= data.window.start else f"since {start}"
    if alarm.cleared is None:
        when = f"{start}, still open"
    elif alarm.started < data.window.start:
        when = f"{start} until {clock(alarm.cleared, data.day, data.timezone)}"
    return AlarmRow(
        severity=alarm.severity,
        where=device.label if device else alarm.device,
        zone=zone_name(device.zone) if device else "",
        what=f"{too(of, alarm.above)}, {'above' if alarm.above else 'below'} {limit(alarm.limit, of)}",
        when=when,
        lasted=duration(during.length),
        worst=quantity(alarm.value, of),
        note=" · ".join(filter(None, [alarm.message, "from history, nobody was notified" * alarm.historical])),
    )


def _ledger(ledger: Ledger | None) -> tuple[tuple[str, str], ...]:
    if ledger is None:
        return ()
    names = ("read", "stored", "duplicate", "rejected")
    return tuple((name, count(getattr(ledger, name))) for name in names)


def _record(ledger: Ledger | None) -> str:
    if ledger is None:
        return "not settled"
    if not ledger.batches:
        return "no batches"
    return f"{plural(len(ledger.batches), 'batch').replace('batchs', 'batches')}, the last is {ledger.batches[-1]}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "x"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A line must not end between the two times of a span.
    environment.filters["unbroken"] = lambda text: text.replace(EN_DASH, f"\N{WORD JOINER}{EN_DASH}\N{WORD JOINER}")
    return environment
