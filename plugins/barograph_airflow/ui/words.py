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


def month(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.year}"


def moment(time: datetime, zone: str) -> str:
    local = time.astimezone(ZoneInfo(zone))
    return f"{short_day(local.date())}, {local:%H:%M:%S}"


def ago(length: timedelta) -> str:
    """Roughly, in the largest unit that says something: `3 min ago`."""
    seconds = max(0, round(length.total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def fact(value: Any) -> str:
    """A value from XCom on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(fact(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def query(facts: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in facts.items() if value is not None})
