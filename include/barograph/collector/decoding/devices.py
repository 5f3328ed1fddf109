"""Who said it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from barograph.collector.decoding.result import LONGEST_NAME, Around, Get, Record, of
from barograph.collector.formats.text import PLACE
from barograph.errors import FrameError

Who = Callable[[Record, Around], str]


def who(templates: list[str], get: Get = of, *, paths: bool = False) -> Who:
    """Names the device of a record by the first of `templates` that it has all of; else it is the port's.

    With `paths` a text without braces is the name of a field and not the device's. Raises FrameError.
    """
    told: list[Callable[[Record, Around], Any]] = []
    for template in templates:
        if PLACE.search(template) or not paths:
            told.append(put_together(template, get))
        else:
            told.append(_field(template, get))

    def name(record: Record, around: Around) -> str:
        for each in told:
            found = each(record, around)
            if found is not None:
                return checked(found)
        return checked(around.device)

    return name


def _field(name: str, get: Get) -> Callable[[Record, Around], Any]:
    return lambda record, around: get(record, name)


def put_together(template: str, get: Get = of) -> Callable[[Record, Around], str | None]:
    """`{model}-{id}` of a record, or None if a part is missing or empty."""
    texts = PLACE.split(template)

    def made(record: Record, around: Around) -> str | None:
        parts: list[str] = []
        for place, text in enumerate(texts):
            if place % 2:
                told = get(record, text)
                if told is None:
                    told = around.parts.get(text, around.device if text == "device" else None)
                if not isinstance(told, str | int | float) or isinstance(told, bool) or told == "":
                    return None
                parts.append(str(told))
            else:
                parts.append(text)
        return "".join(parts)

    return made


def checked(told: object) -> str:
    """Raises FrameError for a name that is missing, too long, or would not survive in a log, a tag or a page."""
    if isinstance(told, int) and not isinstance(told, bool):
        told = str(told)
    if told is None or told == "":
        raise FrameError("no_device")
    if not isinstance(told, str) or len(told) > LONGEST_NAME or not told.isprintable():
        raise FrameError("bad_device", repr(told)[:LONGEST_NAME])
    return told
