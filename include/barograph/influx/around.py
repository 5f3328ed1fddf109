"""Readings of one point as InfluxDB shows them, for a chart on a page. Reports and rules read the archive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from barograph.influx.clients import ask
from barograph.settings import Settings
from barograph.windows import EPOCH, Window

TIME = pa.timestamp("us", tz="UTC")
TIMEOUT = 5.0
"""Seconds: somebody is waiting."""

QUERY = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r._measurement == of_metric and r.device == of_device)
  |> filter(fn: (r) => r._field == "value" or r._field == "flag")
  |> toFloat()
  |> group(columns: ["_field"])
  |> sort(columns: ["_time"])
  |> keep(columns: ["_time", "_field", "_value"])
"""


HEARD = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r._field == "flag" and ({which}))
  |> group(columns: ["device"])
  |> aggregateWindow(every: of_step, offset: of_offset, fn: count, createEmpty: false, timeSrc: "_start")
  |> keep(columns: ["_time", "device"])
"""


class Readings(NamedTuple):
    times: NDArray[np.int64]
    """UTC, microseconds since 1970, in order."""
    values: NDArray[np.float64]
    """NaN where a reading had no value."""
    flags: NDArray[np.int64]


def readings(settings: Settings, device: str, metric: str, window: Window) -> Readings:
    """Of a stretch of time `[start, end)`. Raises ServiceUnavailable."""
    params: dict[str, str | datetime] = {
        "in_bucket": settings.influx.readings, "from_time": window.start, "to_time": window.end, "of_metric": metric,
        "of_device": device,
    }  # fmt: skip
    return parsed(ask(settings, QUERY, params, TIMEOUT))


def heard(
    settings: Settings, devices: Sequence[str], metric: str | None, window: Window, step: timedelta
) -> dict[str, list[int]]:
    """Of each device the beginnings, in microseconds and in order, of the steps in which something of it came.

    Of one metric or, with None, of any. Raises ServiceUnavailable.
    """
    names = {f"device_{place}": device for place, device in enumerate(devices)}
    which = " or ".join(f"r.device == {name}" for name in names)
    params: dict[str, Any] = {
        "in_bucket": settings.influx.readings, "from_time": window.start, "to_time": window.end, "of_step": step,
        "of_offset": (window.start - EPOCH) % step, **names,
    }  # fmt: skip
    if metric is not None:
        which, params = f"({which}) and r._measurement == of_metric", {**params, "of_metric": metric}
    rows = _rows(ask(settings, HEARD.format(which=which), params, TIMEOUT), {"_time": TIME, "device": pa.string()})
    found: dict[str, list[int]] = defaultdict(list)
    for device, at in zip(rows["device"].to_pylist(), rows["_time"].cast(pa.int64()).to_pylist(), strict=True):
        found[device].append(at)
    return {device: sorted(times) for device, times in found.items()}


def parsed(answer: bytes) -> Readings:
    """Of CSV as InfluxDB writes it."""
    return _joined(_rows(answer, {"_time": TIME, "_value": pa.float64(), "_field": pa.string()}))


def _rows(answer: bytes, types: Mapping[str, pa.DataType]) -> pa.Table:
    """All tables of the answer; the header stands before each."""
    lines = [line for line in answer.split(b"\r\n") if line] or [",".join(["", *types]).encode()]
    rows = [lines[0], *(line for line in lines if line != lines[0]), b""]
    options = csv.ConvertOptions(column_types=types, include_columns=list(types))
    return csv.read_csv(BytesIO(b"\n".join(rows)), convert_options=options)


def _joined(rows: pa.Table) -> Readings:
    """Every reading has a flag; a value only if it was measured well enough to have one."""
    flags, values = (rows.filter(pc.equal(rows["_field"], field)) for field in ("flag", "value"))
    times = flags["_time"].cast(pa.int64()).to_numpy()
    found = np.full(len(times), np.nan)
    places = np.searchsorted(times, values["_time"].cast(pa.int64()).to_numpy())
    found[places] = values["_value"].to_numpy()
    return Readings(times, found, flags["_value"].to_numpy().astype(np.int64))
