"""JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from barograph.collector.decoding.devices import who
from barograph.collector.decoding.fields import Slot, slot
from barograph.collector.decoding.numbers import EXACT, NUMBER, Convert
from barograph.collector.decoding.result import ABSENT, LONGEST_NAME, METRIC, MOST_VALUES, Around, Decoded, Reader
from barograph.collector.decoding.times import clock
from barograph.collector.formats import Column, JsonFormat
from barograph.collector.formats.fields import each_field
from barograph.errors import FrameError
from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, Value

MOST_NAMES = 2000
"""Names whose meaning is remembered; whoever sends more has them looked up again."""
DEEPEST = 4 * LONGEST_NAME
"""Letters of a dotted name; deeper objects are not gone through."""


def json_reader(declared: JsonFormat) -> Reader:
    """Reads a JSON object, or an array of them.

    {"device_id":"5e:44:3b","ts":1594598735.77,"data":{"temp":27.0,"light":true,"smoke":null}}
                  `- device       `- time                     `- values: data.*
    """
    fast = json.JSONDecoder(parse_constant=float).decode
    careful = json.JSONDecoder(parse_constant=float, parse_int=_integer).decode
    read_object = _object_reader(declared)

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        text = text_of(payload, declared.encoding)
        try:
            content = fast(text)
        except json.JSONDecodeError as error:
            raise FrameError("not_json", str(error)[:200]) from error
        except (ValueError, RecursionError):
            try:
                content = careful(text)
            except (ValueError, RecursionError) as error:
                raise FrameError("not_json", str(error)[:200]) from error
        if isinstance(content, dict):
            read_object(content, around, text, decoded)
            return
        if not isinstance(content, list) or not content:
            raise FrameError("not_json", "neither an object nor an array of them")
        if len(content) > MAX_FRAMES_PER_MESSAGE:
            raise FrameError("too_long", f"an array of {len(content)} frames; {MAX_FRAMES_PER_MESSAGE} is the most")
        for each in content:
            try:
                if not isinstance(each, dict):
                    raise FrameError("not_json", "not an object")
                read_object(each, around, None if decoded.frames else text, decoded)
            except FrameError as error:
                decoded.refuse(error, None)

    return read


def _object_reader(declared: JsonFormat) -> Any:
    name_device = who(declared.device, at, paths=True)
    read_time = clock(declared.time, declared.nulls, at) if declared.time else None
    prefix = declared.prefix
    passed = {*declared.ignore, *(declared.reserved if not prefix else ())}
    full = ".".join(prefix)

    def get(content: Any, path: str) -> Any:
        """Fields are called as they are among the values, or by their whole path."""
        told = at(content, f"{full}.{path}") if full else None
        return told if told is not None else at(content, path)

    slots = {
        name: [slot(name, each, declared.nulls, declared.decimal, get) for each in columns]
        for name, columns in _by_name(declared).items()
    }
    plain = slot("", Column(metric="x"), declared.nulls, declared.decimal).convert
    lenient = declared.texts == "ignore"
    known: dict[str, list[Slot]] = {}

    def meaning(name: str) -> list[Slot]:
        """The metrics that a name is: those declared, none, or itself."""
        told = slots.get(name)
        if told is None:
            told = [] if name in passed else [_undeclared(declared.rename.get(name, name), plain)]
        if len(known) < MOST_NAMES and len(name) <= LONGEST_NAME:
            known[name] = told
        return told

    def read(content: dict[str, Any], around: Around, raw: str | None, decoded: Decoded) -> None:
        device = name_device(content, around)
        moment = read_time(content, around) if read_time else None
        inner: Any = content
        for step in prefix:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise FrameError("no_fields", f"there is nothing at {declared.values}")
        values: dict[str, Value] = {}
        refused = len(decoded.bad)
        for number, (name, told) in enumerate(leaves(inner)):
            if number >= MOST_VALUES:
                raise FrameError("too_long", f"more than {MOST_VALUES} values")
            fields = known[name] if name in known else meaning(name)
            for each in fields:
                try:
                    # A null of JSON was measured badly; for `take` it would not be there.
                    value = None if told is None else each.convert(told) if each.simple else each.take(content)
                except FrameError as error:
                    if not lenient or each.declared or _meant_as_number(told):
                        decoded.refuse(error, device, each.metric)
                else:
                    if value is not ABSENT:
                        values[each.metric] = value
        if values:
            decoded.frames.append(Frame(device=device, values=values, time=moment, raw=raw))
        elif len(decoded.bad) == refused:
            raise FrameError("no_values", f"from {device}")

    return read


def _undeclared(metric: str, convert: Convert) -> Slot:
    def refuse(_: Any) -> Value:
        raise FrameError("bad_metric", repr(metric[:LONGEST_NAME]))

    convert = convert if METRIC.fullmatch(metric) else refuse
    return Slot("", metric, convert, convert, simple=True, declared=False)


def _meant_as_number(told: Any) -> bool:
    return isinstance(told, int | float) or (isinstance(told, str) and NUMBER.fullmatch(told) is not None)


def _by_name(declared: JsonFormat) -> dict[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for name, column in each_field(declared.fields):
        found.setdefault(name, []).append(column)
    return {name: [each for each in columns if each.metric] for name, columns in found.items()}


def leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, told in content.items():
        if type(told) is dict and len(prefix) < DEEPEST:
            yield from leaves(told, f"{prefix}{name}.")
        else:
            yield (f"{prefix}{name}" if prefix else name), told


def at(content: Any, path: str) -> Any:
    if "." not in path:
        return content.get(path) if isinstance(content, dict) else None
    for step in path.split("."):
        if not isinstance(content, dict):
            return None
        content = content.get(step)
    return content


def text_of(payload: bytes, encoding: str) -> str:
    """Raises FrameError."""
    try:
        return payload.decode(encoding)
    except UnicodeDecodeError as error:
        raise FrameError("not_utf8", f"byte {error.start} is {error.object[error.start]:#04x}") from error


def _integer(digits: str) -> float:
    """JSON integers have no end; ours do, and `int` of a million digits would stall the port."""
    number = float(digits)
    return int(digits) if abs(number) <= EXACT else number
