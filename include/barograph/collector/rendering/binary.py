"""Bytes with numbers at their offsets."""

from __future__ import annotations

import struct
from datetime import datetime
from fractions import Fraction
from typing import Any

from barograph.collector.decoding.binary import MOST_REPEATED, SWAPPED, named_fields, row
from barograph.collector.formats import BinaryField, BinaryFormat, By, Part, TaggedFormat
from barograph.collector.formats.binary import Told as ToldSize
from barograph.collector.rendering.fields import told_of
from barograph.collector.rendering.spelling import Unrenderable
from barograph.readings import Value


def binary_payload(
    declared: BinaryFormat,
    device: str,
    values: dict[str, Value],
    at: datetime,
    *,
    size: int | None = None,
    tail: int = 0,
) -> bytearray:
    """The bytes of one frame, `size` of them if that is known; `tail` bytes at its end are the framing's own."""
    fields = fields_of(declared, values)
    told = told_of(fields, declared, device, values, at)
    there = [(name, field) for name, field in fields if not field.optional or name in told]
    reach = max(end for _, field in there for end in _ends(field))
    payload = bytearray(size or _size(declared, reach + tail))
    for name, field in there:
        if name in told or not field.when:
            _write_field(payload, field, told.get(name, _nothing(field)))
    if isinstance(declared.size, ToldSize):
        write(payload, declared.size, len(payload) - declared.size.add)
    return payload


def tagged_payload(declared: TaggedFormat, device: str, values: dict[str, Value], at: datetime, tail: int) -> bytearray:
    named = {tag: named_fields(item.fields, f"{tag:#04x}") for tag, item in declared.of.items()}
    told = told_of([each for fields in named.values() for each in fields], declared, device, values, at)
    payload = bytearray(declared.at)
    for tag, item in declared.of.items():
        if not any(name in told for name, _ in named[tag]):
            continue
        body = bytearray(item.width)
        for name, field in named[tag]:
            _write_field(body, field, told.get(name, _nothing(field)))
        payload += bytes([tag, *([len(body)] if declared.length else []), *body])
    return payload + bytearray(max(tail, -(declared.until or 0)))


def fields_of(declared: BinaryFormat, values: dict[str, Value] | None = None) -> list[tuple[str, BinaryField]]:
    """All fields, those that are repeated one by one, as far as there are values for them."""
    found = named_fields([field for field in declared.fields if not field.repeat])
    for field in declared.fields:
        if field.repeat:
            wanted = values if field.repeat == "rest" else None
            found += [(name, one) for name, one, _ in row(field, wanted)]
    return found


def names_of(field: BinaryField) -> list[str]:
    """The metrics that a field is: one, or as many as it is repeated."""
    if field.metric is None or not field.repeat:
        return [field.metric] if field.metric else []
    many = field.repeat if isinstance(field.repeat, int) else MOST_REPEATED
    return [field.metric.replace("{n}", str(field.first + number)) for number in range(many)]


def stamp(payload: bytearray, by: By, name: int | str) -> None:
    """Write what tells this kind from the others."""
    if by.place is not None:
        write(payload, by.place, name)


def _ends(field: BinaryField) -> list[int]:
    parts: list[Part] = [field, *field.plus, *([field.negative] if field.negative else [])]
    return [part.at + part.width if part.at >= 0 else -part.at for part in parts]


def _size(declared: BinaryFormat, least: int) -> int:
    if isinstance(declared.size, int):
        return declared.size
    return max(least, declared.size[0]) if isinstance(declared.size, list) else least


def _nothing(field: BinaryField) -> Any:
    """What a field says of which there is no value."""
    marks = [mark for mark in (*field.absent, *field.nulls) if not isinstance(mark, str)]
    return Fraction(marks[0]) if marks else Fraction(0)


def _write_field(payload: bytearray, field: BinaryField, raw: Any) -> None:
    if isinstance(raw, str) and field.type[0] in "uifb":
        raw = Fraction(raw) if raw.lstrip("+-").replace(".", "", 1).isdecimal() else Fraction(0)
    if not isinstance(raw, Fraction | int | float):
        write(payload, field, raw)
        return
    if field.type[0] == "f":
        write(payload, field, float(raw))
        return
    number = round(raw)
    if field.negative:
        write(payload, field.negative, int(number < 0))
        number = abs(number)
    for part in sorted([field, *field.plus], key=lambda part: -part.times):
        write(payload, part, number // part.times)
        number %= part.times


def write(payload: bytearray, part: Part, told: Any) -> None:
    """Put a number or a text where it stands; what else is in its bytes stays. Raises Unrenderable."""
    begin = part.at if part.at >= 0 else len(payload) + part.at
    end = begin + part.width
    if end > len(payload):
        raise Unrenderable(f"{len(payload)} bytes end before {part.at}")
    try:
        payload[begin:end] = _bytes(part, told, bytes(payload[begin:end]))
    except (ValueError, OverflowError, struct.error) as error:
        raise Unrenderable(f"{told!r} does not fit into {part.type}: {error}") from error


def _bytes(part: Part, told: Any, before: bytes) -> bytes:
    name, width = part.type, part.width
    if name == "ascii":
        return str(told).encode("latin-1")[:width].ljust(width)
    if name in ("hex", "hexle"):
        digits = bytes.fromhex(str(told)) if _is_hex(str(told), width) else bytes(width)
        return digits[::-1] if name == "hexle" else digits
    if name in ("bcd", "bcdle"):
        digits = bytes.fromhex(f"{int(told):0{2 * width}d}")
        return digits[::-1] if name == "bcdle" else digits
    order = next((each for each in ("cdab", "badc", "le") if name.endswith(each)), "be")
    if name[0] == "f":
        return _arranged(struct.pack({"16": ">e", "32": ">f", "64": ">d"}[name[1:3]], told), order)
    number = int(told)
    if part.bits:
        low, many = part.bits
        if not -(1 << many - 1) <= number < 1 << many:
            raise ValueError(f"it has more than {many} bits")
        mask = (1 << many) - 1
        whole = int.from_bytes(_arranged(before, order))
        number = whole & ~(mask << low) | (number & mask) << low
        return _arranged(number.to_bytes(width), order)
    return _arranged(number.to_bytes(width, signed=name[0] == "i"), order)


def _arranged(raw: bytes, order: str) -> bytes:
    """From highest byte first to their order, and back."""
    if order in SWAPPED:
        return bytes(raw[place] for place in SWAPPED[order])
    return raw[::-1] if order == "le" else raw


def _is_hex(text: str, width: int) -> bool:
    return len(text) == 2 * width and all(each in "0123456789abcdefABCDEF" for each in text)
