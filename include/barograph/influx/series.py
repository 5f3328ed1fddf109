"""What the pages draw: the newest reading of every series, its last hours, and one series in as many steps as pixels.

Questions go by the token that can only read. Whatever varies is a parameter, never part of the question's text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from barograph.influx.clients import ask
from barograph.influx.view import tables
from barograph.readings import FAIL, SUSPECT
from barograph.settings import Settings
from barograph.windows import TICK, Window, microseconds

Key = tuple[str, str]
"""Device, metric."""

NEWEST = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r._field == "value" or r._field == "flag")
  |> last()
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "device", "zone", "site"])
"""

MEANS = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r._field == "value")
  |> aggregateWindow(every: step, fn: mean, createEmpty: false, timeSrc: "_start")
  |> keep(columns: ["_time", "_value", "_measurement", "device"])
"""

READINGS = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r.device == of_device and r.site == at_site and r._measurement == of_metric)
  |> filter(fn: (r) => r._field == "value" or r._field == "flag")
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "device"])
"""

STEPPED = """
said = (field) => from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r.device == of_device and r.site == at_site and r._measurement == of_metric)
  |> filter(fn: (r) => r._field == field)
stepped = (fn, tables=<-) => tables |> aggregateWindow(every: step, fn: fn, createEmpty: false, timeSrc: "_start")
"""
"""InfluxDB sums up while it reads only where each sum asks for its own rows, and asks nothing else of them before."""

BANDS = f"""{STEPPED}
doubtful = (tables=<-) => tables |> filter(fn: (r) => r._value == suspect or r._value == fail)
union(tables: [
  said(field: "value") |> stepped(fn: min) |> set(key: "_field", value: "min"),
  said(field: "value") |> stepped(fn: mean) |> set(key: "_field", value: "mean"),
  said(field: "value") |> stepped(fn: max) |> set(key: "_field", value: "max"),
  said(field: "flag") |> doubtful() |> stepped(fn: max) |> toFloat(),
])
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "device"])
"""

JOINED_WINDOWS = f"""{STEPPED}
union(tables: [
  said(field: "min") |> stepped(fn: min),
  said(field: of_line) |> stepped(fn: mean),
  said(field: "max") |> stepped(fn: max),
])
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "device"])
"""

SUMMARIES = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r.device == of_device and r.site == at_site and r._measurement == of_metric)
  |> filter(fn: (r) => r._field == "min" or r._field == of_line or r._field == "max")
"""

WINDOWS = f"""{SUMMARIES}
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "device"])
"""

ROLLUPS = f"""{SUMMARIES}
  |> filter(fn: (r) => r.period == of_period)
  |> keep(columns: ["_time", "_value", "_field", "_measurement", "device"])
"""

DOUBTED = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r.device == of_device and r.site == at_site and r._field == "reasons" and r._value != "")
  |> group()
  |> sort(columns: ["_time"], desc: true)
  |> limit(n: most)
  |> keep(columns: ["_time", "_value", "_measurement"])
"""

LAST_WINDOW = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r.device == of_device and r.site == at_site)
  |> last()
  |> keep(columns: ["_time", "_value", "_field", "_measurement"])
