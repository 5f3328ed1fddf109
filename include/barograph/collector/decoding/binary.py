"""Bytes: numbers at their offsets, items with tags, and text that spells bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from barograph.collector import patterns
from barograph.collector.decoding.fields import builder
from barograph.collector.decoding.result import Around, Decoded, Reader
from barograph.collector.decoding.texts import stripped, text_reader
from barograph.collector.formats import BinaryField, BinaryFormat, BytesFormat, Part, RecordsFormat, TaggedFormat
from barograph.collector.formats.binary import Told
from barograph.errors import FrameError
from barograph.readings import MAX_FRAMES_PER_MESSAGE

Extract = Callable[[bytes], Any]
"""One number or text of the bytes; IndexError where they end before it."""

MOST_REPEATED = 500
SWAPPED = {"cdab": (2, 3, 0, 1), "badc": (1, 0, 3, 2)}
BETWEEN = re.compile(r"[ ,;:\t-]")
HEX = re.compile(r"([0-9A-Fa-f]{2})*", re.ASCII)
DECIMAL = re.compile(r"\d{1,3}([ ,;]+\d{1,3})*", re.ASCII)


def binary_reader(declared: BinaryFormat) -> Reader:
    """Read numbers at their offsets.

    ff 86 02 7c 42 00 00 00 ba
          `----' CO2, u16be at 2
    """
    single = [field for field in declared.fields if not field.repeat]
    repeated = [field for field in declared.fields if field.repeat]
    named = named_fields(single)
    rows = [row(field) for field in repeated]
    build = builder(named, declared, repeated=[[(name, column) for name, column, _ in row] for row in rows])
    reads = [(name, extract(field), field.optional) for (name, _), field in zip(named, single, strict=True)]
    fits = _size(declared.size)

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        if not fits(payload):
            raise FrameError("no_fields", f"{len(payload)} bytes are not what is declared, nor what it says itself")
        record: dict[str, Any] = {}
        for name, take, optional in reads:
            try:
                record[name] = take(payload)
            except IndexError:
                if not optional:
                    raise FrameError("no_fields", f"{len(payload)} bytes end before {name}") from None
        for row in rows:
            for name, _, take in row:
                try:
                    record[name] = take(payload)
                except IndexError:
                    break
        build(record, around, payload.hex(), decoded)

    return read


def tagged_reader(declared: TaggedFormat) -> Reader:
    """Read items that begin with what they are.

    01 0140  06 26  08 27d2 ...
    |  |     `- indoor humidity, u8
    |  `- indoor temperature, i16be
    `- tag
    """
    items = {
        tag: (item.width, named_fields(item.fields, f"{tag:#04x}"), item.fields) for tag, item in declared.of.items()
    }
    build = builder([each for _, named, _ in items.values() for each in named], declared)
    reads = {
        tag: (width, [(name, extract(field)) for (name, _), field in zip(named, fields, strict=True)])
        for tag, (width, named, fields) in items.items()
    }
    sized = declared.length is not None

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        body = payload[declared.at : declared.until]
        record: dict[str, Any] = {}
        place = 0
        while place < len(body):
            tag = body[place]
            width, fields = reads.get(tag, (None, []))
            place += 1
            if sized:
                width = body[place] if place < len(body) else 1
                place += 1
            if width is None:
                why = f"what follows the unknown tag {tag:#04x}: {len(body) - place} bytes are not read"
                decoded.refuse(FrameError("no_fields", why), None)
                break
            item = body[place : place + width]
            if len(item) < width:
                decoded.refuse(FrameError("no_fields", f"it ends within item {tag:#04x}"), None)
                break
            for name, take in fields:
                try:
                    record[name] = take(item)
                except IndexError:
                    decoded.refuse(FrameError("no_fields", f"item {tag:#04x} ends before {name}"), None)
            place += width
        build(record, around, payload.hex(), decoded)

    return read


def records_reader(declared: RecordsFormat, inner: Reader) -> Reader:
    """Read one record after the other; a bad one costs itself."""
    size = declared.size

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        body = payload[declared.at : declared.until]
        if not body or len(body) % size or len(body) // size > MAX_FRAMES_PER_MESSAGE:
            raise FrameError("no_fields", f"{len(body)} bytes are no records of {size}")
        for begin in range(0, len(body), size):
            try:
                inner(body[begin : begin + size], around, decoded)
            except FrameError as error:
                decoded.refuse(error, None)

    return read


def bytes_reader(declared: BytesFormat, inner: Reader) -> Reader:
    """Read text that spells bytes.

    OK 9 1 1 4 150 66     pattern: "^OK 9 (?P<bytes>.*)$", spelled: decimal
         `----------' are the bytes
    """
    pattern = patterns.compiled(declared.pattern) if declared.pattern else None
    spelled = _from_hex if declared.spelled == "hex" else _from_decimal

    def read(text: str, around: Around, decoded: Decoded) -> None:
        parts: dict[str, Any] = dict(around.parts)
        told: str | None = text.strip()
        if pattern:
            found = pattern.named(text)
            if found is None:
                raise FrameError("no_fields", f"the pattern is not in {text[:40]!r}")
            told = found.pop("bytes", None) if "bytes" in pattern.groups else pattern.first(text)
            parts.update(stripped(found))
        before = len(decoded.frames)
        inner(spelled(told or ""), Around(around.device, parts), decoded)
        if len(decoded.frames) > before:
            # What the device said is the text; the bytes are only ours.
            decoded.frames[before] = replace(decoded.frames[before], raw=text)

    return text_reader(declared, read)


def _from_hex(text: str) -> bytes:
    digits = BETWEEN.sub("", text)
    if not digits or not HEX.fullmatch(digits):
        raise FrameError("no_fields", f"{text[:40]!r} are no hexadecimal bytes")
    return bytes.fromhex(digits)


def _from_decimal(text: str) -> bytes:
    if not DECIMAL.fullmatch(text):
        raise FrameError("no_fields", f"{text[:40]!r} are no bytes")
    numbers = [int(each) for each in re.split(r"[ ,;]+", text)]
    if max(numbers) > 255:
        raise FrameError("no_fields", f"{max(numbers)} is no byte")
    return bytes(numbers)


def named_fields(fields: Sequence[BinaryField], place: str = "at") -> list[tuple[str, BinaryField]]:
    named: list[tuple[str, BinaryField]] = []
    seen: set[str] = set()
    for field in fields:
        name = field.called or f"{place} {field.at}"
        if name in seen:
            name = f"{name} {place} {field.at} {len(named)}"
        seen.add(name)
        named.append((name, field))
    return named


def row(field: BinaryField, wanted: Container[str] | None = None) -> list[tuple[str, BinaryField, Extract]]:
    """The same field again and again; only some of them if only those are `wanted`."""
    many = field.repeat if isinstance(field.repeat, int) else MOST_REPEATED
    found: list[tuple[str, BinaryField, Extract]] = []
    for number in range(many):
        metric = (field.metric or "").replace("{n}", str(field.first + number))
        if wanted is not None and metric not in wanted:
            continue
        at = field.at + number * field.width
        one = field.model_copy(update={"metric": metric, "at": at, "repeat": None, "name": None})
        found.append((metric, one, extract(one)))
    return found


def _size(size: list[int] | int | Told | None) -> Callable[[bytes], bool]:
    if size is None:
        return lambda payload: True
    if isinstance(size, Told):
        take, add = extract(size), size.add

        def as_told(payload: bytes) -> bool:
            try:
                return bool(take(payload) + add == len(payload))
            except IndexError:
                return False

        return as_told
    least, most = (size, size) if isinstance(size, int) else size
    return lambda payload: least <= len(payload) <= most


def extract(field: Part) -> Extract:
    """Everything that makes the number: its parts, and its sign where that stands on its own."""
    first = _part(field)
    plus = [(_part(each), each.times) for each in getattr(field, "plus", [])]
    negative = _part(field.negative) if isinstance(field, BinaryField) and field.negative else None
    digits = field.digits if isinstance(field, BinaryField) else None
    if digits is not None:
        return lambda payload: f"{first(payload):0{digits}}"
    if not plus and negative is None and field.times == 1:
        return first
    times = field.times

    def take(payload: bytes) -> Any:
        number = first(payload) * times + sum(each(payload) * weight for each, weight in plus)
        return -number if negative is not None and negative(payload) else number

    return take


def _part(part: Part) -> Extract:
    at, width = part.at, part.width
    end: int | None = at + width
    if end == 0:
        end = None  # the last bytes of all
    needed = at + width if at >= 0 else -at
    read = _type(part)

    def take(payload: bytes) -> Any:
        if len(payload) < needed:
            raise IndexError
        return read(payload[at:end])

    if part.type == "u8" and part.bits is None:
        return partial(_byte, at)
    return take


def _byte(at: int, payload: bytes) -> int:
    return payload[at]


def _type(part: Part) -> Callable[[bytes], Any]:
    name, bits = part.type, part.bits
    if name == "ascii":
        return _ascii
    if name in ("hex", "hexle"):
        return (lambda raw: raw[::-1].hex()) if name == "hexle" else bytes.hex
    if name in ("bcd", "bcdle"):
        return _decimal_digits if name == "bcd" else lambda raw: _decimal_digits(raw[::-1])
    order = next((each for each in ("cdab", "badc", "le") if name.endswith(each)), "be")
    arrange = _arranged(order)
    if name[0] == "f":
        code = struct.Struct({"16": ">e", "32": ">f", "64": ">d"}[name[1:3]])
        return lambda raw: code.unpack(arrange(raw))[0]
    signed = name[0] == "i"
    little = "little" if order == "le" else "big"
    if bits:
        low, many = bits
        mask, top = (1 << many) - 1, 1 << (many - 1)
        if signed:
            return lambda raw: ((int.from_bytes(arrange(raw)) >> low & mask) ^ top) - top
        return lambda raw: int.from_bytes(arrange(raw)) >> low & mask
    if order in SWAPPED:
        return lambda raw: int.from_bytes(arrange(raw), signed=signed)
    return lambda raw: int.from_bytes(raw, little, signed=signed)  # type: ignore[arg-type]


def _arranged(order: str) -> Callable[[bytes], bytes]:
    """The bytes with the highest first."""
    if order in SWAPPED:
        places = SWAPPED[order]
        return lambda raw: bytes(raw[place] for place in places)
    return (lambda raw: raw[::-1]) if order == "le" else bytes


def _ascii(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("latin-1").strip()


def _decimal_digits(raw: bytes) -> int | str:
    """A digit above 9 leaves a text, to be refused as the number it is not: 1e55 must not become one."""
    digits = raw.hex()
    return int(digits) if digits.isdecimal() else f"digits {digits}"
