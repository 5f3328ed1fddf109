"""A line and its declared format to frames. Pure: what is wrong is returned or raised, never guessed.

One bad value costs itself, not its neighbours; a line that is no frame at all raises FrameError.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from barograph.collector.formats import Column, DelimitedFormat, Format, JsonFormat, Unit
from barograph.errors import FrameError
from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, Value
from barograph.windows import EPOCH, utc

VERSION = "1"
"""Goes with every reject, so that an old one can be decoded again by a newer decoder."""

METRIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:\-]{0,99}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
LONGEST_NAME = 100
EXACT = 2**53
"""Integers beyond this are not exact in a float64, which is what the record keeps."""


@dataclass(frozen=True)
class Bad:
    """A part of a line that was refused while the rest went on: one value, or one frame of several (no metric)."""

    reason: str
    device: str | None = None
    metric: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Decoded:
    frames: list[Frame] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


def decode(line: bytes, declared: Format, device: str | None = None) -> Decoded:
    """Read one line. `device` is whose it is when the line does not say. Raises FrameError.

    A frame's `time` is None where the line has none. The raw text goes with the first frame.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FrameError("not_utf8", f"byte {error.start} is {line[error.start]:#04x}") from error
    if isinstance(declared, DelimitedFormat):
        return _delimited(text, declared, device)
    return _json(text, declared, device)


def _json(text: str, declared: JsonFormat, device: str | None) -> Decoded:
    """Read a JSON object, or an array of them.

    {"device_id":"5e:44:3b","ts":1594598735.77,"data":{"temp":27.0,"light":true,"smoke":null}}
                  `- device       `- time                     `- values: data.*
    """
    try:
        content = json.loads(text, parse_int=_integer, parse_constant=float)
    except (ValueError, RecursionError) as error:
        raise FrameError("not_json", str(error)[:200]) from error
    if isinstance(content, dict):
        return _object(content, declared, device, text)
    if not isinstance(content, list) or not content:
        raise FrameError("not_json", "neither an object nor an array of them")
    if len(content) > MAX_FRAMES_PER_MESSAGE:
        raise FrameError("too_long", f"an array of {len(content)} frames; {MAX_FRAMES_PER_MESSAGE} is the most")

    decoded = Decoded()
    for each in content:
        try:
            if not isinstance(each, dict):
                raise FrameError("not_json", "not an object")
            one = _object(each, declared, device, None if decoded.frames else text)
        except FrameError as error:
            decoded.bad.append(Bad(error.reason, detail=error.detail))
        else:
            decoded.frames.extend(one.frames)
            decoded.bad.extend(one.bad)
    return decoded


def _object(content: dict[str, Any], declared: JsonFormat, device: str | None, raw: str | None) -> Decoded:
    named = next((found for path in declared.device if (found := _at(content, path)) is not None), device)
    who = _device(named)
    moment = None
    if declared.time:
        told = _at(content, declared.time.field)
        moment = None if told is None or told in declared.nulls else _time(told, declared.time.unit)
    inner: Any = content
    for step in declared.prefix:
        inner = inner.get(step) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        raise FrameError("no_fields", f"there is nothing at {declared.values}")

    skipped = declared.reserved if not declared.prefix else frozenset[str]()
    values: dict[str, Value] = {}
    bad: list[Bad] = []
    for name, told in _leaves(inner):
        if name in skipped or name in declared.ignore:
            continue
        _keep(values, bad, who, declared.rename.get(name, name), told, declared)
    return _framed(who, values, bad, moment, raw)


