"""How the bytes of a port are cut into frames, declared: `frame:` of a format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from barograph.collector.formats.wire import LARGEST, Bytes, Checksum, Escape, as_text, mistake
from barograph.registry import Strict

FILLER = b" \t\r\n\x00\x7f\xff"
"""What idle lines, wake-ups and line ends leave between frames."""

LengthType = Annotated[str, Field(pattern=r"^(u8|u(16|24|32)(be|le)|hex[1-8]|dec[1-8])$")]
"""hex2, dec3: digits of text."""


class Interruption(Strict):
    """A message of hex digits that may come in the middle of a frame and is no part of it."""

    start: Bytes
    end: Bytes


class _Framing(Strict):
    max: int | None = Field(default=None, ge=1, le=LARGEST)
    """Bytes of the longest frame; the port's max_line unless said."""
    checksum: list[Checksum] = []
    """One, or several that must all be right."""
    gap_ms: float | None = Field(default=None, gt=0, le=60_000)
    """So long a silence ends a frame, or shows that the rest of it will not come."""

    @field_validator("checksum", mode="wrap")
    @classmethod
    def _one_or_many(cls, given: Any, many: Callable[[Any], list[Checksum]]) -> list[Checksum]:
        return [Checksum.model_validate(given)] if isinstance(given, dict) else many(given)

    @property
    def gap(self) -> float | None:
        return None if self.gap_ms is None else self.gap_ms / 1000

    @property
    def sure(self) -> bool:
        """Whether a checksum must be there: then damage shows."""
        return self.bits > 0

    @property
    def bits(self) -> int:
        """Of all checksums that must be there: of noise, one in 2 to the power of this passes."""
        return sum(each.algorithm().width for each in self.checksum if not each.optional)


class LineFraming(_Framing):
    """A frame is a line without its end and the blanks around it; empty lines are none."""

    cut: Literal["line"] = "line"
    end: list[Bytes] = []
    """What ends a line: CR, LF or both unless said."""
    strip: bool = True
    hex: bool = False
    """The line is written in hex digits; the payload is the bytes they stand for."""

    @field_validator("end", mode="before")
    @classmethod
    def _one_or_many_ends(cls, given: object) -> object:
        return given if isinstance(given, list) else [given]

    @model_validator(mode="after")
    def _distinct(self) -> LineFraming:
        for one in self.end:
            for other in self.end:
                if one is not other and one in other:
                    raise mistake(("end",), f"{as_text(one)} is part of {as_text(other)}: keep one of them", {})
        return self


class _Ended(_Framing):
    end: Bytes
    after: Annotated[int, Field(ge=0, le=1024)] | Literal["line"] = 0
    """Bytes behind the end that belong to the frame; `line`: all up to the line's end."""
    keep: bool = False
    """Leave start and end in the payload, and what follows the end."""
    hex: bool = False
    """It is written in hex digits; the payload and checksums are of the bytes they stand for."""
    interrupted_by: Interruption | None = None

    @field_validator("after", mode="wrap")
    @classmethod
    def _bytes_or_line(cls, given: Any, either: Callable[[Any], int | Literal["line"]]) -> int | Literal["line"]:
        if given == "line" or (isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 1024):
            return either(given)
        raise ValueError("must be a number of bytes, 0 to 1024, or `line`")


class DelimitedFraming(_Ended):
    """A frame is what stands between two ends; nothing is stripped, and empty ones are none."""

    cut: Literal["delimited"]


class BetweenFraming(_Ended):
    """A frame has a start and an end."""

    cut: Literal["between"]
    start: Bytes
    escape: Escape | None = None
    filler: Bytes = FILLER
    """Bytes that may stand between frames without being told as lost."""

    @model_validator(mode="after")
    def _escaped(self) -> BetweenFraming:
        escape = self.escape
        if escape and (self.hex or self.interrupted_by):
            raise mistake(("escape",), "goes with neither `hex` nor `interrupted_by`", {})
        if escape and escape.map and self.end[:1] not in escape.map.values():
            raise mistake(("escape", "map"), f"the end's {as_text(self.end[:1])} is none of its values", {})
        if escape and escape.byte and self.end.startswith(escape.byte):
            raise mistake(("escape", "byte"), "the end begins with it: use `doubled`", as_text(escape.byte))
        doubled = escape.doubled_in(self.end) if escape else None
        if doubled and (doubled * 2).startswith(self.end):
            raise mistake(("escape", "doubled"), "an end that is itself doubled is no end until more has come", {})
        for place, each in enumerate(self.checksum):
            inside = isinstance(self.after, int) and each.at is not None and -self.after <= each.at < 0
            if each.escaped and not inside:
                raise mistake(("checksum", place, "escaped"), "such a checksum stands behind the end (`after`)")
        return self


