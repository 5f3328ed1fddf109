"""Payloads that are text: JSON, columns, pairs, patterns."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from barograph.collector import patterns, units
from barograph.collector.formats.base import Regex, TextPayload, Unknown
from barograph.collector.formats.fields import Column, Fields, each_field, once
from barograph.registry import Name, Strict

PLACE = re.compile(r"\{([^{}]+)\}")
"""A field in a text that is put together."""

Separator = Annotated[str, Field(min_length=1, max_length=6)]
"""What stands between two; `blanks` is any number of blanks and tabs."""


def _known_units(given: dict[str, str | None]) -> dict[str, str | None]:
    for unit in given.values():
        if unit is not None:
            units.check(unit)
    return given


Units = Annotated[dict[str, str | None], AfterValidator(_known_units)]
"""From their word for a unit to ours; null says that the value is invalid."""


class JsonFormat(TextPayload):
    """A JSON object, or an array of them.

    `values` is where they lie: `data.*` is all below `data`, `*` all that is not another field. Deeper objects give
    dotted names.
    """

    kind: Literal["json"]
    values: str = Field(default="*", pattern=r"^([^.\s*]+\.)*\*$")
    rename: dict[str, Name] = Field(default={})
    """From the board's word for a metric to ours: `{t: temperature}`."""
    fields: Fields = {}
    """The same with all that a field may have: `{t: {metric: temperature, unit: degF}}`."""
    ignore: list[str] = Field(default=[])
    """Fields among the values that are none, such as a firmware's version."""

    @model_validator(mode="after")
    def _sound(self) -> JsonFormat:
        once(column for _, column in each_field(self.fields))
        both = sorted(set(self.rename) & set(self.fields))
        if both:
            raise ValueError(f"{', '.join(both)} stands in `rename` and in `fields`")
        return self

    @property
    def prefix(self) -> list[str]:
        return self.values.split(".")[:-1]

    @property
    def reserved(self) -> frozenset[str]:
        """Fields that are not values, as `values: "*"` must know."""
        told = [*self.device, *([self.time.field or "", self.time.from_ or ""] if self.time else [])]
        return frozenset(name for text in told for name in (PLACE.findall(text) or [text]))

    @property
    def shows_its_end(self) -> bool:
        return True


Columns = Annotated[
    Annotated[list[Column], Tag("list"), Field(min_length=1)] | Annotated[Fields, Tag("dict")],
    Discriminator(lambda given: "dict" if isinstance(given, dict) else "list"),
]


class DelimitedFormat(TextPayload):
    """Columns between separators: `freezer-ice;-18,4;0`, by their place or by the names in a header line."""

    kind: Literal["delimited"]
    separator: Separator = ";"
    quote: str | None = Field(default=None, min_length=1, max_length=1)
    """Stands around what may have the separator in it; doubled it stands for itself."""
    columns: Columns = {}
    """A list goes by place; a mapping goes by the names of the header line."""
    extra: Literal["refuse", "ignore"] = "refuse"
    """What becomes of columns behind the last one that is declared."""
    header: bool | list[Literal["names", "units", "skip"]] = False
    """A line of names comes before the data, and may come again; or which lines, TOA5 has [names, units, skip]."""
    name_lines: Regex | None = None
    """Lines that name one column each: groups `column` (counted from 0) and `name`."""
    unknown: Unknown = "ignore"
    units: Units = {}

    @model_validator(mode="after")
    def _sound(self) -> DelimitedFormat:
        if isinstance(self.columns, list):
            if not self.columns:
                raise ValueError("no column is a metric")
            if self.header or self.name_lines:
                raise ValueError("with names in the data, `columns` is a mapping from name to field")
            if not any(column.metric for column in self.columns):
                raise ValueError("no column is a metric")
            for role in ("device", "time"):
                if sum(column.is_ == role for column in self.columns) > 1:
                    raise ValueError(f"two columns are the {role}")
            once(self.columns)
        else:
            if not (self.header or self.name_lines):
                raise ValueError("give `header: true` for columns by name, or a list of columns in their order")
            if not self.columns and self.unknown != "keep":
                raise ValueError("no column is a metric")
            once(column for _, column in each_field(self.columns))
        if isinstance(self.header, list) and "names" not in self.header:
            raise ValueError("no header line has names")
        if self.name_lines:
            _groups(self.name_lines, {"column", "name"})
        if self.separator == self.decimal:
            raise ValueError("separator and decimal mark are the same")
        if self.quote and len(self.separator) != 1:
            raise ValueError("quotes go with a separator of one character")
        return self

    @property
    def listed(self) -> list[Column]:
        return self.columns if isinstance(self.columns, list) else [one for _, one in each_field(self.columns)]


