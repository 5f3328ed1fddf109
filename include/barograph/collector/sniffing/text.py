"""Formats that text may have: JSON, pairs, columns between separators, sentences with numbers, fixed columns."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from barograph.collector.sniffing import words
from barograph.collector.sniffing.columns import SWITCHES, Table, column, unit_spec
from barograph.collector.sniffing.draft import Draft, Noted, shown
from barograph.collector.sniffing.lines import ENOUGH_LINES, Lines, lines_of

SEPARATORS = (",", ";", "\t", "|", "blanks")
ASSIGNS = ("=", ":")
NUMBER = re.compile(r"(?<![A-Za-z0-9_.])[+-]?\d+(?:\.\d+)?(?![0-9])")
VALUE = re.compile(r"(?P<value>[+-]?(\d+\.?\d*|\.\d+)) ?(?P<unit>[^\d\s.,+-][^\d]{0,6})?")
SHOWN = 3


def text_drafts(data: bytes) -> Iterator[Draft]:
    lines = lines_of(data)
    if lines is None:
        return
    for made in (_json, _pairs, _delimited, _kinds, _sentence, _columns, _numbers):
        if draft := made(lines):
            yield draft


def _draft(lines: Lines, body: dict[str, Any], table: Table, why: str, hopes: float = 0.9) -> Draft:
    """With what all texts have: framing, encoding, marks for "no value", whose it is."""
    whole: dict[str, Any] = {"about": "sniffed: to be checked field by field", "kind": body.pop("kind")}
    if lines.frame:
        whole["frame"] = Noted(lines.frame, _checked(lines))
    if lines.encoding != "utf-8":
        whole["encoding"] = lines.encoding
    if table.decimal != ".":
        whole["decimal"] = table.decimal
    if (told := table.time_told()) and "time" not in body:
        whole["time"] = told
    notes = [] if table.device or "device" in body else ["No field says who sends: the port's `device` does."]
    wire = [shown(text.encode()) for text in lines.heard[:SHOWN]]
    return Draft(wire, whole | body, why, hopes + 0.05 * ("checksum" in lines.frame), notes)


def _checked(lines: Lines) -> str:
    return lines.note or ("the checksum came out right in every line" if "checksum" in lines.frame else "")


# JSON


def _json(lines: Lines) -> Draft | None:
    objects = [found for text in lines.texts if isinstance(found := _object(text), dict)]
    if not objects or len(objects) < ENOUGH_LINES * len(lines.texts):
        return None
    told: dict[str, list[Any]] = {}
    for each in objects:
        for path, value in _paths(each):
            told.setdefault(path, []).append(value)
    table = Table()
    body: dict[str, Any] = {"kind": "json"}
    fields: dict[str, Any] = {}
    ignored: list[str] = []
    for path, given in told.items():
        last = path.rsplit(".", 1)[-1]
        texts = [value for value in given if isinstance(value, str)]
        numbers = [value for value in given if isinstance(value, int | float)]
        if table.time is None and (when := _json_time(last, given)) is not None:
            table.time = {"field": path, **when}
        elif table.device is None and words.squashed(last) in words.IDENTITY and len(set(map(str, given))) <= 50:
            table.device = path
        elif numbers and len(numbers) + given.count(None) >= 0.8 * len(given):
            fields[path] = _json_number(last, path, numbers, table)
        elif texts and {text.lower() for text in texts} <= SWITCHES.keys():
            enum = {text: SWITCHES[text.lower()] for text in sorted(set(texts))}
            fields[path] = Noted({"metric": table.named(words.safe(last)), "enum": enum}, "a switch")
        elif any(value is not None for value in given):
            ignored.append(path)
    if not fields:
        return None
    if table.device:
        body["device"] = table.device if "." not in table.device else f"{{{table.device}}}"
    if table.time:
        body["time"] = table.time
        body["time"] = Noted(table.time, f"the device's clock, as {told[table.time['field']][0]}")
    body["fields"] = fields
    if ignored:
        body["ignore"] = Noted(ignored, "texts, or nothing that is a number")
    return _draft(lines, body, table, "each line is a JSON object", 0.97)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _paths(given: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, dict) and depth < 8:
            yield from _paths(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", value


def _json_time(name: str, given: list[Any]) -> dict[str, str] | None:
    texts = [str(value) for value in given if value is not None and not isinstance(value, bool)]
    if not texts or (words.squashed(name) not in words.CLOCKS and not any(c in name.lower() for c in ("time", "date"))):
        return None
    return words.time_of(texts)


def _json_number(last: str, path: str, numbers: list[Any], table: Table) -> Noted:
    metric = words.metric_of(last) or words.metric_of(path)
    unit = next((found for part in re.split(r"[_ ]", last)[1:] if (found := words.unit_of(part))), None)
    spec: dict[str, Any] = {"metric": table.named(metric[0] if metric else words.safe(path))}
    spec |= unit_spec(spec["metric"], unit)
    note = _range(numbers)
    return Noted(spec, f"{note}; {metric[1]}" if metric and metric[1] else note)


def _range(numbers: Sequence[float]) -> str:
    least, most = min(numbers), max(numbers)
    return f"always {least:g}" if least == most else f"{least:g} … {most:g}"


# Names with values


def _pairs(lines: Lines) -> Draft | None:
    best: tuple[int, str, str, str, list[dict[str, str]]] | None = None
    for assign in ASSIGNS:
        for separator in (",", ";", "&", "|", "\t", "blanks"):
            found = [told for text in lines.texts if (told := _split(text, separator, assign))]
            if len(found) < ENOUGH_LINES * len(lines.texts):
                continue
            heads = {told.pop("\0", "") for told in found}
            numbers = sum(bool(VALUE.fullmatch(value)) for told in found for value in told.values())
            if numbers * 2 < sum(map(len, found)) or len(heads) > 20 or not any(found):
                continue
            if best is None or numbers > best[0]:
                best = (numbers, separator, assign, min(heads, key=len) if all(heads) else "", found)
    if best is None:
        return None
    _, separator, assign, head, split = best
    by_name: dict[str, list[str]] = {}
    for each in split:
        for name, value in each.items():
            by_name.setdefault(name, []).append(value)
    table, fields, with_unit = Table(), {}, False
    body: dict[str, Any] = {"kind": "pairs", "separator": separator, "assign": assign}
    for name, given in by_name.items():
        values = [match for value in given if (match := VALUE.fullmatch(value))]
        if table.time is None and (when := words.time_of(given)) is not None and len(set(given)) > 1:
            table.time = {"field": name, **when}
        elif table.device is None and words.squashed(name) in words.IDENTITY:
            table.device = name
            body["device"] = f"{{{name}}}"
        elif len(values) * 2 >= len(given):
            with_unit = with_unit or any(match["unit"] for match in values)
            fields[name] = _pair(name, values, table)
    if not fields:
        return None
    if head:
        body["head"] = Noted("^" + _escaped(head) + re.escape("" if separator == "blanks" else separator), "")
        if not all(text.startswith(head) for text in lines.texts):
            body["head"] = Noted(rf"^[^{assign}{separator if separator != 'blanks' else ' '}]+[{separator}]", "varies")
    if with_unit:
        body["value_pattern"] = Noted(r"^(?P<value>[+-]?[0-9.]+)", "what stands behind the numbers are their units")
    body["fields"] = fields
    return _draft(lines, body, table, f"names and values, `{assign}` between them", 0.93)


def _split(text: str, separator: str, assign: str) -> dict[str, str] | None:
    pieces = text.split() if separator == "blanks" else text.split(separator)
    told: dict[str, str] = {}
    for place, piece in enumerate(pieces):
        name, mark, value = piece.strip().partition(assign)
        name = name.strip()
        if not mark and place == 0 and len(pieces) > 1:
            told["\0"] = piece
        elif not mark or not re.fullmatch(r"[A-Za-z_][\w .%/()°-]{0,40}", name) or name in told or not value.strip():
            return None
        else:
            told[name] = value.strip()
    return told if told.keys() - {"\0"} else None


def _pair(name: str, values: list[re.Match[str]], table: Table) -> Noted:
    metric = words.metric_of(name)
    words_for_unit = {match["unit"] or "" for match in values}
    unit = words.unit_of(words_for_unit.pop()) if len(words_for_unit) == 1 else None
    spec: dict[str, Any] = {"metric": table.named(metric[0] if metric else words.safe(name))}
    spec |= unit_spec(spec["metric"], unit)
    note = _range([float(match["value"]) for match in values])
    return Noted(spec, f"{note}; {metric[1]}" if metric and metric[1] else note)


# Columns between separators


def _delimited(lines: Lines) -> Draft | None:
    best: tuple[float, str, int] | None = None
    for separator in SEPARATORS:
        counts = Counter(len(_cells(text, separator)) for text in lines.texts)
        width, many = counts.most_common(1)[0]
        share = many / len(lines.texts)
        if share < ENOUGH_LINES or (width < 2 and separator != ","):
            continue
        rows = [cells for text in lines.texts if len(cells := _cells(text, separator)) == width]
        numeric = sum(_numeric(cell) for cells in rows for cell in cells) / (width * len(rows))
        if numeric < 0.3 or (width == 1 and numeric < 0.8):
            continue
        rank = share + numeric + 0.1 * min(width, 10) - 0.3 * (separator == "blanks")
        if best is None or rank > best[0]:
            best = (rank, separator, width)
    return None if best is None else _rows(lines, best[1], best[2])


def _rows(lines: Lines, separator: str, width: int) -> Draft | None:
    rows = [cells for text in lines.texts if len(cells := _cells(text, separator)) == width]
    body: dict[str, Any] = {"kind": "delimited", "separator": separator}
    if any('"' in text for text in lines.texts) and len(separator) == 1:
        body["quote"] = '"'
    header: list[str] = []
    before = next((place for place, row in enumerate(rows[:5]) if any(_numeric(cell) for cell in row)), 0)
    if before:
        header = [cell.strip().strip('"') for cell in rows[0]]
        lines_before = [text for text in lines.texts if _cells(text, separator) in rows[:before]]
        one_of = "|".join(dict.fromkeys(_escaped(text[:80]) for text in lines_before))
        body["skip_lines"] = Noted(f"^({one_of})", "lines of names come before the data")
        rows = [row for row in rows[before:] if row not in rows[:before]]
    if not rows:
        return None
    table = Table(decimal="," if separator != "," and _commas(rows) else ".")
    columns = []
    for place, given in enumerate(zip(*rows, strict=True)):
        title = header[place] if header else ""
        name = words.safe(title) if title else f"column_{place + 1}"
        columns.append(column(given, table, name=name, header=title, first=place == 0))
    if not any("metric" in each.what for each in columns):
        return None
    body["columns"] = columns
    if width == 1:
        body["separator"] = Noted(";", "there is only one column: any separator will do")
    told = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", "blanks": "blanks"}[separator]
    why = f"{width} columns between {told}" if width > 1 else "a number a line"
    wordy = sum(each.what.get("is") == "skip" and each.note.startswith("always '") for each in columns)
    return _draft(lines, body, table, why, 0.85 if width == 1 or (wordy > 1 and separator == "blanks") else 0.9)


def _cells(text: str, separator: str) -> list[str]:
    if separator == "blanks":
        return text.split()
    if '"' in text:
        return [each.strip() for each in re.split(f'{re.escape(separator)}(?=(?:[^"]*"[^"]*")*[^"]*$)', text)]
    return [each.strip() for each in text.split(separator)]


def _numeric(cell: str) -> bool:
    return words.is_number(cell) or words.is_number(cell, ",")


def _commas(rows: list[list[str]]) -> bool:
    cells = [cell for row in rows for cell in row]
    return any(re.fullmatch(r"[+-]?\d+,\d+", cell) for cell in cells) and not any(
        re.fullmatch(r"[+-]?\d+\.\d+", cell) for cell in cells
    )


def _kinds(lines: Lines) -> Draft | None:
    """Lines of several kinds, told apart by their first column: `T,21.5` and `D,open`."""
    for separator in SEPARATORS:
        rows = [_cells(text, separator) for text in lines.texts]
        groups: dict[str, list[list[str]]] = {}
        for cells in rows:
            if len(cells) > 1 and not _numeric(cells[0]):
                groups.setdefault(cells[0], []).append(cells)
        groups = {name: each for name, each in groups.items() if len(each) > 1 and len({len(c) for c in each}) == 1}
        if not 2 <= len(groups) <= 20 or sum(map(len, groups.values())) < ENOUGH_LINES * len(rows):
            continue
        of: dict[str, Any] = {}
        for name, given in groups.items():
            table = Table(decimal="," if separator != "," and _commas(given) else ".", device="?")
            columns = [Noted({"is": "skip"})]
            columns += [
                column(cells, table, name=f"{words.safe(name)}_{place}")
                for place, cells in enumerate(list(zip(*given, strict=True))[1:], 1)
            ]
            if any("metric" in each.what for each in columns):
                one = {"kind": "delimited", "separator": separator, "columns": columns}
                of[name] = Noted(
                    one | ({"decimal": ","} if table.decimal == "," else {}), shown(separator.join(given[0]).encode())
                )
        if len(of) < 2:
            continue
        body = {"kind": "choice", "by": {"column": 0, "separator": separator}, "of": of, "otherwise": "ignore"}
        return _draft(lines, body, Table(device="?"), f"{len(of)} kinds of lines", 0.85)
    return None


# Sentences with numbers in them, and fixed columns


def _sentence(lines: Lines) -> Draft | None:
    """`Temp: 21.5 C  Hum: 40 %`: the same words around changing numbers."""
    shapes = Counter(NUMBER.sub("\0", text) for text in lines.texts)
    shape, many = shapes.most_common(1)[0]
    parts = shape.split("\0")
    if many < ENOUGH_LINES * len(lines.texts) or len(parts) < 2 or not any(re.search("[A-Za-z]", p) for p in parts):
        return None
    found = [NUMBER.findall(text) for text in lines.texts if NUMBER.sub("\0", text) == shape]
    table, fields, pattern = Table(), {}, "^" + _escaped(parts[0])
    for place, given in enumerate(zip(*found, strict=True)):
        before = re.findall(r"[A-Za-z][A-Za-z0-9_.]*", parts[place])
        name = before[-1] if before else f"value_{place + 1}"
        metric = words.metric_of(name)
        group = table.named(metric[0] if metric else words.safe(name))
        unit = words.unit_of(re.split(r"[\s,;]", parts[place + 1].strip() + " ")[0])
        spec = {"metric": group, **unit_spec(group, unit)}
        note = _range([float(each) for each in given])
        fields[group] = Noted(spec, f"{note}; {metric[1]}" if metric and metric[1] else note)
        pattern += rf"(?P<{group}>[+-]?[0-9.]+)" + _escaped(parts[place + 1])
    return _draft(
        lines,
        {"kind": "regex", "pattern": pattern + "$", "fields": fields},
        table,
        "the same words around numbers",
        0.88,
    )


def _columns(lines: Lines) -> Draft | None:
    """Blanks stand in the same columns of all lines."""
    size, many = Counter(map(len, lines.texts)).most_common(1)[0]
    texts = [text for text in lines.texts if len(text) == size]
    if many < max(4, ENOUGH_LINES * len(lines.texts)) or size > 400:
        return None
    blank = [all(text[place] == " " for text in texts) for place in range(size)]
    spans, begin = [], None
    for place in range(size + 1):
        if place < size and not blank[place]:
            begin = place if begin is None else begin
        elif begin is not None:
            spans.append((begin, place))
            begin = None
    table = Table()
    fields = []
    for number, (low, high) in enumerate(spans, 1):
        made = column([text[low:high] for text in texts], table, name=f"column_{number}")
        if made.what.get("is") != "skip":
            fields.append(Noted({**made.what, "columns": [low, high]}, made.note))
    if len(spans) < 2 or not any("metric" in each.what for each in fields):
        return None
    return _draft(lines, {"kind": "columns", "fields": fields}, table, "fixed columns", 0.8)


def _numbers(lines: Lines) -> Draft | None:
    """Where nothing else can be said: all numbers of a line, in their order."""
    if sum(bool(NUMBER.search(text)) for text in lines.texts) < 0.5 * len(lines.texts):
        return None
    body = {"kind": "regex", "pattern": r"(?P<value>[+-]?\d+(\.\d+)?)", "unknown": "keep", "keep_as": "value_{key}"}
    why = "text whose lines are not alike: only the numbers in them, in their order"
    return _draft(lines, body, Table(), why, 0.4)


def _escaped(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
