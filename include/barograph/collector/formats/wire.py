"""Bytes as one writes them in YAML, and what protects them on the wire: checksums and escapes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from barograph.collector.checksums import Algorithm, algorithm
from barograph.registry import Strict

LARGEST = 2_000_000


def as_bytes(given: object) -> object:
    """`"\\r\\n"` or `hex:0d 0a` as bytes. Raises ValueError."""
    if isinstance(given, bytes):
        found = given
    elif not isinstance(given, str):
        raise ValueError(r'must be bytes: a text in which each character is one ("\r\n"), or hex digits (hex:0d 0a)')
    elif given.startswith("hex:"):
        try:
            found = bytes.fromhex(given[4:])
        except ValueError as error:
            raise ValueError("after `hex:` stand two digits for each byte, such as hex:42 4d") from error
    else:
        try:
            found = given.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ValueError("each character is one byte, so none is above U+00FF") from error
    if not found:
        raise ValueError("is empty: at least one byte")
    return found


def as_text(given: bytes) -> str:
    """The inverse of `as_bytes`, as one would write it."""
    text = given.decode("latin-1")
    return text if text.isascii() and text.isprintable() and not text.startswith("hex:") else f"hex:{given.hex(' ')}"


def _one_byte(given: bytes) -> bytes:
    if len(given) != 1:
        raise ValueError("must be one byte")
    return given


def mistake(field: tuple[str | int, ...], message: str, given: object = None) -> ValidationError:
    """To be raised by a validator of a whole model: names the field that is wrong."""
    error = PydanticCustomError("framing", "{message}", {"message": message})
    return ValidationError.from_exception_data("frame", [InitErrorDetails(type=error, loc=field, input=given or {})])


Bytes = Annotated[bytes, BeforeValidator(as_bytes), PlainSerializer(as_text, when_used="json")]
Byte = Annotated[Bytes, AfterValidator(_one_byte)]
Offset = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


class Checksum(Strict):
    """What shows that a frame came as it was sent.

        $BX2,0017,+0235,055*6A      {kind: xor8, between: ["$", "*"], after: "*", as: hex}
        01 03 04 ... 3a 59          {kind: crc16-modbus, at: -2, order: little}

    Offsets are those of the frame with its start and end, as in Python: negative ones count from its end.
    """

    kind: str | None = None
    """A sum, or a CRC by its name in the catalogue; without it, the parameters of a CRC."""
    width: int | None = None
    poly: int | None = None
    init: int | None = None
    refin: bool | None = None
    refout: bool | None = None
    xorout: int | None = None
    over: tuple[Offset | None, Offset | None] | None = None
    """From, to; null is the frame's begin, and the checksum or, with `residue`, the frame's end. Both unless said."""
    between: tuple[Bytes, Bytes] | None = None
    """Instead of `over`: what stands after the first of the one and before the last of the other."""
    at: Offset | None = None
    after: Bytes | None = None
    """Instead of `at`: right behind the last of these."""
    as_: Literal["bytes", "hex", "decimal", "sdi12"] = Field(default="bytes", alias="as")
    """sdi12: characters of six bits each."""
    order: Literal["big", "little"] = "big"
    digits: int | None = Field(default=None, ge=1, le=20)
    residue: int | None = Field(default=None, ge=0)
    """Instead of a place: what the sum over all, the checksum with it, must be."""
    optional: bool = False
    """A frame that has none is taken."""
    keep: bool | None = None
    """Leave it at the end of the payload: bytes stay there unless this is false, text is cut off unless it is true."""
    escaped: bool = False
    """It is over the bytes as they came, escapes and all."""

    @model_validator(mode="after")
    def _sound(self) -> Checksum:
        self.algorithm()
        if (self.at is None) + (self.after is None) + (self.residue is None) != 2:
            raise mistake(("at",), "give exactly one of `at`, `after` and `residue`")
        if self.over and self.between:
            raise mistake(("between",), "give `over` or `between`")
        self._in_form()
        self._in_order()
        return self

    def algorithm(self) -> Algorithm:
        parameters = {name: getattr(self, name) for name in ("width", "poly", "init", "refin", "refout", "xorout")}
        try:
            return algorithm(self.kind, **parameters)
        except ValueError as error:
            wrong = next((name for name in parameters if str(error).startswith(name)), "kind")
            raise mistake((wrong,), str(error), self.kind if wrong == "kind" else parameters[wrong]) from error

    @property
    def kept(self) -> bool:
        return self.as_ == "bytes" if self.keep is None else self.keep

    @property
    def place(self) -> int | None:
        """Its offset in the frame; with a residue it is the end of what that is over."""
        if self.residue is None:
            return self.at
        return (self.over[1] or 0 if self.over else 0) - self.size

    @property
    def size(self) -> int:
        """Bytes that it takes in the frame; of a number without `digits`, at most."""
        width = self.algorithm().width
        if self.as_ == "hex":
            return self.digits or (width + 3) // 4
        if self.as_ == "decimal":
            return self.digits or len(str((1 << width) - 1))
        return (width + 5) // 6 if self.as_ == "sdi12" else (width + 7) // 8

    def _in_form(self) -> None:
        if self.optional and (self.residue is not None or (self.after is None and self.as_ == "bytes")):
            raise mistake(("optional",), "bytes at a fixed place cannot show that they are no checksum: use `after`")
        if self.as_ == "decimal" and self.after is None and self.digits is None:
            raise mistake(("digits",), "a decimal number at a fixed place needs its `digits`")
        if self.as_ == "hex" and self.order == "little" and self.size % 2:
            raise mistake(("order",), "the low byte first is for whole bytes, of two digits each", self.order)
        if self.residue is not None and self.algorithm().width > 16:
            raise mistake(("residue",), "is for up to 16 bits; give `at`", self.residue)
        if self.at is not None and -self.size < self.at < 0:
            raise mistake(("at",), f"its {self.size} bytes would reach behind the frame's end", self.at)

    def _in_order(self) -> None:
        """Offsets are compared where they count from the same side."""
        low, high = self.over or (None, None)
        to = high if high is not None else self.at
        if low is not None and to is not None and (low < 0) == (to < 0) and low >= to:
            raise mistake(("over",), f"from {low} to {to} is nothing", list(self.over or ()))
        if self.at is not None and high is not None and (self.at < 0) == (high < 0):
            begins = low if low is not None and (low < 0) == (high < 0) else (0 if high >= 0 else -LARGEST)
            if begins <= self.at < high:
                raise mistake(("over",), f"the checksum at {self.at} would be part of what it is over")


class Escape(Strict):
    """How a byte that would mean something else is written.

    byte: "\\x7d"  xor: 0x20                          7d 5e stands for 7e: the byte behind it is changed
    byte: "\\xdb"  map: {"\\xdc": "\\xc0", ...}         db dc stands for c0
    doubled: "\\x10" (true: the end's first byte)     10 10 stands for 10
    """

    byte: Byte | None = None
    xor: int | None = Field(default=None, ge=0, le=255)
    map: dict[Byte, Byte] = {}
    also: Bytes | None = None
    """What else is escaped by `xor` on the way out, beside the escape byte and those of start and end."""
    doubled: Annotated[bytes | Literal[True] | None, BeforeValidator(lambda g: g if g is True else as_bytes(g))] = None

    @model_validator(mode="after")
    def _one_way(self) -> Escape:
        if (self.byte is None) == (self.doubled is None):
            raise mistake(("byte",), "give exactly one of `byte` and `doubled`")
        if self.byte is not None and (self.xor is None) == (not self.map):
            raise mistake(("xor",), "give `xor` or `map` with the escape byte")
        if self.byte is not None and self.map and self.byte not in self.map.values():
            raise mistake(("map",), "the escape byte must be escaped too: it is none of the values", {})
        if len(set(self.map.values())) < len(self.map):
            raise mistake(("map",), "one byte is escaped in two ways", {})
        return self

    def doubled_in(self, end: bytes) -> bytes | None:
        return end[:1] if self.doubled is True else self.doubled
