"""Numbers as devices write them, to values: by a grammar, exactly, and never infinite."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from barograph.collector.decoding.result import ABSENT, LONGEST_NAME
from barograph.collector.formats import Column
from barograph.collector.formats.fields import AS_SENT, Conversion
from barograph.errors import FrameError
from barograph.readings import Value

Convert = Callable[[Any], Value]
"""From what was sent to the value, or ABSENT. Raises FrameError."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,16}")
EXACT = 2**53
"""Integers beyond this are not exact in a float64, which is what the record keeps."""
LONGEST_EXACT = 40
"""Digits that are calculated with exactly; whoever sends more does not mean them."""


class Linear:
    """(a * number + b) / d with whole a, b and d: tenths and degrees Fahrenheit without the dust of floating point."""

    __slots__ = ("a", "b", "d")

    def __init__(self, scale: Fraction, offset: Fraction, conversion: Conversion = AS_SENT) -> None:
        factor, zero = conversion
        a, b = factor * scale, factor * offset + zero
        self.d = math.lcm(a.denominator, b.denominator)
        self.a = int(a * self.d)
        self.b = int(b * self.d)

    @property
    def changes(self) -> bool:
        return (self.a, self.b, self.d) != (1, 0, 1)

    def of(self, number: float) -> float:
        if isinstance(number, int):
            return (number * self.a + self.b) / self.d if self.d != 1 else number * self.a + self.b
        return number * (self.a / self.d) + self.b / self.d

    def of_text(self, text: str) -> float:
        """Of a decimal number, which is then no float before it is the value."""
        if len(text) > LONGEST_EXACT or "e" in text or "E" in text:
            return self.of(float(text))
        whole, _, fraction = text.partition(".")
        shift: int = 10 ** len(fraction)
        return (int(whole + fraction) * self.a + self.b * shift) / (self.d * shift)

    def back(self, value: float) -> float:
        """The number that has this value."""
        return (value * self.d - self.b) / self.a


def finite(number: float) -> float:
    if not math.isfinite(number):
        raise FrameError("not_finite", str(number))
    return number


def number_of(text: str) -> float:
    """Raises FrameError for what only looks like one: `1_000`, `0x10`, `nan`, digits of other scripts."""
    if NUMBER.fullmatch(text):
        return finite(float(text))
    raise not_a_number(text)


def not_a_number(text: str) -> FrameError:
    if NOT_FINITE.fullmatch(text):
        return FrameError("not_finite", text)
    return FrameError("not_a_number", repr(text[:LONGEST_NAME]))


def converter(column: Column, conversion: Conversion, nulls: list[Any], decimal: str) -> Convert:
    """All that a field says about its number, put together once."""
    bent = column.curve == "expm1"
    linear = Linear(Fraction(1) if bent else column.scale, Fraction(0) if bent else column.offset, conversion)
    changes = linear.changes
    bend = _bend(column)
    words, numbers = _special(column, nulls)
    listed = column.enum is not None
    special = listed or bend is not None
    comma = (column.decimal or decimal) == ","
    base, signed = column.base, column.signed
    nan_is_null = any(word.lower() == "nan" for word in words)

    def of_number(number: float) -> Value:
        if number in numbers:
            told: Value = numbers[number]
            return told
        if listed:
            raise FrameError("not_a_number", f"{number} is none of {', '.join(map(str, column.enum or ()))}")
        if number - number != 0:
            if nan_is_null and number != number:
                return None
            raise FrameError("not_finite", str(number))
        if bend:
            number = finite(bend(number))
        if changes:
            exactly = isinstance(number, float) and not bend
            return finite(linear.of_text(repr(number)) if exactly else linear.of(number))
        return number if not isinstance(number, int) or -EXACT <= number <= EXACT else float(number)

    def of_text(text: str) -> Value:
        if text in words:
            told: Value = words[text]
            return told
        if base == 16:
            return of_number(_hexadecimal(text, signed))
        if comma:
            text = text.replace(".", "?").replace(",", ".")  # a dot is then no part of a number
        if not NUMBER.fullmatch(text):
            raise not_a_number(text)
        number = float(text)
        if special or number in numbers or number - number != 0:
            return of_number(number)
        return finite(linear.of_text(text)) if changes else number

    def convert(told: Any) -> Value:
        if type(told) is str:
            return of_text(told)
        if told is None or isinstance(told, bool):
            return told
        if isinstance(told, int | float):
            try:
                return of_number(told)
            except OverflowError as error:
                raise FrameError("not_finite", "too large for a float64") from error
        raise FrameError("not_a_number", f"a JSON {type(told).__name__}")

    return convert


def _special(column: Column, nulls: list[Any]) -> tuple[dict[str, Any], dict[float, Any]]:
    """Texts and numbers that are not measured by what they say."""
    words: dict[str, Any] = {}
    numbers: dict[float, Any] = {}
    for raw, meaning in [
        *(column.enum or {}).items(),
        *((raw, None) for raw in [*nulls, *column.nulls]),
        *((raw, ABSENT) for raw in column.absent),
    ]:
        if isinstance(raw, str):
            words[raw] = meaning
        else:
            numbers[raw] = meaning
    return words, numbers


def _bend(column: Column) -> Callable[[float], float] | None:
    if column.curve == "expm1":
        scale, offset = float(column.scale), float(column.offset)
        return lambda number: math.expm1(scale * number) + offset
    return _degrees if column.curve == "degrees_minutes" else None


def _degrees(number: float) -> float:
    """4426.1130 is 44 degrees and 26.1130 minutes. Divided once, so that 0.5 is not 0.49999."""
    whole, _, fraction = f"{number:.9f}".partition(".")
    degrees, minutes = divmod(abs(int(whole)), 100)
    shift: int = 10 ** len(fraction)
    told = ((degrees * 60 + minutes) * shift + int(fraction)) / (60 * shift)
    return -told if number < 0 else told


def _hexadecimal(text: str, signed: int | None) -> int:
    if not HEXADECIMAL.fullmatch(text):
        raise FrameError("not_a_number", repr(text[:LONGEST_NAME]))
    number = int(text, 16)
    if signed:
        if number >> signed:
            raise FrameError("not_a_number", f"{text} has more than {signed} bits")
        number -= (number >> (signed - 1)) << signed
    return number
