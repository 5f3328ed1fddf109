"""How the pages say days, times and numbers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

# strftime would follow the server's locale.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip


def count(number: float) -> str:
    return f"{number:,.0f}"


def long_day(day: date) -> str:
    return f"{DAYS[day.weekday()]}, {day.day} {MONTHS[day.month - 1]} {day.year}"


def short_day(day: date) -> str:
    return f"{DAYS[day.weekday()][:3]} {day.day} {MONTHS[day.month - 1][:3]}"


def size(length: float) -> str:
    """Bytes in a unit that says something: `3.2 GB`."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if length < 1000 or unit == "TB":
            break
        length /= 1000
    return f"{length:,.0f} {unit}" if length >= 100 or unit == "bytes" else f"{length:.2g} {unit}"


def month(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.year}"


def moment(time: datetime, zone: str) -> str:
    local = time.astimezone(ZoneInfo(zone))
    return f"{short_day(local.date())}, {local:%H:%M:%S}"


def field(time: datetime, zone: str) -> str:
    """A time as a form's field has it, in the zone."""
    return f"{time.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


def lasting(length: timedelta) -> str:
    """Roughly, in the largest unit that says something: `3 min`."""
    seconds = max(0, round(length.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def seconds(length: float) -> str:
    return f"{length:.1f} s" if length < 10 else lasting(timedelta(seconds=length))


def steps(length: timedelta) -> str:
    """What the steps of a chart of readings are."""
    return f"Steps of {lasting(length)}." if length else "Every reading."


def ago(length: timedelta) -> str:
    return f"{lasting(length)} ago"


def lasted(length: timedelta) -> str:
    """A length of time in its two largest units: `2 h 5 min`."""
    seconds = max(0, round(length.total_seconds()))
    for size, unit, smaller, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds} s"


def fact(value: Any) -> str:
    """A value from XCom on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(fact(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def query(facts: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in facts.items() if value is not None})
