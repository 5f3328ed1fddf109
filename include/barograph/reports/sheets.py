"""A report for other programs: its readings and figures as CSV, its whole content as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from barograph.readings import FLAGS
from barograph.reports.changes import Since
from barograph.reports.data import LAYOUT, ReportData, Series, total
from barograph.reports.findings import Finding, Findings
from barograph.reports.gallery import chart_name
from barograph.windows import iso
from barograph.writing import safe

READINGS = ("device", "metric", "time_utc", "time_local", "value", "unit", "flag")
SUMMARY = (
    "zone", "device", "label", "metric", "unit", "count", "good", "expected", "completeness",
    "min", "min_at", "mean", "median", "max", "max_at", "kinetic", "low", "high", "outside_seconds", "gaps",
    "gap_seconds",
)  # fmt: skip


def readings_csv(data: ReportData) -> bytes:
    """One row for each reading, by device, metric and time."""
    page = io.BytesIO()
    schema = pa.schema([(name, pa.float64() if name == "value" else pa.string()) for name in READINGS])
    with arrow_csv.CSVWriter(page, schema, write_options=arrow_csv.WriteOptions(quoting_style="needed")) as writer:
        for series in data.series:
            if len(series.times):
                writer.write_table(_rows(series, data.timezone, schema))
    return page.getvalue()


def _rows(series: Series, timezone: str, schema: pa.Schema) -> pa.Table:
    times = pa.array(series.times).cast(pa.timestamp("us", "UTC"))
    size = len(times)
    names = pa.array([FLAGS.get(flag, str(flag)) for flag in range(128)])
    columns = {
        "device": pa.repeat(safe(series.device), size),
        "metric": pa.repeat(safe(series.metric.name), size),
        "time_utc": pc.strftime(times, format="%Y-%m-%dT%H:%M:%SZ"),
        "time_local": pc.strftime(times.cast(pa.timestamp("us", timezone)), format="%Y-%m-%dT%H:%M:%S%Ez"),
        "value": pa.array(series.values, mask=np.isnan(series.values)),
        "unit": pa.repeat(safe(series.metric.unit), size),
        "flag": names.take(pa.array(series.flags)),
    }
    return pa.table(columns, schema=schema)


def summary_csv(data: ReportData) -> bytes:
    """One row for each metric of each device."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(SUMMARY)
    for row in summaries(data):
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in map(row.get, SUMMARY)])
    return page.getvalue().encode()


def summaries(data: ReportData) -> Iterator[dict[str, Any]]:
    for device in data.devices:
        for series in device.series:
            yield {
                "zone": device.zone,
                "device": device.device,
                "label": device.label,
                "metric": series.metric.name,
                "unit": series.metric.unit,
                **{name: _plain(fact) for name, fact in asdict(series.statistics).items()},
                "low": series.low,
                "high": series.high,
                "outside_seconds": total(series.outside).total_seconds(),
                "gaps": len(series.gaps),
                "gap_seconds": total(series.gaps).total_seconds(),
                "chart": chart_name(series) if data.rows else None,
                "hours": _hours(data, series),
                "days": [{name: _plain(fact) for name, fact in asdict(day).items()} for day in series.days],
            }


def _hours(data: ReportData, series: Series) -> list[list[float | None]]:
    """The mean of each local hour, a row for each day of the report; None where nothing was measured."""
    own = series.hours[-len(data.period) :].tolist()
    return [[None if cell != cell else cell for cell in row] for row in own]


def inputs(data: ReportData) -> dict[str, Any]:
    """What the report was made from, in short."""
    return {
        "layout": LAYOUT,
        "rows": data.rows,
        "period": data.period.kind,
        "alarms": len(data.alarms),
        "batches": list(data.ledger.batches) if data.ledger else None,
    }


def alarms(data: ReportData) -> list[dict[str, Any]]:
    return [{name: _plain(fact) for name, fact in asdict(alarm).items()} for alarm in data.alarms]


def report_json(data: ReportData, findings: Findings, revision: int, since: Since, files: dict[str, str]) -> bytes:
    """`files` is name -> sha256 of all others, so that this one file vouches for the folder."""
    content = {
        "site": data.site,
        "name": data.name,
        "day": data.day.isoformat(),
        "until": data.period.last.isoformat(),
        "period": data.period.kind,
        "scope": {"zone": data.scope.zone, "device": data.scope.device},
        "language": data.language,
        "timezone": data.timezone,
        "revision": revision,
        "fingerprint": data.fingerprint,
        "window": {"start": iso(data.window.start), "end": iso(data.window.end)},
        "verdict": findings.verdict,
        "headline": findings.headline,
        "wrong": [_finding(finding) for finding in findings.wrong],
        "notes": [_finding(finding) for finding in findings.notes],
        "ledger": {name: getattr(data.ledger, name) for name in ("read", "stored", "duplicate", "rejected")}
        if data.ledger
        else None,
        "alarms": alarms(data),
        "series": list(summaries(data)),
        "quality": {name: _plain(fact) for name, fact in asdict(data.quality).items()},
        "rules": [asdict(rule) for rule in data.rules],
        "unsettled": [day.isoformat() for day in data.unsettled],
        "since": since.kept(),
        "inputs": inputs(data),
        "files": files,
    }
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finding(finding: Finding) -> dict[str, str]:
    return {"kind": finding.kind, "text": str(finding), "note": finding.note, "seen": finding.seen}


def _plain(fact: Any) -> Any:
    """A fact as JSON has it."""
    if isinstance(fact, datetime):
        return iso(fact)
    if isinstance(fact, date):
        return fact.isoformat()
    if isinstance(fact, dict):
        return {name: _plain(inner) for name, inner in fact.items()}
    return [_plain(inner) for inner in fact] if isinstance(fact, list | tuple) else fact