def _delimited(text: str, declared: DelimitedFormat, device: str | None) -> Decoded:
    """Read columns by their place.

    freezer-ice;-18,4;0
    |           |     `- door
    |           `- temperature, decimal comma
    `- device
    """
    cells = [cell.strip() for cell in text.split(declared.separator)]
    if len(cells) != len(declared.columns):
        raise FrameError("no_fields", f"{len(cells)} columns where {len(declared.columns)} are declared")
    placed = list(zip(declared.columns, cells, strict=True))
    who = _device(next((cell for column, cell in placed if column.is_ == "device"), device))
    moment = None
    for column, cell in placed:
        if column.is_ == "time" and cell not in declared.nulls:
            moment = _time(cell, column.unit)

    values: dict[str, Value] = {}
    bad: list[Bad] = []
    for column, cell in placed:
        if column.metric:
            if declared.decimal == "," and cell not in declared.nulls:
                cell = cell.replace(".", "?").replace(",", ".")  # a dot is then no part of a number
            _keep(values, bad, who, column.metric, cell, declared, column)
    return _framed(who, values, bad, moment, text)


def _framed(
    who: str, values: dict[str, Value], bad: list[Bad], moment: datetime | None, raw: str | None
) -> Decoded:  # fmt: skip
    if not values and not bad:
        raise FrameError("no_values", f"from {who}")
    return Decoded([Frame(device=who, values=values, time=moment, raw=raw)] if values else [], bad)


def _keep(
    values: dict[str, Value],
    bad: list[Bad],
    who: str,
    metric: str,
    told: object,
    declared: Format,
    column: Column | None = None,
) -> None:
    try:
        if not METRIC.fullmatch(metric):
            raise FrameError("bad_metric", repr(metric[:LONGEST_NAME]))
        value = _value(told, declared.nulls)
        if column and column.scale != 1 and value is not None:
            value = _finite(float(Decimal(str(told)) * Decimal(str(column.scale))))
        values[metric] = value
    except FrameError as error:
        bad.append(Bad(error.reason, device=who, metric=metric[:LONGEST_NAME], detail=error.detail))


def _value(told: object, nulls: list[str]) -> Value:
    if told is None or isinstance(told, bool):
        return told
    if isinstance(told, str):
        if told in nulls:
            return None
        if NOT_FINITE.fullmatch(told):
            raise FrameError("not_finite", told)
        if not NUMBER.fullmatch(told):
            raise FrameError("not_a_number", repr(told[:LONGEST_NAME]))
        return _finite(float(told))
    if isinstance(told, int | float):
        return _finite(told)
    raise FrameError("not_a_number", f"a JSON {type(told).__name__}")


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise FrameError("not_finite", str(number))
    return number


def _integer(digits: str) -> float:
    """JSON integers have no end; ours do, and `int` of a million digits would stall the port."""
    number = float(digits)
    return int(digits) if abs(number) <= EXACT else number


def _device(told: object) -> str:
    """Raises FrameError for a name that is missing, too long, or would not survive in a log, a tag or a page."""
    if isinstance(told, int) and not isinstance(told, bool):
        told = str(told)
    if told is None or told == "":
        raise FrameError("no_device")
    if not isinstance(told, str) or len(told) > LONGEST_NAME or not told.isprintable():
        raise FrameError("bad_device", repr(told)[:LONGEST_NAME])
    return told


def _time(told: object, unit: Unit) -> datetime:
    try:
        if unit == "iso":
            if not isinstance(told, str):
                raise ValueError("not a text")
            return utc(told)
        if isinstance(told, bool) or not isinstance(told, int | float | str):
            raise ValueError("not a number")
        if isinstance(told, str) and not NUMBER.fullmatch(told):
            raise ValueError("not a number")
        number = _finite(float(told))
        return EPOCH + (timedelta(seconds=number) if unit == "seconds" else timedelta(milliseconds=number))
    except (ValueError, OverflowError, FrameError) as error:
        raise FrameError("bad_time", f"{told!r}"[:LONGEST_NAME]) from error


def _at(content: object, path: str) -> object:
    for step in path.split("."):
        if not isinstance(content, dict):
            return None
        content = content.get(step)
    return content


def _leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, told in content.items():
        if isinstance(told, dict):
            yield from _leaves(told, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", told
