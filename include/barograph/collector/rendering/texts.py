"""Texts: JSON, columns, pairs, patterns, sentences."""

from __future__ import annotations

import json
from datetime import datetime
from fractions import Fraction
from typing import Any

from barograph.collector.decoding.fields import unit_name
from barograph.collector.decoding.sentences import field_names
from barograph.collector.decoding.texts import BLANKS, by_place, with_units
from barograph.collector.formats import (
    Column,
    ColumnsFormat,
    DelimitedFormat,
    JsonFormat,
    Nmea0183Format,
    PairsFormat,
    RegexFormat,
    Sentence,
    TextPayload,
)
from barograph.collector.formats.fields import each_field
from barograph.collector.formats.text import PLACE, Say
from barograph.collector.rendering.fields import as_text, told_of
from barograph.collector.rendering.spelling import Told, Unrenderable, filled, spelled, taken_apart, time_told
from barograph.readings import Value

Values = dict[str, Value]

PLAIN = Column(name="-")
"""What is said that is no value: a time, a name, a flag."""


def json_payload(declared: JsonFormat, device: str, values: Values, at: datetime) -> str:
    content: dict[str, Any] = {}
    for template in declared.device:
        parts = taken_apart(template, device) if PLACE.search(template) else {template: device}
        if parts is not None:
            for name, part in parts.items():
                _put(content, name.split("."), part)
            break
    if declared.time and declared.time.field:
        told = time_told(declared.time, at)
        how = declared.time.format[0] if declared.time.format else declared.time.unit
        _put(content, declared.time.field.split("."), told if how == "iso" or "%" in how else float(told))
    theirs = {ours: name for name, ours in declared.rename.items()}
    fields = each_field(declared.fields)
    plain = {name: value for name, value in values.items() if all(column.metric != name for _, column in fields)}
    for name, value in plain.items():
        _put(content, [*declared.prefix, *theirs.get(name, name).split(".")], value)
    rest = {name: value for name, value in values.items() if name not in plain}
    for name, raw in told_of(fields, declared.model_copy(update={"device": [], "time": None}), "", rest, at).items():
        number = None if rest and raw in declared.nulls else raw
        _put(content, [*declared.prefix, *name.split(".")], _number(number) if isinstance(number, Fraction) else number)
    return json.dumps(content, separators=(",", ":"))


def _number(raw: Fraction) -> float:
    return int(raw) if raw.denominator == 1 else float(raw)


def _put(content: dict[str, Any], path: list[str], told: object) -> None:
    for step in path[:-1]:
        content = content.setdefault(step, {})
    content[path[-1]] = told


def row_payload(declared: DelimitedFormat, device: str, values: Values, at: datetime) -> str:
    """A row by place; missing values are null markers, since a column cannot be left out."""
    named = by_place(declared.columns if isinstance(declared.columns, list) else [])
    told = told_of(named, declared, device, values, at)
    empty = str(declared.nulls[-1]) if declared.nulls else ""
    cells = [
        as_text(told.get(name, empty if column.metric else ""), column, decimal=declared.decimal)
        for name, column in named
    ]
    return _joined(declared, cells)


def table_payloads(declared: DelimitedFormat, device: str, values: Values, at: datetime) -> list[str]:
    """The header, as far as these values need it, and their row."""
    if declared.name_lines:
        raise Unrenderable("lines that name one column each can be written in many ways")
    fields = each_field(declared.columns) if isinstance(declared.columns, dict) else []
    known = {column.metric for _, column in fields}
    fields = [(name, column) for name, column in fields if column.metric is None or column.metric in values]
    fields += [(name, Column(metric=name)) for name in values if name not in known]
    told = told_of(fields, declared, device, values, at)
    names = list(told)
    columns = dict(fields)
    cells = [as_text(told[name], columns.get(name, PLAIN), decimal=declared.decimal) for name in names]
    lines = declared.header if isinstance(declared.header, list) else ["names"]
    header = [_joined(declared, names if line == "names" else [""] * len(names)) for line in lines]
    return [*header, _joined(declared, cells)]


def _joined(declared: DelimitedFormat, cells: list[str]) -> str:
    separator, quote = declared.separator, declared.quote
    if quote:
        cells = [f"{quote}{cell}{quote}" if separator in cell or not cell else cell for cell in cells]
    return (" " if separator == BLANKS else separator).join(cells)


def columns_payload(declared: ColumnsFormat, device: str, values: Values, at: datetime) -> str:
    named = by_place(declared.fields)
    told = told_of(named, declared, device, values, at)
    line = ""
    for name, field in sorted(named, key=lambda each: each[1].columns[0]):
        begin, end = field.columns
        width = (end or begin) - begin
        text = as_text(told.get(name, ""), field, width, declared.decimal)
        if end is not None and len(text) > width:
            raise Unrenderable(f"{text!r} is wider than the {width} columns of {name}")
        line = line.ljust(begin) + text.rjust(width)
    return line


