"""Everything in a format, however deep it is nested: its fields, and the names that it gives to devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from barograph.collector.formats.base import Described
from barograph.collector.formats.choice import PluginFormat
from barograph.collector.formats.fields import Column
from barograph.collector.formats.text import PLACE, JsonFormat


def columns(declared: Any) -> Iterator[Column]:
    for each in _models(declared):
        if isinstance(each, Column):
            yield each


def metrics(declared: Any) -> list[str]:
    """What it measures, by our names. Names that the device itself gives are not known before it speaks."""
    found = [column.metric for column in columns(declared) if column.metric]
    found += [name for each in _models(declared) if isinstance(each, JsonFormat) for name in each.rename.values()]
    return list(dict.fromkeys(found))


def devices(declared: Described, port: str | None) -> list[re.Pattern[str]]:
    """The names that its frames may have: `bx2-{board}` is anything that begins with bx2-.

    `port` is the port's own device; without one, names that need it are none.
    """
    if isinstance(declared, PluginFormat):
        return [re.compile(".+")]
    templates: list[str] = []
    for each in _models(declared):
        given: list[str] = getattr(each, "device", None) or []
        # In JSON a word is the path of a field.
        fields = isinstance(each, JsonFormat)
        templates += ["{a field}" if fields and not PLACE.search(text) else text for text in given]
        if isinstance(each, Column) and each.is_ == "device":
            templates.append("{a field}")
    if port is not None:
        templates.append("{device}")
    found = [_pattern(text, port) for text in dict.fromkeys(templates)]
    return [each for each in found if each is not None]


def _pattern(template: str, port: str | None) -> re.Pattern[str] | None:
    parts = PLACE.split(template)
    if port is None and "device" in parts[1::2]:
        return None
    said = [
        re.escape(text) if place % 2 == 0 else re.escape(port or "") if text == "device" else ".+"
        for place, text in enumerate(parts)
    ]
    return re.compile("".join(said))


def _models(given: Any) -> Iterator[BaseModel]:
    if isinstance(given, BaseModel):
        yield given
        for name in type(given).model_fields:
            yield from _models(getattr(given, name))
    elif isinstance(given, dict):
        for each in given.values():
            yield from _models(each)
    elif isinstance(given, list | tuple):
        for each in given:
            yield from _models(each)
