"""One column of texts: is it a number, a time, who sent it, or always the same?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from barograph.collector.sniffing import words
from barograph.collector.sniffing.draft import Noted
from barograph.metrics import known

SWITCHES = {
    "on": 1,
    "off": 0,
    "open": 1,
    "opened": 1,
    "closed": 0,
    "close": 0,
    "true": 1,
    "false": 0,
    "yes": 1,
    "no": 0,
}
WITH_UNIT = re.compile(r"(?P<value>[+-]?(\d+[.,]?\d*|[.,]\d+)) ?(?P<unit>[^\d\s+-][^\d]{0,5})")


@dataclass
class Table:
    """What is known of the other columns: two must not be one metric, and one device is enough."""

    decimal: str = "."
    device: str | None = None
    time: dict[str, Any] | None = None
    date: tuple[str, str] | None = None
    clock: tuple[str, str] | None = None
    nulls: list[Any] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)

    def named(self, metric: str) -> str:
        """The same name, or a number behind it where it is taken."""
        name, number = metric, 2
        while name in self.metrics:
            name, number = f"{metric}_{number}", number + 1
        self.metrics.append(name)
        return name

    def time_told(self) -> dict[str, Any] | None:
        if self.time is None and self.date and self.clock:
            return {"from": f"{{{self.date[0]}}} {{{self.clock[0]}}}", "format": f"{self.date[1]} {self.clock[1]}"}
        return self.time


def column(texts: Sequence[str], table: Table, *, name: str, header: str = "", first: bool = False) -> Noted:
    """What it is, as a format says it. `name` is what others call it, `header` what the device does."""
    texts = [text.strip().strip('"') for text in texts]
    said = [text for text in texts if not words.is_null(text)]
    distinct = list(dict.fromkeys(said))
    if not said:
        return Noted({"is": "skip"}, "always empty")
    numbers = [text for text in said if words.is_number(text, table.decimal)]
    if (moment := _time(said, table, name, header)) is not None:
        return moment
    if len(numbers) >= 0.8 * len(said):
        return _number(texts, numbers, distinct, table, header, name)
    if {text.lower() for text in distinct} <= SWITCHES.keys():
        enum = {text: SWITCHES[text.lower()] for text in distinct}
        for text in [each for each in distinct if len(distinct) == 1]:
            enum |= {_opposite(text): 1 - SWITCHES[text.lower()]}
        metric = words.metric_of(header)
        note = "" if metric else "a switch; what of?"
        return Noted({"metric": table.named(metric[0] if metric else _name(header, name)), "enum": enum}, note)
    if units := _with_unit(said):
        return units_of(units, table, header or name.replace("column_", "value_"))
    return _text(distinct, len(said), table, header, name, first=first)


def _time(said: list[str], table: Table, name: str, header: str) -> Noted | None:
    told = words.time_of(said)
    clocklike = any(clock in words.squashed(header) for clock in words.CLOCKS)
    # A number of ten digits is a time; one of fewer is not, whatever its header says.
    if told is not None and table.time is None and (len(set(said)) > 1 or clocklike or told == {}):
        table.time = {"field": name, **told}
        zone = "" if said[0].endswith("Z") or told.get("unit") else "; in UTC unless `zone` says otherwise"
        return Noted({"name": name}, f"the device's clock, as {said[0]}{zone}")
    for shapes, kind in ((words.DATE, "date"), (words.CLOCK, "clock")):
        if getattr(table, kind) is None and (how := words.part_of_time(said, shapes)):
            setattr(table, kind, (name, how))
            return Noted({"name": name}, f"the device's {kind}, as {said[0]}")
    return None


def _number(texts: list[str], numbers: list[str], distinct: list[str], table: Table, header: str, name: str) -> Noted:
    values = [float(text.replace(",", ".")) for text in numbers]
    metric = words.metric_of(header) if header else None
    whole = all(re.fullmatch(r"\d+", text) for text in numbers)
    if metric is None and whole and len(values) >= 4 and all(after - before == 1 for before, after in pairwise(values)):
        return Noted({"is": "skip"}, f"a counter, {numbers[0]} … {numbers[-1]}: each frame has one more")
    identity = words.squashed(header) in words.IDENTITY if header else _padded(distinct)
    if metric is None and whole and table.device is None and identity and len(distinct) <= max(1, len(texts) // 3):
        table.device = name
        return Noted({"is": "device"}, f"{_few(distinct)}: a number of the device (a guess)")
    unit = words.unit_of(re.sub(r"^[^(\[]*[(\[]|[)\]]$", "", header)) if re.search(r"[(\[]", header) else None
    spec: dict[str, Any] = {"metric": table.named(metric[0] if metric else _name(header, name))}
    spec |= unit_spec(spec["metric"], unit)
    nulls = sorted({text for text in texts if text and words.is_null(text) and text != "----"})
    marks = sorted({text for text in numbers if text in words.NULL_NUMBERS and len(set(numbers)) > 1})
    if nulls or marks:
        spec["nulls"] = [*nulls, *(float(mark) if "." in mark else int(mark) for mark in marks)]
    told = sorted(value for value, text in zip(values, numbers, strict=True) if text not in marks)
    note = f"always {numbers[0]}" if len(set(values)) == 1 else f"{told[0]:g} … {told[-1]:g}"
    if not metric:
        note += ": what is it?"
    return Noted(spec, f"{note}; {metric[1]}" if metric and metric[1] else note)


def unit_spec(metric: str, unit: str | None) -> dict[str, str]:
    """Only where the metric's own unit is another one."""
    from barograph.collector import units

    line = known(metric)
    if unit is None or (line and units.same(unit, line.unit)):
        return {}
    try:
        fits = units.fits(unit, line.unit) if line else True
    except units.UnitError:
        fits = False
    return {"unit": unit} if fits else {}


