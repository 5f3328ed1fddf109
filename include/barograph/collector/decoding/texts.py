"""Columns, pairs and patterns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from barograph.collector import patterns, units
from barograph.collector.decoding.devices import checked
from barograph.collector.decoding.fields import builder, counted, kept, slot, told_by, unit_name
from barograph.collector.decoding.numbers import NUMBER
from barograph.collector.decoding.objects import text_of
from barograph.collector.decoding.result import ABSENT, LONGEST_NAME, MOST_VALUES, Around, Build, Decoded, Reader
from barograph.collector.formats import (
    Column,
    ColumnsFormat,
    DelimitedFormat,
    PairsFormat,
    RegexFormat,
    TextPayload,
    UnitOf,
)
from barograph.collector.formats.fields import each_field
from barograph.collector.formats.text import PLACE
from barograph.errors import FrameError
from barograph.metrics import known as known_metric
from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, Value

ReadText = Callable[[str, Around, Decoded], None]
BLANKS = "blanks"
AnyColumn = TypeVar("AnyColumn", bound=Column)


def text_reader(
    declared: TextPayload, read_text: ReadText, told_before: Callable[[str, Decoded], bool] | None = None
) -> Reader:
    """What all texts have in common: they are text, and some are no measurement. `told_before` may take them first."""
    skip = patterns.compiled(declared.skip_lines).found if declared.skip_lines else None
    encoding = declared.encoding

    def read(payload: bytes, around: Around, decoded: Decoded) -> None:
        text = text_of(payload, encoding)
        if told_before and told_before(text, decoded):
            return
        if skip and skip(text):
            decoded.ignored = "no measurement: `skip_lines`"
            return
        read_text(text, around, decoded)

    return read


def placed_reader(declared: DelimitedFormat) -> Reader:
    """Read columns by their place.

    freezer-ice;-18,4;0
    |           |     `- door
    |           `- temperature, decimal comma
    `- device
    """
    columns: Sequence[Column] = declared.columns if isinstance(declared.columns, list) else []
    least = 1 + max((place for place, column in enumerate(columns) if not column.optional), default=-1)
    split = splitter(declared, len(columns), least)
    if any(_needs_others(column) for column in columns) or declared.device or declared.time:
        named = by_place(columns)
        build = builder(named, declared, decimal=declared.decimal)
        names = [name for name, _ in named]

        def read_by_name(text: str, around: Around, decoded: Decoded) -> None:
            build(dict(zip(names, split(text), strict=False)), around, text, decoded)

        return text_reader(declared, read_by_name)

    # Most boards: each column for itself. The index is the key, and a row is its own record.
    get = _cell
    slots = [
        (place, slot(place, column, declared.nulls, declared.decimal, get))
        for place, column in enumerate(columns)
        if column.metric
    ]
    places = [(str(place), column) for place, column in enumerate(columns)]
    device = next((place for place, column in enumerate(columns) if column.is_ == "device"), None)
    read_time = told_by(places, declared)[1]

    def read(text: str, around: Around, decoded: Decoded) -> None:
        cells = split(text)
        who = checked(around.device if device is None else cells[device])
        moment = read_time(dict(zip(map(str, range(len(cells))), cells, strict=False)), around) if read_time else None
        values: dict[str, Value] = {}
        refused = len(decoded.bad)
        for place, each in slots:
            try:
                value = each.convert(cells[place])
            except FrameError as error:
                decoded.refuse(error, who, each.metric)
            except IndexError:
                break
            else:
                if value is not ABSENT:
                    values[each.metric] = value
        if values:
            decoded.frames.append(Frame(device=who, values=values, time=moment, raw=text))
        elif len(decoded.bad) == refused:
            raise FrameError("no_values", f"from {who}")

    return text_reader(declared, read)


def _cell(row: Any, place: Any) -> Any:
    return row[place]


def _needs_others(column: Column) -> bool:
    return bool(
        column.only_if or column.when or column.minus or column.must or column.pattern or column.from_
    ) or isinstance(column.unit, UnitOf)


def by_place(columns: Sequence[AnyColumn]) -> list[tuple[str, AnyColumn]]:
    """Columns that nobody names, such as those that are skipped, are called by their place."""
    seen: set[str] = set()
    found = []
    for place, column in enumerate(columns):
        name = column.called or str(place)
        found.append((f"column {place}" if name in seen else name, column))
        seen.add(name)
    return found


def splitter(declared: DelimitedFormat, most: int | None, least: int | None) -> Callable[[str], list[str]]:
    """Cells without the blanks around them. Raises FrameError for another number of columns than declared."""
    separator, quote = declared.separator, declared.quote
    extra = declared.extra == "ignore"
    limit = (most or MOST_VALUES) + 1

    def split(text: str) -> list[str]:
        if separator == BLANKS:
            cells = text.split(None, limit)
        elif quote and quote in text:
            cells = _unquoted(text, separator, quote)
        else:
            cells = [cell.strip() for cell in text.split(separator, limit)]
        if most is None:
            if len(cells) >= limit:
                raise FrameError("too_long", f"more than {MOST_VALUES} columns")
            return cells
        if len(cells) > most and extra:
            return cells[:most]
        if len(cells) > most or (least is not None and len(cells) < least):
            shown = len(cells) if len(cells) < limit else text.count(separator) + 1
            raise FrameError("no_fields", f"{shown} columns where {most} are declared")
        return cells

    return split


def _unquoted(text: str, separator: str, quote: str) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=separator, quotechar=quote, skipinitialspace=True, strict=True))
    except (csv.Error, ValueError) as error:
        raise FrameError("no_fields", f"quotes that do not match ({error})"[:LONGEST_NAME]) from error
    return [cell.strip() for cell in rows[0]] if rows else []


def columns_reader(declared: ColumnsFormat) -> Reader:
    """Read fixed columns.

    21.50 1013.2  45
    0    5      12  15
    """
    named = by_place(declared.fields)
    build = builder(named, declared, decimal=declared.decimal)
    places = [
        (name, slice(*field.columns), field.columns[0], field.optional)
        for (name, _), field in zip(named, declared.fields, strict=True)
    ]

    def read(text: str, around: Around, decoded: Decoded) -> None:
        record = {}
        for name, where, begin, optional in places:
            if begin >= len(text):
                if optional:
                    continue
                raise FrameError("no_fields", f"{len(text)} characters; {name} stands at {begin}")
            record[name] = text[where].strip()
        build(record, around, text, decoded)

    return text_reader(declared, read)


def pairs_reader(declared: PairsFormat) -> Reader:
    """Read names with values.

    0R2,Ta=16.1C,Ua=79.3P,Pa=959.7H
    |   |  |   `- unit: value_pattern
    |   |  `- value
    |   `- name
    `- head
    """
    head = patterns.compiled(declared.head) if declared.head else None
    value = patterns.compiled(declared.value_pattern) if declared.value_pattern else None
    separator, assign = declared.separator, declared.assign
    named_build = lists_builder(declared, declared.fields, declared.unknown, declared.units, declared.texts)

    def read(text: str, around: Around, decoded: Decoded) -> None:
        record: dict[str, Any] = {}
        rest = text
        if head:
            begun = head.begun(text)
            if begun is None:
                raise FrameError("no_fields", f"it does not begin as declared: {text[:40]!r}")
            found, rest = begun
            record.update(found)
        pieces = rest.split(None) if separator == BLANKS else rest.split(separator, MOST_VALUES + 1)
        if len(pieces) > MOST_VALUES:
            raise FrameError("too_long", f"more than {MOST_VALUES} pairs")
        told: dict[str, Any] = {}
        strange: list[str] = []
        for piece in pieces:
            name, mark, content = piece.strip().partition(assign) if assign != BLANKS else _halves(piece)
            if not mark:
                if name:
                    strange.append(name)
                continue
            if not name.startswith("\0"):
                _tell(told, name.strip(), content.strip(), value)
        if not told:
            raise FrameError("no_fields", f"no pair in {text[:40]!r}")
        for each in strange:
            decoded.refuse(FrameError("no_fields", f"{each[:LONGEST_NAME]!r} is no pair"), None)
        named_build(told, record, around, text, decoded)

    return text_reader(declared, read)


def _halves(piece: str) -> tuple[str, str, str]:
    parts = piece.split(None, 1)
    return (parts[0], " ", parts[1]) if len(parts) == 2 else (piece.strip(), "", "")


def _tell(told: dict[str, Any], name: str, content: str, value: patterns.Pattern | None) -> None:
    """Note a value and its unit. One that is not as declared stays as it is, to be refused as the number it is not."""
    if value is not None and (found := value.named(content)) is not None:
        content = found.get("value", "")
        told[unit_name(name)] = found.get("unit", "")
    told[name] = content


def regex_reader(declared: RegexFormat) -> Reader:
    """Read the named groups of one match, of every match, or of all of them together."""
    pattern = patterns.compiled(declared.pattern)
    head = patterns.compiled(declared.head) if declared.head else None

    def with_head(text: str) -> dict[str, Any]:
        found = head.named(text) if head else {}
        if found is None:
            raise FrameError("no_fields", "its head is not as declared")
        return dict(found)

    if declared.lists:
        build_list = lists_builder(
            declared, declared.fields, declared.unknown, declared.units, declared.texts, declared.keep_as
        )

        def read_list(text: str, around: Around, decoded: Decoded) -> None:
            told: dict[str, Any] = {}
            for number, found in enumerate(counted(pattern.every(text)), 1):
                name = found.get("key", str(number)).lstrip("\0")
                told[name] = found.get("value", "")
                told[unit_name(name)] = found.get("unit", "")
                told.update({f"{name} {more}": each for more, each in found.items() if more not in LIST_GROUPS})
            if not told:
                raise FrameError("no_fields", "the pattern is nowhere in it")
            build_list(told, with_head(text), around, text, decoded)

        return text_reader(declared, read_list)

    columns = each_field(declared.fields)
    build = builder(columns, declared, decimal=declared.decimal)

    def read(text: str, around: Around, decoded: Decoded) -> None:
        first = pattern.named(text)
        if first is None:
            raise FrameError("no_fields", f"the pattern is not in {text[:40]!r}")
        build({**with_head(text), **stripped(first)}, around, text, decoded)

    def read_every(text: str, around: Around, decoded: Decoded) -> None:
        raw: str | None = text
        for number, found in enumerate(pattern.every(text)):
            if number >= MAX_FRAMES_PER_MESSAGE:
                raise FrameError("too_long", f"more than {MAX_FRAMES_PER_MESSAGE} frames")
            try:
                build({**with_head(text), **stripped(found)}, around, raw, decoded)
            except FrameError as error:
                decoded.refuse(error, None)
            raw = None if decoded.frames else text
        if not decoded.frames and not decoded.bad:
            raise FrameError("no_fields", "the pattern is nowhere in it")

    return text_reader(declared, read_every if declared.every else read)


LIST_GROUPS = frozenset(("key", "value", "unit"))


def stripped(found: dict[str, str]) -> dict[str, str]:
    return {name: told.strip() for name, told in found.items()}


def lists_builder(
    payload: TextPayload,
    fields: Any,
    unknown: str,
    unit_words: dict[str, str | None],
    texts: str,
    keep_as: str = "{key}",
) -> Callable[[dict[str, Any], dict[str, Any], Around, str | None, Decoded], None]:
    """Makes a frame of names with values, most of which may be unknown."""
    columns = [(name, with_units(column, unit_words)) for name, column in each_field(fields)]
    build = builder(columns, payload, decimal=payload.decimal)
    # Who and when are no values, and neither is what is declared already.
    known = {name for name, _ in columns} | {name for text in payload.device for name in PLACE.findall(text)}
    if payload.time:
        known |= {payload.time.field or "", *PLACE.findall(payload.time.from_ or "")}
    builds: dict[tuple[str, ...], Build] = {}

    def keeping(names: tuple[str, ...]) -> Build:
        if names not in builds:
            if len(builds) >= MOST_LISTS:
                builds.clear()
            more = []
            for name in names:
                try:
                    more.append((name, Column(metric=kept(keep_as.replace("{key}", name)))))
                except FrameError:
                    continue
            builds[names] = builder([*columns, *more], payload, decimal=payload.decimal)
        return builds[names]

    def read(told: dict[str, Any], head: dict[str, Any], around: Around, raw: str | None, decoded: Decoded) -> None:
        strange = [name for name in told if name not in known and not name.startswith("\0")]
        record = {**head, **told}
        if unknown == "keep":
            if texts == "ignore":
                strange = [name for name in strange if told[name] in payload.nulls or NUMBER.fullmatch(told[name])]
            keeping(tuple(strange))(record, around, raw, decoded)
            return
        if unknown == "refuse":
            for name in strange:
                decoded.refuse(FrameError("no_fields", f"{name[:LONGEST_NAME]!r} is not declared"), None)
        build(record, around, raw, decoded)

    return read


MOST_LISTS = 64
"""Sets of unknown names whose fields are kept ready."""


def with_units(column: Column, words: dict[str, str | None]) -> Column:
    """The same field, with its unit told beside it."""
    if not words or isinstance(column.unit, UnitOf) or column.metric is None:
        return column
    to = column.kept_unit if column.kept_unit is not None else column.unit
    if to is None:
        return column
    fitting = {word: unit for word, unit in words.items() if unit is None or units.fits(unit, to)}
    if not fitting:
        return column
    unit = UnitOf(of=fitting, otherwise=column.unit)
    return column.model_copy(update={"unit": unit, "to": None if known_metric(column.metric) else to})