class PairsFormat(TextPayload):
    """Names with values: `Ta=25.0C,Ua=40.1P`."""

    kind: Literal["pairs"]
    separator: Separator = ","
    assign: Separator = "="
    fields: Fields = {}
    unknown: Unknown = "ignore"
    head: Regex | None = None
    """What stands before the first pair; its named groups are fields as well."""
    value_pattern: Regex | None = None
    """What a value looks like, where more than a number: groups `value` and `unit`."""
    units: Units = {}
    say: str | None = Field(default=None, max_length=1000)
    """What such a device would say before the pairs, with `{field}`s in it; lets the simulator speak the format."""

    @model_validator(mode="after")
    def _sound(self) -> PairsFormat:
        if self.separator == self.assign:
            raise ValueError("separator and assign are the same")
        if self.value_pattern:
            _groups(self.value_pattern, {"value"})
        _something(self.fields, self.unknown)
        return self


class Say(Strict):
    """A list that is said: what is before it, each value (`{key}`, `{value}`, `{signed}`, `{unit}`), what is behind."""

    begin: str = Field(default="", max_length=1000)
    each: str = Field(min_length=1, max_length=200)
    between: str = Field(default="", max_length=20)
    end: str = Field(default="", max_length=1000)


class RegexFormat(TextPayload):
    """A pattern with named groups, which are the fields.

    With `every` each match is a frame. With a group `value` the matches together are one frame: `key` is then each
    value's name (without it they count from 1), and `unit` its unit.
    """

    kind: Literal["regex"]
    pattern: Regex
    every: bool = False
    fields: Fields = {}
    unknown: Unknown = "ignore"
    head: Regex | None = None
    """Found once; its named groups are fields as well, of every frame."""
    units: Units = {}
    keep_as: str = Field(default="{key}", pattern=r"\{key\}", max_length=50)
    """What an unknown value that is kept is called: `value_{key}`."""
    say: str | Say | None = None
    """What such a device would say, with fields in it: `{value}`, or `{address|0}` with what stands there otherwise.
    Lets the simulator speak the format."""

    @model_validator(mode="after")
    def _sound(self) -> RegexFormat:
        found = patterns.compiled(self.pattern).groups
        if not found:
            raise ValueError("the pattern has no named groups: write (?P<temperature>...)")
        if not self.lists:
            have = found | (patterns.compiled(self.head).groups if self.head else frozenset())
            made = {name for name, column in each_field(self.fields) if column.from_}
            cut = {
                name
                for _, column in each_field(self.fields)
                if column.pattern
                for name in patterns.compiled(column.pattern).groups
            }
            strange = sorted(set(self.fields) - have - made - cut)
            if strange:
                raise ValueError(f"the pattern has no group {', '.join(strange)}")
        _something(self.fields, self.unknown)
        return self

    @property
    def lists(self) -> bool:
        """Whether the matches are the values of one frame."""
        return "value" in patterns.compiled(self.pattern).groups and "value" not in self.fields


class Place(Column):
    """A field that stands in the same columns of every line."""

    columns: tuple[int, int | None]
    """From the first to behind the last, counted from 0; null is the end of the line."""


class ColumnsFormat(TextPayload):
    """Fixed columns, as printers and old loggers have them."""

    kind: Literal["columns"]
    fields: list[Place] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> ColumnsFormat:
        if not any(field.metric for field in self.fields):
            raise ValueError("no column is a metric")
        once(self.fields)
        return self


def _groups(pattern: str, wanted: set[str]) -> None:
    missing = sorted(wanted - patterns.compiled(pattern).groups)
    if missing:
        raise ValueError(f"the pattern {pattern} needs a group {' and '.join(missing)}, as in (?P<{missing[0]}>...)")


def _something(fields: Fields, unknown: Unknown) -> None:
    columns = [column for _, column in each_field(fields)]
    if unknown != "keep" and not any(column.metric for column in columns):
        raise ValueError("no field is a metric")
    once(columns)