def _with_unit(said: list[str]) -> tuple[list[str], str] | None:
    found = [WITH_UNIT.fullmatch(text) for text in said]
    matched = [each for each in found if each]
    if len(matched) < 0.8 * len(said) or len({each["unit"] for each in matched}) != 1:
        return None
    return [each["value"] for each in matched], matched[0]["unit"].strip()


def units_of(told: tuple[list[str], str], table: Table, header: str) -> Noted:
    """Numbers with the same unit behind each."""
    numbers, word = told
    unit = words.unit_of(word)
    metric = words.metric_of(header)
    group = words.safe(f"{header}_number")
    spec: dict[str, Any] = {"metric": table.named(metric[0] if metric else words.safe(header))}
    spec |= unit_spec(spec["metric"], unit)
    spec |= {"pattern": f"^(?P<{group}>[^A-Za-z%° ]+)", "from": f"{{{group}}}"}
    return Noted(spec, f"{numbers[0]} … {numbers[-1]} {word}")


def _text(distinct: list[str], many: int, table: Table, header: str, name: str, *, first: bool) -> Noted:
    constant = len(distinct) == 1
    identity = words.squashed(header) in words.IDENTITY if header else False
    if constant and first and not identity and not distinct[0][0].isalnum() and many >= 2:
        return Noted({"must": distinct[0]}, "every line begins so")
    if (
        table.device is None
        and (identity or (not header and len(distinct[0]) > 1 and len(distinct) <= max(1, many // 2)))
        and many >= 2
    ):
        table.device = name
        sure = "" if identity else " (a guess)"
        return Noted({"is": "device"}, f"{_few(distinct)}: who sends{sure}")
    return Noted({"is": "skip"}, f"always {distinct[0]!r}" if constant else f"texts, such as {_few(distinct)}")


def _name(header: str, name: str) -> str:
    return words.safe(header) if header else name.replace("column_", "value_")


def _padded(distinct: list[str]) -> bool:
    return all(text.startswith("0") and len(text) > 2 for text in distinct)


def _few(texts: list[str]) -> str:
    return ", ".join(texts[:3]) + (", …" if len(texts) > 3 else "")


def _opposite(text: str) -> str:
    pairs = {"on": "off", "true": "false", "yes": "no", "opened": "closed", "open": "closed"}
    other = {"close": "open", **{low: high for high, low in pairs.items()}, **pairs}[text.lower()]
    return other.upper() if text.isupper() else other.capitalize() if text[0].isupper() else other
