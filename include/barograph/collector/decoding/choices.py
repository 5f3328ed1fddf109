"""Payloads of several kinds: which of them this one is, and those that are read more than once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from barograph.collector import patterns
from barograph.collector.decoding.binary import extract
from barograph.collector.decoding.objects import at
from barograph.collector.decoding.result import LONGEST_NAME, Around, Decoded, Reader
from barograph.collector.formats import By, ChoiceFormat, Nothing
from barograph.errors import FrameError

Tell = Callable[[bytes, Around], Any]
"""What stands where the kinds are told apart. Raises FrameError."""


def choice_reader(declared: ChoiceFormat, readers: dict[int | str, Reader], otherwise: Reader) -> Reader:
    """Read by what stands in the payload.

    0a 52 02 11 70 02 ...
       `- packet type, u8 at 1: temperature and humidity
    """
    by = declared.by
    tell = _teller(by, list(readers))

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        told = tell(payload, around)
        reader = readers.get(told) if told is not None else None
        (reader or otherwise)(payload, around, decoded)

    return read


def several_reader(readers: list[Reader]) -> Reader:
    """Read a payload once for each of what is in it. What one of them does not find is no mistake if others do."""

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        refused: FrameError | None = None
        for reader in readers:
            raw = len(decoded.frames) > 0
            found = Decoded()
            try:
                reader(payload, around, found)
            except FrameError as error:
                refused = refused or error
            decoded.bad.extend(found.bad)
            decoded.frames.extend(_without_raw(frame) if raw else frame for frame in found.frames)
            decoded.ignored = decoded.ignored or found.ignored
        if refused and not decoded.frames and not decoded.bad and not decoded.ignored:
            raise refused

    return read


def nothing_reader(declared: Nothing) -> Reader:
    def ignore(payload: bytes, around: Around, decoded: Decoded) -> None:
        decoded.ignored = declared.why or "no measurement"

    def refuse(payload: bytes, around: Around, decoded: Decoded) -> None:
        begin = payload[:20]
        shown = repr(begin.decode("ascii")) if begin.isascii() and begin.decode().isprintable() else begin.hex(" ")
        raise FrameError("no_fields", declared.why or f"it is none of the kinds that are declared: {shown}")

    return ignore if declared.kind == "ignore" else refuse


def _without_raw(frame: Any) -> Any:
    from dataclasses import replace

    return replace(frame, raw=None)


def _teller(by: By, names: list[int | str]) -> Tell:
    if by.length:
        return lambda payload, _: len(payload)
    if by.part is not None:
        part = by.part
        return lambda _, around: around.parts.get(part)
    if by.place is not None:
        take = extract(by.place)

        def in_bytes(payload: bytes, _: Around) -> Any:
            try:
                return take(payload)
            except IndexError:
                raise FrameError("no_fields", f"{len(payload)} bytes are too few to tell what it is") from None

        return in_bytes
    if by.prefix:
        prefixes = sorted((str(name) for name in names), key=len, reverse=True)
        return lambda payload, _: next((each for each in prefixes if _text(payload).startswith(each)), None)
    if by.matches:
        found = [(str(name), patterns.compiled(str(name))) for name in names]
        return lambda payload, _: next((name for name, each in found if each.found(_text(payload))), None)
    if by.pattern is not None:
        pattern = patterns.compiled(by.pattern)
        return lambda payload, _: pattern.first(_text(payload))
    if by.column is not None:
        return _column(by.column, by.separator)
    return _in_json(by.key or "")


def _column(column: int, separator: str) -> Tell:
    def tell(payload: bytes, _: Around) -> str | None:
        cells = _text(payload).split(separator, column + 1)
        return cells[column].strip() if column < len(cells) else None

    return tell


def _in_json(path: str) -> Tell:
    def tell(payload: bytes, _: Around) -> str | None:
        try:
            told = at(json.loads(_text(payload)), path)
        except (ValueError, RecursionError) as error:
            raise FrameError("not_json", str(error)[:LONGEST_NAME]) from error
        return str(told) if isinstance(told, str | int | float) else None

    return tell


def _text(payload: bytes) -> str:
    """Only for telling kinds apart: what is no UTF-8 is none of them, and is refused by whoever reads it."""
    return payload.decode("utf-8", "replace")
