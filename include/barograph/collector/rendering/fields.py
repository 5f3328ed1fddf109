"""From values back to what a device would send for each field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from barograph.collector.decoding.fields import unit_name
from barograph.collector.decoding.numbers import Linear
from barograph.collector.formats import Column, Payload, TimeField, UnitOf
from barograph.collector.formats.fields import AS_SENT, Conditions, Conversion
from barograph.collector.formats.text import PLACE
from barograph.collector.rendering.spelling import Told, Unrenderable, spelled, taken_apart, time_told
from barograph.readings import Value

MOST_DIGITS = 17
"""Behind the point; a float64 has no more."""
NEAR = Fraction(1, 10**12)

Named = Sequence[tuple[str, Column]]


def told_of(named: Named, payload: Payload, device: str, values: dict[str, Value], at: datetime) -> Told:
    """What must be sent for these values, by the names of the fields. Raises Unrenderable."""
    told: Told = {}
    said: set[str] = set()
    must_be: dict[str, list[Any]] = {}
    for name, column in named:
        metric = column.metric
        if metric in values and metric not in said and _can_be(column.when, must_be):
            said.add(metric)
            _tell_value(name, column, values[metric], payload.nulls, told, must_be)
    if missing := sorted(set(values) - said):
        raise Unrenderable(f"there is no place for {', '.join(missing)}")
    for other, allowed in must_be.items():
        if allowed[0] != "" and str(told.get(other)) not in map(str, allowed):
            told[other] = allowed[0]
    for name, column in named:
        if column.must:
            told.setdefault(name, column.must[0])
    _tell_device(named, payload, device, told)
    _tell_time(named, payload, at, told)
    for name, column in named:
        if column.from_ and name in told:
            told.update(taken_apart(column.from_, as_text(told.pop(name), column)) or {})
        if column.pattern and name not in told:
            told[name] = spelled(column.pattern, told)
    return told


def _can_be(conditions: Conditions, must_be: dict[str, list[Any]]) -> bool:
    """Whether other fields can be so, after all that they must be already; if so, they now must."""
    narrowed = {}
    for other, given in conditions.items():
        allowed = given if isinstance(given, list) else [given]
        narrowed[other] = [each for each in must_be.get(other, allowed) if str(each) in map(str, allowed)]
    if not all(narrowed.values()):
        return False
    must_be.update(narrowed)
    return True


def _tell_value(
    name: str, column: Column, value: Value, nulls: list[Any], told: Told, must_be: dict[str, list[Any]]
) -> None:  # fmt: skip
    unit = column.unit if isinstance(column.unit, UnitOf) else None
    unit_field = (unit.field or unit_name(name)) if unit else ""
    if value is None:
        invalid = next((word for word, meaning in unit.of.items() if meaning is None), None) if unit else None
        if invalid is not None:
            told[name], told[unit_field] = Fraction(0), invalid
        elif column.nulls or nulls:
            told[name] = column.nulls[0] if column.nulls else nulls[-1]
        elif column.only_if:
            told[name] = Fraction(0)  # while the other field says nothing
        else:
            raise Unrenderable(f"nothing says that {column.metric} was measured badly")
        return
    if not _can_be(column.only_if, must_be):
        raise Unrenderable(f"{column.metric} cannot be valid together with the others")
    if column.enum:
        told[name] = _word(column, value)
        return
    number = Fraction(repr(float(value)))
    if column.minus and number < 0:
        _can_be(column.minus, must_be)
        number = -number
    conversion = column.conversions()[None]
    if unit:
        word = _unit_word(unit)
        conversion = column.conversions()[word]
        if word is not None:
            told[unit_field] = word
    told[name] = _sent(column, number, conversion or AS_SENT)


def _word(column: Column, value: Value) -> Any:
    for word, meaning in (column.enum or {}).items():
        if meaning is not None and meaning == value:
            return word
    raise Unrenderable(f"{column.metric} {value} is none of its words")


def _unit_word(unit: UnitOf) -> str | None:
    """Their word for the unit that is meant when they tell none; where there is no such unit, the first word."""
    words = [word for word, meaning in unit.of.items() if meaning is not None]
    if unit.otherwise is None:
        return words[0]
    return next((word for word in words if unit.of[word] == unit.otherwise), None)


def _sent(column: Column, number: Fraction, conversion: Conversion) -> Fraction:
    """The number before it is scaled."""
    if column.curve == "expm1":
        return Fraction(round(math.log1p(float(number - column.offset)) / float(column.scale)))
    linear = Linear(column.scale, column.offset, conversion)
    raw = (number * linear.d - linear.b) / linear.a
    if column.curve == "degrees_minutes":
        degrees = math.trunc(raw)
        raw = degrees * 100 + (raw - degrees) * 60
    return raw


def as_text(raw: Any, column: Column, width: int | None = None, decimal: str = ".") -> str:
    """The shortest text that means this number."""
    if not isinstance(raw, Fraction):
        return str(raw)
    if column.base == 16:
        number = round(raw)
        number += (1 << (column.signed or 16)) if number < 0 else 0
        return f"{number:0{width or (column.signed or 16) // 4}X}"
    text = ""
    for digits in range(MOST_DIGITS):
        text = f"{Decimal(round(raw * 10**digits)).scaleb(-digits):f}"
        if abs(Fraction(text) - raw) <= NEAR * max(abs(raw), NEAR):
            break
    return text.replace(".", column.decimal or decimal)


def _tell_device(named: Named, payload: Payload, device: str, told: Told) -> None:
    own = next((name for name, column in named if column.is_ == "device"), None)
    if own is not None and not payload.device:
        told[own] = device
    for template in payload.device:
        parts = taken_apart(template, device) if PLACE.search(template) else None
        if parts is not None:
            told.update((name, part) for name, part in parts.items() if name != "device" and name not in told)
            return


def _tell_time(named: Iterable[tuple[str, Column]], payload: Payload, at: datetime, told: Told) -> None:
    declared = payload.time
    if declared is None:
        own = next(((name, column) for name, column in named if column.is_ == "time"), None)
        if own is None:
            return
        declared = TimeField.model_validate({"field": own[0], "unit": own[1].unit or "iso"})
    text = time_told(declared, at)
    if declared.from_:
        told.update(taken_apart(declared.from_, text) or {})
    else:
        told[declared.field or ""] = text
