"""Payloads that are bytes: fields at their offsets, and items with tags."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from barograph.collector.formats.base import Payload
from barograph.collector.formats.fields import Column, once
from barograph.registry import Strict

INTEGER = r"[ui](8|(16|24|32|40|48|56|64)(be|le)|32(cdab|badc))"
Type = Annotated[str, Field(pattern=rf"^({INTEGER}|f(16|32|64)(be|le)|f32(cdab|badc)|bcd|bcdle|hex|hexle|ascii)$")]
"""u or i and the bits, or f; be begins with the high byte, le with the low one, cdab is be with its words swapped.
bcd are decimal digits; hex and ascii are texts, such as a serial number."""

SIZED = ("bcd", "bcdle", "hex", "hexle", "ascii")


class Part(Strict):
    """A number somewhere in the bytes."""

    at: int
    """The first byte, counted from 0; negative is counted from the end."""
    type: Type = "u8"
    size: int | None = Field(default=None, ge=1, le=64)
    """Bytes of a bcd, hex or ascii."""
    bits: tuple[int, int] | None = None
    """Within the number: the lowest bit, and how many."""
    times: int = 1
    """What it counts for where it is added to another part."""

    @model_validator(mode="after")
    def _sized(self) -> Part:
        if (self.type in SIZED) != (self.size is not None):
            raise ValueError(f"`size` is for {', '.join(SIZED)}, which need it")
        if self.at < 0 and self.at + self.width > 0:
            raise ValueError(f"{self.width} bytes from {self.at} on reach behind the end")
        if self.bits:
            low, count = self.bits
            if self.type[0] not in "ui" or low < 0 or count < 1 or low + count > self.width * 8:
                raise ValueError(f"bits [{low}, {count}] are not within a {self.type}")
        return self

    @property
    def width(self) -> int:
        return self.size or int("".join(each for each in self.type if each.isdigit())) // 8


class BinaryField(Part, Column):
    """A field at its offset."""

    plus: list[Part] = []
    """More parts of the same number, each `times` what it counts; the first one has its own `times`."""
    negative: Part | None = None
    """Where not 0, the number is negative: a sign that stands on its own."""
    repeat: Annotated[int, Field(ge=2, le=500)] | Literal["rest"] | None = None
    """How many of it follow each other; a metric `register_{n}` then says where the number goes."""
    first: int = 0
    """The number of the first that is repeated."""
    digits: int | None = Field(default=None, ge=1, le=20)
    """Told to others as a text of so many digits: a clock of 805 is 0805."""

    metric: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.:\-]{0,80}(\{n\}[A-Za-z0-9_]{0,15})?$")

    @model_validator(mode="after")
    def _repeated(self) -> BinaryField:
        if (self.repeat is not None) != ("{n}" in (self.metric or "")):
            raise ValueError("`repeat` goes with a metric that has {n} in it, as in register_{n}")
        if self.repeat and self.at < 0:
            raise ValueError("what is repeated begins at an offset from the start")
        return self


class Told(Part):
    """A size that stands in the payload itself: `add` and the number."""

    add: int = 0


Size = Annotated[
    Annotated[int, Tag("one")]
    | Annotated[list[int], Field(min_length=2, max_length=2), Tag("many")]
    | Annotated[Told, Tag("dict")],
    Discriminator(lambda given: "many" if isinstance(given, list) else "one" if isinstance(given, int) else "dict"),
]


class BinaryFormat(Payload):
    """Numbers at fixed offsets."""

    kind: Literal["binary"]
    fields: list[BinaryField] = Field(min_length=1)
    size: Size | None = None
    """Bytes of the payload, or [least, most], or where it says so itself; others are another kind of frame."""

    @model_validator(mode="after")
    def _sound(self) -> BinaryFormat:
        if not any(field.metric for field in self.fields):
            raise ValueError("no field is a metric")
        once(self.fields)
        return self


class Item(Strict):
    """What follows one tag."""

    fields: list[BinaryField] = []
    size: int | None = Field(default=None, ge=0, le=255)
    """Bytes behind the tag, if more than the fields reach."""

    @model_validator(mode="after")
    def _sound(self) -> Item:
        if any(field.at < 0 or field.repeat for field in self.fields):
            raise ValueError("fields of an item are counted from its first byte, and stand once")
        return self

    @property
    def width(self) -> int:
        reach = [field.at + field.width for field in self.fields]
        reach += [part.at + part.width for field in self.fields for part in field.plus]
        return self.size if self.size is not None else max(reach, default=0)


class TaggedFormat(Payload):
    """A row of items that each begin with a byte that says what they are."""

    kind: Literal["tagged"]
    at: int = Field(default=0, ge=0)
    """Where the first item begins."""
    until: int | None = None
    """Where the last one ends, as in Python: -1 leaves the last byte out."""
    length: Literal["u8"] | None = None
    """Whether each tag is followed by the length of what follows; unknown items can then be skipped."""
    of: dict[int, Item] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> TaggedFormat:
        columns = [field for item in self.of.values() for field in item.fields]
        if not any(column.metric for column in columns):
            raise ValueError("no field is a metric")
        once(columns)
        return self
