"""Tables that tell the names of their columns, and some the units too, before the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from barograph.collector import patterns
from barograph.collector.decoding.fields import builder, kept, unit_name
from barograph.collector.decoding.numbers import NUMBER
from barograph.collector.decoding.result import MOST_VALUES, Around, Build, Decoded, Reader
from barograph.collector.decoding.texts import splitter, text_reader, with_units
from barograph.collector.formats import Column, DelimitedFormat
from barograph.collector.formats.fields import each_field
from barograph.errors import FrameError

Row = Callable[[list[str], Around, str, Decoded], None]


def named_reader(declared: DelimitedFormat) -> Reader:
    """Read columns by the names of a header line, which may come again.

    "TIMESTAMP","RECORD","AirTC_Avg"        names
    "TS","RN","Deg C"                       units
    "","","Avg"                             skip
    "2014-04-11 00:00:00",0,17.3            data
    """
    table = _Table(declared)
    split = splitter(declared, None, None)
    name_line = patterns.compiled(declared.name_lines) if declared.name_lines else None

    def named(text: str, decoded: Decoded) -> bool:
        found = name_line.named(text) if name_line else None
        if found is not None:
            table.name(found.get("column", ""), found.get("name", ""))
            decoded.ignored = "the name of a column"
        return found is not None

    def read(text: str, around: Around, decoded: Decoded) -> None:
        cells = split(text)
        if table.heads(cells):
            decoded.ignored = "a header line"
            return
        table.row(cells, around, text, decoded)

    return text_reader(declared, read, named)


class _Table:
    """What the header said so far."""

    def __init__(self, declared: DelimitedFormat) -> None:
        self._declared = declared
        self._columns = dict(_grouped(declared))
        self._lines = declared.header if isinstance(declared.header, list) else ["names"]
        self._by_lines = bool(declared.header)
        self._names: list[str] = []
        self._units: dict[str, str] = {}
        self._below: list[str] = []
        self._build: Build | None = None
        self._metrics: dict[str, set[str]] = {}

    def name(self, column: str, name: str) -> None:
        """One column is told to have this name."""
        if not column.isascii() or not column.isdecimal() or len(column) > 4 or int(column) >= MOST_VALUES:
            raise FrameError("no_fields", f"a column {column[:20]!r}")
        place = int(column)
        # A table that begins again may have other columns.
        self._names = self._names[:place] if place == 0 else self._names
        self._names += [""] * (place + 1 - len(self._names))
        self._names[place] = name.strip()
        self._build = None

    def heads(self, cells: list[str]) -> bool:
        """Whether this row belongs to the header; what it says is then noted."""
        if not self._by_lines:
            return False
        if cells == self._names or (not self._below and self._is_names(cells)):
            self._names = cells
            self._units = {}
            self._below = list(self._lines[self._lines.index("names") + 1 :])
            self._build = None
            return True
        if self._below:
            if self._below.pop(0) == "units":
                self._units = dict(zip(self._names, cells, strict=False))
            return True
        return False

    def row(self, cells: list[str], around: Around, text: str, decoded: Decoded) -> None:
        if not self._names:
            raise FrameError("no_fields", "no header line came before it")
        if len(cells) != len(self._names) and not (self._declared.extra == "ignore" and len(cells) > len(self._names)):
            raise FrameError("no_fields", f"{len(cells)} columns where the header has {len(self._names)}")
        record: dict[str, Any] = dict(zip(self._names, cells, strict=False))
        if self._build is None:
            self._build = self._built()
        for name, unit in self._units.items():
            record[unit_name(name)] = unit
        if self._declared.texts == "ignore":
            self._pass_texts(record)
        self._build(record, around, text, decoded)

    def _is_names(self, cells: list[str]) -> bool:
        if self._columns:
            return any(cell in self._columns for cell in cells)
        return not self._names

    def _built(self) -> Build:
        declared = self._declared
        named: list[tuple[str, Column]] = []
        for name in dict.fromkeys(self._names):
            if name in self._columns:
                named += [(name, with_units(column, declared.units)) for column in self._columns[name]]
            elif declared.unknown == "keep" and name:
                try:
                    named.append((name, Column(metric=kept(name))))
                except FrameError:
                    continue
            elif declared.unknown == "refuse":
                raise FrameError("no_fields", f"column {name[:40]!r} is not declared")
        # Fields that are put together from others, or cut out of them, are no columns.
        there = {name for name, _ in named}
        named += [(name, each) for name, columns in self._columns.items() if name not in there for each in columns]
        return builder(named, declared, decimal=declared.decimal)

    def _pass_texts(self, record: dict[str, Any]) -> None:
        """Leave out what nobody declared and what is no number."""
        for name in self._names:
            told = record.get(name)
            if name in self._columns or told is None or told in self._declared.nulls:
                continue
            if not NUMBER.fullmatch(told):
                del record[name]


def _grouped(declared: DelimitedFormat) -> list[tuple[str, list[Column]]]:
    found: dict[str, list[Column]] = {}
    if isinstance(declared.columns, dict):
        for name, column in each_field(declared.columns):
            found.setdefault(name, []).append(column)
    return list(found.items())
