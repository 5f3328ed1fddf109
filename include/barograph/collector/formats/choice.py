"""Payloads in which there are others, of one kind or of several; and those that are read by others."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from barograph.collector import patterns
from barograph.collector.formats.base import Described, Regex, TextPayload, Texts, Unknown
from barograph.collector.formats.binary import BinaryFormat, Part, TaggedFormat, Type
from barograph.collector.formats.fields import Fields, TimeField
from barograph.collector.formats.text import (
    ColumnsFormat,
    DelimitedFormat,
    JsonFormat,
    PairsFormat,
    RegexFormat,
    Units,
)
from barograph.registry import Slug, Strict


class By(Strict):
    """What tells the kinds apart; exactly one of these."""

    at: int | None = None
    """A number in the bytes, or a text in them."""
    type: Type = "u8"
    size: int | None = None
    bits: tuple[int, int] | None = None
    key: str | None = None
    """A field of a JSON object, by its path."""
    column: int | None = Field(default=None, ge=0, le=1000)
    """A column between separators, counted from 0."""
    separator: str = Field(default=",", min_length=1, max_length=5)
    prefix: bool = False
    """How the text begins; the longest that fits counts."""
    pattern: Regex | None = None
    """What the first group of a pattern finds, or all of it."""
    matches: bool = False
    """Whichever pattern fits first: the kinds are named by patterns."""
    length: bool = False
    """How many bytes there are."""
    part: str | None = None
    """A named group of the pattern around it: of `bytes`."""

    @model_validator(mode="after")
    def _one(self) -> By:
        given = [self.at, self.key, self.column, self.pattern, self.part]
        if sum(each is not None for each in given) + self.prefix + self.matches + self.length != 1:
            raise ValueError("give exactly one of at, key, column, prefix, pattern, matches, length, part")
        _ = self.place
        return self

    @property
    def place(self) -> Part | None:
        return None if self.at is None else Part(at=self.at, type=self.type, size=self.size, bits=self.bits)

    def means(self, name: int | str) -> int | str:
        """What a kind's name stands for in a payload: a whole number, or a text. Raises ValueError."""
        if self.length or (self.at is not None and self.type[0] in "ui"):
            return whole_number(name)
        return str(name).lower() if self.type.startswith("hex") else str(name)


class Nothing(Strict):
    """A payload without readings: passed over, or refused."""

    kind: Literal["ignore", "refuse"]
    why: str = Field(default="", max_length=200)


class Like(Strict):
    """The same as another one of the choice."""

    kind: Literal["like"] = "like"
    like: int | str


def _short(given: Any) -> Any:
    if isinstance(given, str):
        return {"kind": given}
    if isinstance(given, dict) and "like" in given and "kind" not in given:
        return {**given, "kind": "like"}
    if isinstance(given, dict) and "frame" in given:
        raise ValueError("`frame` stands once, at the top: the bytes are cut before they are read")
    return given


class _Around(Described):
    device: Texts = []
    """Of all kinds that name none themselves."""
    time: TimeField | None = None


class ChoiceFormat(_Around):
    """One of several kinds, by what stands in the payload itself."""

    kind: Literal["choice"]
    by: By
    of: dict[int | str, Nested] = Field(min_length=1)
    otherwise: Nested = Nothing(kind="refuse")

    @model_validator(mode="after")
    def _sound(self) -> ChoiceFormat:
        described = {self.by.means(name) for name, one in self.of.items() if not isinstance(one, Like)}
        for name, one in self.of.items():
            if isinstance(one, Like) and self.by.means(one.like) not in described:
                raise ValueError(f"{name} is like {one.like}, which is not described here")
            if self.by.matches:
                patterns.checked(str(name))
        return self

    @property
    def kinds(self) -> dict[int | str, Nested]:
        """By what stands in the payload, what it then is."""
        found = {self.by.means(name): one for name, one in self.of.items()}
        return {
            name: found[self.by.means(one.like)] if isinstance(one, Like) else one for name, one in found.items()
        }  # fmt: skip


def whole_number(name: int | str) -> int:
    """`0x52` is one, and so is 82. Raises ValueError."""
    try:
        return name if isinstance(name, int) else int(name, 0)
    except ValueError as error:
        raise ValueError(f"{name!r} is not a whole number such as 82 or 0x52") from error


class SeveralFormat(_Around):
    """The same payload read several times: a telegram of a meter with the readings of others in it."""

    kind: Literal["several"]
    of: list[Nested] = Field(min_length=1, max_length=20)


class RecordsFormat(Described):
    """The same kind of record again and again, such as what a logger remembered; each is a frame."""

    kind: Literal["records"]
    at: int = Field(default=0, ge=0)
    """Where the first one begins."""
    until: int | None = None
    """Where the last one ends, as in Python."""
    size: int = Field(ge=1, le=65_536)
    of: Nested
    device: Texts = []
    time: TimeField | None = None


class BytesFormat(TextPayload):
    """Text that spells bytes, such as `T80190000` or `OK 9 1 1 4 150 66`: what the bytes mean is said in `of`."""

    kind: Literal["bytes"]
    pattern: Regex | None = None
    """Its group `bytes` is what spells them; other named groups are fields of what is in them."""
    spelled: Literal["hex", "decimal"] = "hex"
    of: Nested
    """`device` and `time` are those of what is in them, unless it has its own."""


class Sentence(Strict):
    """What one kind of sentence says. The names are those of pynmea2, or the places from 1 on."""

    fields: Fields = {}
    time: TimeField | None = None
    empty: Literal["failed", "absent"] | None = None
    groups: Annotated[list[str], Field(min_length=2, max_length=8)] | None = None
    """For sentences that repeat a group (XDR): what its fields are called, `key`, `value` and `unit` among them."""
    unit: str = "{unit}"
    """What the unit of a group is looked up by."""
    unknown: Unknown = "ignore"
    units: Units = {}


class Nmea0183Format(TextPayload):
    """Sentences of NMEA 0183. A sentence that is not described has no readings, and is passed over."""

    kind: Literal["nmea0183"]
    sentences: dict[Annotated[str, Field(pattern=r"^[A-Z0-9]{3,10}$")], Sentence] = Field(min_length=1)
    empty: Literal["failed", "absent"] = "absent"
    """What an empty field is: a sensor that failed, or one that most stations do not have."""


class PluginFormat(Described):
    """A decoder of somebody else's, found by its name among the entry points `barograph.formats`."""

    kind: Literal["plugin"]
    plugin: Slug
    options: dict[str, Any] = {}
    """Handed to it when it is made."""


AnyFormat = (
    JsonFormat
    | DelimitedFormat
    | PairsFormat
    | RegexFormat
    | ColumnsFormat
    | BinaryFormat
    | TaggedFormat
    | BytesFormat
    | RecordsFormat
    | ChoiceFormat
    | SeveralFormat
    | Nmea0183Format
    | PluginFormat
)
Nested = Annotated[
    Annotated[AnyFormat | Nothing | Like, Field(discriminator="kind")],
    BeforeValidator(_short),
]

KINDS: dict[str, type[AnyFormat]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(AnyFormat)
}

for _model in (BytesFormat, RecordsFormat, ChoiceFormat, SeveralFormat):
    _model.model_rebuild()
