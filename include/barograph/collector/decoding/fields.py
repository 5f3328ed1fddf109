"""From what a payload says to a frame: all fields of a format, put together once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from barograph.collector import patterns
from barograph.collector.decoding.devices import Who, put_together, who
from barograph.collector.decoding.numbers import NUMBER, Convert, converter
from barograph.collector.decoding.result import (
    ABSENT,
    LONGEST_NAME,
    METRIC,
    MOST_VALUES,
    Around,
    Build,
    Decoded,
    Get,
    Record,
    of,
)
from barograph.collector.decoding.times import Clock, clock
from barograph.collector.formats import Column, Payload, TimeField, UnitOf
from barograph.collector.formats.fields import Conditions
from barograph.errors import FrameError
from barograph.readings import Frame, Value

Holds = Callable[[Record], bool]
Take = Callable[[Record], Value]
"""A field's value in a record, or ABSENT. Raises FrameError."""

STRANGE = str.maketrans({each: "_" for each in map(chr, range(128)) if not METRIC.fullmatch("a" + each)})


@dataclass(frozen=True)
class Slot:
    """One field that is a metric, ready to be read; `simple` needs no other field."""

    key: Any
    metric: str
    convert: Convert
    take: Take
    simple: bool
    declared: bool = True


def slot(key: Any, column: Column, nulls: list[Any], decimal: str = ".", get: Get = of) -> Slot:
    by_unit: dict[str | None, Convert | None] = {
        word: None if conversion is None else converter(column, conversion, nulls, decimal)
        for word, conversion in column.conversions().items()
    }
    plain = by_unit[None]
    if plain is None:
        raise AssertionError("no word for the unit is never invalid")
    unit_of = (column.unit.field or unit_name(key)) if isinstance(column.unit, UnitOf) else None
    only_if, when, minus = (holds(each, get) for each in (column.only_if, column.when, column.minus))

    def take(record: Record) -> Value:
        told = get(record, key)
        if told is None or (when and not when(record)):
            return ABSENT  # type: ignore[no-any-return]
        if only_if and not only_if(record):
            return None
        convert = plain
        if unit_of is not None:
            word = get(record, unit_of) or None
            if word not in by_unit:
                raise FrameError("not_a_number", f"its unit {str(word)[:LONGEST_NAME]!r} is not declared")
            fitting = by_unit[word]
            if fitting is None:
                return None
            convert = fitting
        value = convert(told)
        return -value if minus and isinstance(value, int | float) and minus(record) else value

    simple = unit_of is None and not (only_if or when or minus)
    return Slot(key, column.metric or "", plain, take, simple)


def unit_name(name: str) -> str:
    """What the unit that is told beside a value is called in a record; no device can call anything so."""
    return f"\0{name}"


def holds(conditions: Conditions, get: Get = of) -> Holds | None:
    """Whether other fields are so; None where there is no condition. What is not there is an empty text."""
    wanted = [(name, _allowed(given if isinstance(given, list) else [given])) for name, given in conditions.items()]
    if not wanted:
        return None

    def so(record: Record) -> bool:
        for name, allowed in wanted:
            told = get(record, name)
            told = "" if told is None else told
            if not isinstance(told, str | int | float):
                return False
            if told not in allowed and not (isinstance(told, str) and _as_number(told) in allowed):
                return False
        return True

    return so


def _as_number(told: str) -> float | None:
    """`0.000e+00` is the 0 that a format asks for."""
    return float(told) if NUMBER.fullmatch(told) else None


def required(named: Iterable[tuple[str, Column]]) -> Callable[[Record], None] | None:
    """Checks what must stand in every frame; None where nothing must. Raises FrameError."""
    wanted = [(name, _allowed(column.must)) for name, column in named if column.must]
    if not wanted:
        return None

    def check(record: Record) -> None:
        for name, allowed in wanted:
            if (told := record.get(name)) not in allowed:
                raise FrameError("no_fields", f"{name} is {str(told)[:LONGEST_NAME]!r}, which no such frame has")

    return check