"""


MERGED = {"min": min, "max": max, "flag": max}
"""A device that moved to another zone has two series, and a step in which both spoke."""


@dataclass(frozen=True)
class Newest:
    """The last that a series said; `value` is None where that was measured badly."""

    device: str
    metric: str
    site: str
    zone: str
    time: datetime
    value: float | None
    flag: int


def newest(settings: Settings, window: Window) -> dict[Key, Newest]:
    """The last reading of every series that has one in the window. Raises ServiceUnavailable."""
    rows = _ask(settings, settings.influx.readings, NEWEST, window)
    said: dict[tuple[str, ...], dict[str, tuple[datetime, float]]] = {}
    for row in _rows(rows):
        series = (row["device"], row["metric"], row["site"], row["zone"])
        said.setdefault(series, {})[row["_field"]] = (row["time"], row["value"])
    found: dict[Key, Newest] = {}
    for (device, metric, site, zone), fields in said.items():
        time, flag = fields.get("flag") or (fields["value"][0], 1.0)
        at, value = fields.get("value") or (None, None)
        before = found.get((device, metric))
        # A device that moved to another zone has two series.
        if before is None or before.time < time:
            found[device, metric] = Newest(device, metric, site, zone, time, value if at == time else None, int(flag))
    return found


def means(settings: Settings, window: Window, step: timedelta) -> dict[Key, NDArray[np.float64]]:
    """The mean of each step of the window, which begins with one; NaN where nothing was. Raises ServiceUnavailable."""
    size = -(-window.length // step)
    found: dict[Key, NDArray[np.float64]] = {}
    for table in _ask(settings, settings.influx.readings, MEANS, window, step=step):
        micros = table["time"].cast(pa.int64()).to_numpy()
        places = (micros - microseconds(window.start)) // (step // TICK)
        # Rows lie series by series: each is a run.
        names = [table[name].combine_chunks().dictionary_encode() for name in ("device", "metric")]
        codes = [name.indices.to_numpy() for name in names]
        values = table["value"].to_numpy()
        starts = np.flatnonzero(np.r_[True, (np.diff(codes[0]) != 0) | (np.diff(codes[1]) != 0)])
        for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
            key = (names[0].dictionary[codes[0][start]].as_py(), names[1].dictionary[codes[1][start]].as_py())
            course = found.setdefault(key, np.full(size, np.nan))
            course[places[start:end]] = values[start:end]
    return found


@dataclass(frozen=True)
class Course:
    """One series over time. Where several readings share a step, `low` and `high` are their least and most."""

    times: NDArray[np.float64]
    """Seconds since 1970."""
    low: NDArray[np.float64]
    mean: NDArray[np.float64]
    """Of windows it may be the median."""
    high: NDArray[np.float64]
    flags: NDArray[np.int8]
    """Of each reading; of a step of readings the worst that doubts one of them, or 0; of windows there are none."""
    step: timedelta
    """Zero where each reading is there itself."""
    regular: bool = False
    """Every step that had readings is there: one that is not is a gap."""


def course(settings: Settings, site: str, device: str, metric: str, window: Window, step: timedelta) -> Course:
    """A series in steps, or reading by reading where `step` is zero. Raises ServiceUnavailable."""
    of: dict[str, Any] = {"at_site": site, "of_device": device, "of_metric": metric}
    if step:
        answer = _ask(settings, settings.influx.readings, BANDS, window, step=step, suspect=SUSPECT, fail=FAIL, **of)
    else:
        answer = _ask(settings, settings.influx.readings, READINGS, window, **of)
    if step:
        times, columns = _columns(answer, "mean", {"min": np.nan, "mean": np.nan, "max": np.nan, "flag": 0.0})
        flags = columns["flag"].astype(np.int8)
        return Course(times, columns["min"], columns["mean"], columns["max"], flags, step)
    times, columns = _columns(answer, "flag", {"value": np.nan, "flag": 1.0})
    values = columns["value"]
    return Course(times, values, values, values, columns["flag"].astype(np.int8), step)


def windows(
    settings: Settings, site: str, device: str, metric: str, window: Window, size: timedelta, slide: timedelta,
    joined: timedelta, line: str,
) -> Course:  # fmt: skip
    """A series' sliding windows of a `size`; `line`, mean or median, is what stands as their mean.

    Those that end within `joined` are one: the least, the mean of theirs, the most. Each stands in the middle of its
    time. Raises ServiceUnavailable.
    """
    of: dict[str, Any] = {"at_site": site, "of_device": device, "of_metric": metric, "of_line": line}
    until = Window(window.start, window.end + slide)
    if joined:
        answer = _ask(settings, settings.influx.windows, JOINED_WINDOWS, until, step=joined, **of)
        return _summaries(answer, line, joined, -size / 2)
    answer = _ask(settings, settings.influx.windows, WINDOWS, until, **of)
    return _summaries(answer, line, slide, -(size + slide) / 2)


def rollups(
    settings: Settings, site: str, device: str, metric: str, window: Window, period: str, step: timedelta, line: str
) -> Course:
    """A series' hours or days of the settled past. Raises ServiceUnavailable."""
    of: dict[str, Any] = {"at_site": site, "of_device": device, "of_metric": metric, "of_line": line}
    answer = _ask(settings, settings.influx.rollups, ROLLUPS, window, of_period=period, **of)
    return _summaries(answer, line, step)


def _summaries(answer: Iterable[pa.Table], line: str, step: timedelta, shift: timedelta = timedelta(0)) -> Course:
    times, columns = _columns(answer, line, {"min": np.nan, line: np.nan, "max": np.nan})
    none = np.zeros(0, np.int8)
    return Course(
        times + shift.total_seconds(), columns["min"], columns[line], columns["max"], none, step, regular=True
    )


def _columns(
    answer: Iterable[pa.Table], leading: str, wanted: Mapping[str, float]
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Seconds at which the leading field is, and the wanted fields there; each with what stands where it is not."""
    fields: dict[str, dict[int, float]] = {name: {} for name in wanted}
    for table in answer:
        micros = table["time"].cast(pa.int64()).to_pylist()
        for field, time, value in zip(table["_field"].to_pylist(), micros, table["value"].to_pylist(), strict=True):
            known = fields[field]
            known[time] = MERGED[field](known[time], value) if field in MERGED and time in known else value
    times = sorted(fields[leading])
    columns = {
        name: np.array([fields[name].get(time, other) for time in times], dtype=np.float64)
        for name, other in wanted.items()
    }
    return np.array(times, dtype=np.float64) / 1e6, columns


def doubted(settings: Settings, site: str, device: str, window: Window, most: int) -> list[tuple[datetime, str, str]]:
    """(time, metric, reasons) of a device's readings that a test of quality doubts, newest first."""
    answer = _ask(
        settings, settings.influx.readings, DOUBTED, window, text=True, at_site=site, of_device=device, most=most
    )
    return [(row["time"], row["metric"], row["value"]) for row in _rows(answer)]


def last_windows(settings: Settings, site: str, device: str, window: Window) -> dict[str, dict[str, Any]]:
    """The latest sliding window of each metric of a device: `time`, its end, and its statistics."""
    answer = _ask(settings, settings.influx.windows, LAST_WINDOW, window, at_site=site, of_device=device)
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(_rows(answer), key=lambda row: row["time"]):
        found.setdefault(row["metric"], {}).update({row["_field"]: row["value"], "time": row["time"]})
    return found


def _ask(
    settings: Settings, bucket: str, question: str, window: Window, text: bool = False, **params: Any
) -> list[pa.Table]:
    bound: Mapping[str, Any] = {"in_bucket": bucket, "from_time": window.start, "to_time": window.end, **params}
    return tables(ask(settings, question, bound), text)


def _rows(answer: Iterable[pa.Table]) -> Iterable[dict[str, Any]]:
    for table in answer:
        yield from table.to_pylist()