def pairs_payload(declared: PairsFormat, device: str, values: Values, at: datetime) -> str:
    columns, told = _listed(declared, device, values, at)
    pieces = []
    for name, raw in told.items():
        if name.startswith("\0") or (declared.head and name not in columns):
            continue
        text = as_text(raw, columns.get(name, PLAIN), decimal=declared.decimal)
        pieces.append(f"{name}{_blank(declared.assign)}{text}{told.get(unit_name(name), '')}")
    return filled(declared.say or "", told) + _blank(declared.separator).join(pieces)


def _blank(separator: str) -> str:
    return " " if separator == BLANKS else separator


def regex_payload(declared: RegexFormat, device: str, values: Values, at: datetime) -> str:
    if declared.lists:
        return _list_payload(declared, device, values, at)
    columns = each_field(declared.fields)
    told = told_of(columns, declared, device, values, at)
    lookup = dict(columns)
    texts = {name: str(declared.nulls[-1]) for name, column in columns if column.metric and declared.nulls}
    texts |= {name: as_text(raw, lookup.get(name, PLAIN), None, declared.decimal) for name, raw in told.items()}
    if isinstance(declared.say, Say):
        raise Unrenderable("`say` with `each` is for patterns with a group `value`")
    return filled(declared.say, texts) if declared.say else spelled(declared.pattern, texts)


def _list_payload(declared: RegexFormat, device: str, values: Values, at: datetime) -> str:
    say = declared.say
    if not isinstance(say, Say):
        raise Unrenderable("a list needs `say` with `each`")
    columns, told = _listed(declared, device, values, at, declared.keep_as)
    told_names = [name for name in told if not name.startswith("\0")]
    heads = {name.partition("|")[0] for name in PLACE.findall(say.begin + say.end)} - columns.keys()
    said = []
    for name in sorted(told_names, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0)):
        if name in heads:
            continue
        text = as_text(told[name], columns.get(name, PLAIN), decimal=declared.decimal)
        signed = text if text[:1] in "+-" else f"+{text}"
        said.append(
            filled(say.each, {"key": name, "value": text, "signed": signed, "unit": told.get(unit_name(name), "")})
        )
    return filled(say.begin, told) + say.between.join(said) + filled(say.end, told)


def _listed(
    declared: PairsFormat | RegexFormat, device: str, values: Values, at: datetime, keep_as: str = "{key}"
) -> tuple[dict[str, Column], Told]:
    """Names with values: those that are declared, and those that are kept under a name of their own."""
    fields = [(name, with_units(column, declared.units)) for name, column in each_field(declared.fields)]
    known = {column.metric for _, column in fields}
    strange = [metric for metric in values if metric not in known]
    if strange and declared.unknown != "keep":
        raise Unrenderable(f"there is no place for {', '.join(strange)}")
    for metric in strange:
        key = (taken_apart(keep_as, metric) or {}).get("key")
        if key is None:
            raise Unrenderable(f"{metric} is not called {keep_as}")
        fields.append((key, Column(metric=metric)))
    return dict(fields), told_of(fields, declared, device, values, at)


def sentence_payload(
    declared: Nmea0183Format, name: str, sentence: Sentence, device: str, values: Values, at: datetime
) -> str:
    """One sentence, without its checksum: that is the framing's."""
    who = TextPayload.model_construct(
        **{**TextPayload().__dict__, "device": declared.device, "time": sentence.time or declared.time, "nulls": [""]}
    )
    columns = [(field, with_units(column, sentence.units)) for field, column in each_field(sentence.fields)]
    told = told_of(columns, who, device, values, at)
    lookup = dict(columns)
    texts = {field: as_text(raw, lookup.get(field, PLAIN)) for field, raw in told.items()}
    names = field_names(name)
    if sentence.groups:
        data = _grouped(sentence, texts, told)
    else:
        data = [texts.get(field, texts.get(str(place), "")) for place, field in enumerate(names, 1)]
        for field, text in texts.items():
            if field.isdecimal():
                data += [""] * (int(field) - len(data))
                data[int(field) - 1] = text
    address = name if name.startswith("P") else f"{told.get('talker', 'WI')}{name}"
    if name.startswith("P") and len(name) > 4:
        address, data = name[:4], [name[4:], *data[1:]]
        return "$" + address + data[0] + "," + ",".join(data[1:])
    return "$" + ",".join([address, *data])


def _grouped(sentence: Sentence, texts: dict[str, str], told: Told) -> list[str]:
    data: list[str] = []
    for field, text in texts.items():
        if field.startswith("\0") or field == "talker":
            continue
        group = taken_apart(sentence.unit, str(told.get(unit_name(field), ""))) or {}
        group = {"type": field[:1], **group, "key": field, "value": text}
        data += [group.get(place, "") for place in sentence.groups or ()]
    return data
