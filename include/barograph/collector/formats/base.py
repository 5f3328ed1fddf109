"""What every payload has: who says it and when, and what means nothing in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from barograph.collector import patterns
from barograph.collector.formats.fields import Raw, TimeField
from barograph.collector.formats.framing import Framed

NULLS: list[Raw] = ["", "----"]

Regex = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(patterns.checked)]
Texts = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)]],
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
]


class Described(Framed):
    about: str = Field(default="", max_length=200)
    """For people: what it reads."""


class Payload(Described):
    """A payload of one device at one time."""

    device: Texts = []
    """Names the device: a field, or a text with fields in it (`"{model}-{id}"`), the first that a payload has all of.
    `{device}` is the port's. With none it is the port's."""
    time: TimeField | None = None
    nulls: list[Raw] = NULLS
    """Texts or numbers that stand for "measured badly" in all fields."""


class TextPayload(Payload):
    encoding: Literal["utf-8", "latin-1"] = "utf-8"
    skip_lines: Regex | None = None
    """What is no measurement and no mistake either: greetings, comments."""
    decimal: Literal[".", ","] = "."
    texts: Literal["refuse", "ignore"] = "refuse"
    """What becomes of a value that nobody declared and that is a text: it may be a note, or a broken number."""


Unknown = Literal["ignore", "keep", "refuse"]
"""What becomes of a field that nobody declared; one that is kept is called what the device calls it."""