def builder(
    named: Sequence[tuple[str, Column]],
    payload: Payload,
    *,
    repeated: Sequence[Sequence[tuple[str, Column]]] = (),
    decimal: str = ".",
) -> Build:
    """Makes a frame of a record whose fields have these names. `repeated` ends with the first that is not there."""
    nulls = payload.nulls
    slots = [slot(name, column, nulls, decimal) for name, column in named if column.metric]
    rows = [[slot(name, column, nulls, decimal) for name, column in row] for row in repeated]
    check = required(named)
    prepare = _prepared(named)
    name_device, read_time = told_by(named, payload)

    def build(record: Record, around: Around, raw: str | None, decoded: Decoded) -> None:
        if check:
            check(record)
        if prepare:
            record = prepare(record, around)
        device = name_device(record, around)
        moment = read_time(record, around) if read_time else None
        values: dict[str, Value] = {}
        refused = len(decoded.bad)
        for each in slots:
            _take(each, record, device, values, decoded)
        for row in rows:
            for each in row:
                if each.key not in record:
                    break
                _take(each, record, device, values, decoded)
        if values:
            decoded.frames.append(Frame(device=device, values=values, time=moment, raw=raw))
        elif len(decoded.bad) == refused:
            raise FrameError("no_values", f"from {device}")

    return build


def _take(each: Slot, record: Record, device: str, values: dict[str, Value], decoded: Decoded) -> None:
    try:
        value = each.take(record)
    except FrameError as error:
        decoded.refuse(error, device, each.metric)
    else:
        if value is not ABSENT:
            values[each.metric] = value


def told_by(named: Iterable[tuple[str, Column]], payload: Payload) -> tuple[Who, Clock | None]:
    """Who says it and when, by the format's own words or by fields that are it."""
    roles = {column.is_: (name, column) for name, column in named if column.is_}
    device, time = roles.get("device"), roles.get("time")
    name_device = who(payload.device) if payload.device or not device else who([device[0]], paths=True)
    told = payload.time
    if told is None and time is not None:
        name, column = time
        told = TimeField.model_validate({"field": name, "unit": column.unit or "iso"})
    return name_device, clock(told, payload.nulls) if told else None


def _prepared(named: Iterable[tuple[str, Column]]) -> Callable[[Record, Around], Record] | None:
    """Takes apart what is told in one, and puts together what is told in pieces."""
    cut = [(name, patterns.compiled(column.pattern)) for name, column in named if column.pattern]
    made = [(name, put_together(column.from_)) for name, column in named if column.from_]
    if not cut and not made:
        return None

    def prepare(record: Record, around: Around) -> Record:
        more = dict(record)
        for name, pattern in cut:
            told = record.get(name)
            found = pattern.named(told) if isinstance(told, str) else None
            if found is not None:
                more.update(found)
            elif told:
                # Half of it would be another device, or another time.
                raise FrameError("no_fields", f"{name} is {str(told)[:LONGEST_NAME]!r}, which is not as declared")
        for name, put in made:
            if (text := put(more, around)) is not None:
                more[name] = text
        return more

    return prepare


def kept(name: str) -> str:
    """A metric called what the device calls it, as far as names allow that: `VWC(1)` becomes `VWC_1`."""
    clean = "".join(each if each.isascii() else "_" for each in name).translate(STRANGE)
    while "__" in clean:
        clean = clean.replace("__", "_")
    clean = clean.strip("_ ")[:LONGEST_NAME]
    if not METRIC.fullmatch(clean):
        raise FrameError("bad_metric", repr(name[:LONGEST_NAME]))
    return clean


def counted(found: Iterable[Any]) -> Iterable[Any]:
    """The same, up to as many as a frame may have. Raises FrameError beyond."""
    for each, number in zip(found, count(1), strict=False):
        if number > MOST_VALUES:
            raise FrameError("too_long", f"more than {MOST_VALUES} values")
        yield each


def _allowed(given: Iterable[Any]) -> frozenset[Any]:
    return frozenset(each for one in given for each in (one, str(one)))
