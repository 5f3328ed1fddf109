"""The device's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, get_args
from zoneinfo import ZoneInfo

from barograph.collector.decoding.devices import put_together
from barograph.collector.decoding.numbers import NUMBER, finite
from barograph.collector.decoding.result import LONGEST_NAME, Around, Get, Record, of
from barograph.collector.formats import TimeField, Unit
from barograph.errors import FrameError
from barograph.windows import utc

Clock = Callable[[Record, Around], datetime | None]
Parse = Callable[[Any], datetime]
LONGEST_TIME = 64


def clock(declared: TimeField, nulls: list[Any], get: Get = of) -> Clock:
    """Reads the time of a record; None where it tells none. Raises FrameError."""
    parses = [_parse(how, declared) for how in declared.format or [declared.unit]]
    lenient = declared.otherwise == "arrival"
    texts = frozenset(null for null in nulls if isinstance(null, str))
    field = declared.field
    made = put_together(declared.from_, get) if declared.from_ else None

    def read(record: Record, around: Around) -> datetime | None:
        told = made(record, around) if made else get(record, field or "")
        if told is None:
            told = around.parts.get(field or "")
        if told is None or (isinstance(told, str) and told in texts):
            return None
        for parse in parses:
            try:
                return parse(told)
            except (ValueError, OverflowError, FrameError):
                continue
        if lenient:
            return None
        raise FrameError("bad_time", f"{told!r}"[:LONGEST_NAME])

    return read


def _parse(how: str, declared: TimeField) -> Parse:
    zone = UTC if declared.zone == "UTC" else ZoneInfo(declared.zone)
    offsets = {letter: _offset(offset) for letter, offset in declared.suffix.items()}
    if how in get_args(Unit) and how != "iso":
        return partial(_counted, how, utc(declared.since))
    return partial(_written, None if how == "iso" else how, zone, offsets)


def _counted(unit: str, since: datetime, told: Any) -> datetime:
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        raise ValueError("not a number")
    if isinstance(told, str) and not NUMBER.fullmatch(told):
        raise ValueError("not a number")
    return since + timedelta(**{unit: finite(float(told))})


def _written(pattern: str | None, zone: ZoneInfo | timezone, offsets: dict[str, timezone], told: Any) -> datetime:
    if not isinstance(told, str) or len(told) > LONGEST_TIME or not told.isascii():
        raise ValueError("not a text that can be a time")
    for letter, offset in offsets.items():
        if told.endswith(letter):
            told, zone = told[: -len(letter)], offset
            break
    moment = datetime.fromisoformat(told) if pattern is None else datetime.strptime(told, pattern)  # noqa: DTZ007
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)


def _offset(text: str) -> timezone:
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{text}").utcoffset()
    return timezone(zone or timedelta(0))
