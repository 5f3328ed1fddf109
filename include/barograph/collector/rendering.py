"""The inverse of decoding: what a board of a declared format would say. For the simulator and for tests."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from barograph.collector.formats import Column, DelimitedFormat, Format, JsonFormat, Unit
from barograph.readings import Value
from barograph.windows import EPOCH, iso


def rendered(declared: Format, device: str, values: dict[str, Value], at: datetime) -> bytes:
    """One line with its end. Decoding it gives the same device and values, and `at` where the format has a time."""
    if isinstance(declared, JsonFormat):
        line = _json(declared, device, values, at)
    else:
        line = _row(declared, device, values, at)
    return line.encode() + b"\r\n"


def _json(declared: JsonFormat, device: str, values: dict[str, Value], at: datetime) -> str:
    theirs = {ours: theirs for theirs, ours in declared.rename.items()}
    content: dict[str, Any] = {}
    if declared.device:
        _put(content, declared.device[0].split("."), device)
    if declared.time:
        told = _time(declared.time.unit, at)
        _put(content, declared.time.field.split("."), told if declared.time.unit == "iso" else float(told))
    for name, value in values.items():
        _put(content, [*declared.prefix, theirs.get(name, name)], value)
    return json.dumps(content, separators=(",", ":"))


def _row(declared: DelimitedFormat, device: str, values: dict[str, Value], at: datetime) -> str:
    return declared.separator.join(_cell(declared, column, device, values, at) for column in declared.columns)


def _cell(declared: DelimitedFormat, column: Column, device: str, values: dict[str, Value], at: datetime) -> str:
    if column.is_ == "device":
        return device
    if column.is_ == "time":
        return _time(column.unit, at)
    value = values.get(column.metric) if column.metric else None
    if value is None:
        return declared.nulls[-1] if declared.nulls else ""
    number = Decimal(str(float(value))) / Decimal(str(column.scale))
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(".", declared.decimal)


def _time(unit: Unit, at: datetime) -> str:
    since = (at - EPOCH).total_seconds()
    return {"iso": iso(at), "seconds": f"{since:.6f}", "milliseconds": f"{since * 1000:.3f}"}[unit]


def _put(content: dict[str, Any], path: list[str], told: object) -> None:
    for step in path[:-1]:
        content = content.setdefault(step, {})
    content[path[-1]] = told