class _Sized(_Framing):
    """The payload is the whole frame, so that offsets are those of its maker's table."""

    start: Bytes | None = None
    marks: dict[Annotated[int, Field(ge=0, le=1024)], Bytes] = {}
    """More bytes that must stand in the frame, by their offset."""
    end: Bytes | None = None
    """Must stand at the frame's end."""
    filler: Bytes = FILLER

    @property
    def resyncs(self) -> bool:
        """Whether something shows where a frame does not begin."""
        return bool(self.start or self.marks or self.end or self.sure)


class FixedFraming(_Sized):
    """All frames have the same size."""

    cut: Literal["fixed"]
    size: int = Field(ge=1, le=LARGEST)

    @model_validator(mode="after")
    def _fits(self) -> FixedFraming:
        ends = [len(self.start or b""), *(at + len(mark) for at, mark in self.marks.items())]
        if max(ends) + len(self.end or b"") > self.size:
            raise mistake(("size",), "the start, marks and end do not fit into it", self.size)
        for place, each in enumerate(self.checksum):
            where = ("checksum", place) if len(self.checksum) > 1 else ("checksum",)
            if each.at is not None and not -self.size <= each.at <= self.size - each.size:
                raise mistake((*where, "at"), f"{each.at} lies outside of the {self.size} bytes of a frame")
            if any(one is not None and abs(one) > self.size for one in each.over or ()):
                raise mistake((*where, "over"), f"reaches outside of the {self.size} bytes of a frame")
        return self


class Length(Strict):
    """A number in the frame's head."""

    at: int = Field(ge=0, le=1024)
    type: LengthType
    mask: int | None = Field(default=None, ge=1)
    """The bits of it that count."""
    times: int = Field(default=1, ge=1, le=1024)
    """Bytes that each of it stands for."""
    sizes: dict[int, Annotated[int, Field(ge=1, le=LARGEST)]] = {}
    """Bytes that each number stands for, where it is a kind of frame and no length."""


class LengthFraming(_Sized, Length):
    """A frame says how long it is: `add` and the length at `at` are the size of the whole frame.

    42 4d | 00 1c | ... 28 bytes ...        start: hex:42 4d, at: 2, type: u16be, add: 4
    """

    cut: Literal["length"]
    add: int = Field(default=0, ge=-1024, le=65_536)
    plus: list[Length] = []
    """More lengths to be added."""
    again: int | None = Field(default=None, ge=0, le=1024)
    """Where the length stands a second time."""

    @property
    def lengths(self) -> list[Length]:
        return [self, *self.plus]


class IdleFraming(_Framing):
    """A frame is what comes between two silences."""

    cut: Literal["idle"]
    gap_ms: float = Field(gt=0, le=60_000)


class CobsFraming(_Framing):
    """Consistent overhead byte stuffing: a zero ends a frame, and there is none within."""

    cut: Literal["cobs"]


class SlipFraming(_Framing):
    """SLIP (RFC 1055): c0 ends a frame."""

    cut: Literal["slip"]


Framing = Annotated[
    LineFraming
    | DelimitedFraming
    | BetweenFraming
    | FixedFraming
    | LengthFraming
    | IdleFraming
    | CobsFraming
    | SlipFraming,
    Field(discriminator="cut"),
]

CUTS: Mapping[str, type[_Framing]] = {
    "line": LineFraming,
    "delimited": DelimitedFraming,
    "between": BetweenFraming,
    "fixed": FixedFraming,
    "length": LengthFraming,
    "idle": IdleFraming,
    "cobs": CobsFraming,
    "slip": SlipFraming,
}


class Framed(Strict):
    """What every format has, whatever its payload."""

    frame: Framing = LineFraming()

    @field_validator("frame", mode="wrap")
    @classmethod
    def _by_cut(cls, given: Any, any_of_them: Callable[[Any], Framing]) -> Framing:
        if not isinstance(given, dict):
            return any_of_them(given)
        cut = given.get("cut", "line")
        if cut not in CUTS:
            raise mistake(("cut",), f"must be one of {', '.join(CUTS)}", cut)
        return any_of_them(CUTS[cut].model_validate(given))

    @property
    def shows_its_end(self) -> bool:
        """Whether a payload that lost its beginning shows it, without a checksum or a mark at its start."""
        return False
