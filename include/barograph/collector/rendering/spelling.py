"""Texts that are put together from fields, or taken apart by patterns, the other way round."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from barograph.collector import patterns
from barograph.collector.formats import TimeField
from barograph.collector.formats.text import PLACE
from barograph.windows import TICK, iso, utc

GROUP = re.compile(r"\(\?P<(\w+)>((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*)\)")
"""A named group of a pattern, which may have groups in it."""
SPECIAL = re.compile(r"[\[\](){}.*+?|^$]|\\[A-Za-z0-9]")

Told = dict[str, Any]
"""What a payload says, by the names of its fields: numbers before they are scaled, as fractions, or texts."""


class Unrenderable(ValueError):
    """A format, or values, that no device of this kind could say."""


def filled(template: str, told: Told) -> str:
    """A text with its fields; `{address|0}` says what stands there where nobody told it."""

    def one(found: re.Match[str]) -> str:
        name, _, otherwise = found[1].partition("|")
        return str(told.get(name, otherwise))

    return PLACE.sub(one, template)


def taken_apart(template: str, text: str) -> dict[str, str] | None:
    """The fields of a text that was put together so; None if it was not."""
    pieces = PLACE.split(template)
    pattern = "".join("(.+?)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces))
    match = re.fullmatch(pattern, text, re.DOTALL)
    return None if match is None else dict(zip(pieces[1::2], match.groups(), strict=True))


def spelled(pattern: str, told: Told) -> str:
    """A text that the pattern takes apart into these fields. Raises Unrenderable where it could be many."""
    plain = pattern.removeprefix("^").removesuffix("$")
    text, end = "", 0
    for group in GROUP.finditer(plain):
        text += _literal(plain[end : group.start()]) + str(told.get(group[1], ""))
        end = group.end()
    text += _literal(plain[end:])
    if patterns.compiled(pattern).named(text) is None:
        raise Unrenderable(f"{text!r} does not fit {pattern!r}")
    return text


def _literal(part: str) -> str:
    if SPECIAL.search(part.replace("\\\\", "").replace("\\.", "").replace("\\$", "")):
        raise Unrenderable(f"{part!r} of a pattern can be many things: the format needs `say`")
    return re.sub(r"\\(.)", r"\1", part)


def time_told(declared: TimeField, at: datetime) -> str:
    """A moment as the device's clock shows it."""
    how = declared.format[0] if declared.format else declared.unit
    zone = ZoneInfo(declared.zone) if declared.zone != "UTC" else UTC
    if how == "iso":
        return iso(at) if zone is UTC else at.astimezone(zone).replace(tzinfo=None).isoformat()
    if "%" not in how:
        since = Fraction((at - utc(declared.since)) // TICK)
        return f"{float(since / (timedelta(**{how: 1}) // TICK)):.6f}"
    if declared.suffix:
        letter, offset = next(iter(declared.suffix.items()))
        return at.astimezone(datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo).strftime(how) + letter
    return at.astimezone(zone).strftime(how)
