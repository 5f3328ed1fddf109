"""What a report is about: a day, week, month, year or any run of days, of a whole site, one zone or one device."""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from barograph.windows import Window

Kind = Literal["day", "week", "month", "year", "days"]

LONGEST = 366
"""Days of one report."""


@dataclass(frozen=True)
class Period:
    """Local days of a site, both ends included."""

    kind: Kind
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a period cannot end ({self.last}) before it begins ({self.first})")
        if len(self) > LONGEST:
            raise ValueError(f"a report covers at most {LONGEST} days, not {len(self)}")

    @classmethod
    def of(cls, kind: Kind, day: date) -> Period:
        """The day, week (from Monday), month or year that `day` lies in."""
        if kind == "week":
            monday = day - timedelta(days=day.weekday())
            return cls("week", monday, monday + timedelta(days=6))
        if kind == "month":
            return cls("month", day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))
        if kind == "year":
            return cls("year", date(day.year, 1, 1), date(day.year, 12, 31))
        return cls("day", day, day)

    @classmethod
    def between(cls, first: date, last: date) -> Period:
        return cls("days", first, last) if first != last else cls("day", first, first)

    @classmethod
    def named(cls, key: str) -> Period:
        """The week, month or year of a key. Raises ValueError for any other."""
        if re.fullmatch(r"week-[0-9]{4}-W[0-9]{2}", key):
            return cls.of("week", date.fromisoformat(key.removeprefix("week-")))
        if re.fullmatch(r"month-[0-9]{4}-[0-9]{2}", key):
            return cls.of("month", date.fromisoformat(f"{key.removeprefix('month-')}-01"))
        if re.fullmatch(r"year-[0-9]{4}", key):
            return cls.of("year", date(int(key.removeprefix("year-")), 1, 1))
        raise ValueError(f"{key} is no week, month or year")

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=place) for place in range(len(self)))

    @property
    def key(self) -> str:
        """As its folder and SQL call it: `2026-06-17`, `week-2026-W25`, `month-2026-06`, `year-2026`."""
        match self.kind:
            case "day":
                return self.first.isoformat()
            case "week":
                year, week, _ = self.first.isocalendar()
                return f"week-{year}-W{week:02}"
            case "month":
                return f"month-{self.first:%Y-%m}"
            case "year":
                return f"year-{self.first:%Y}"
        return f"days-{self.first}-{self.last}"

    @property
    def options(self) -> str:
        """How the command line asks for it."""
        if self.kind == "days":
            return f"--day {self.first} --until {self.last}"
        return f"--day {self.first}" + ("" if self.kind == "day" else f" --period {self.kind}")

    def window(self, timezone: str) -> Window:
        return Window(Window.local_day(self.first, timezone).start, Window.local_day(self.last, timezone).end)

    @property
    def before(self) -> Period:
        """What it is compared with: a day with the same weekday of last week, others with the one before."""
        if self.kind == "day":
            return Period.of("day", self.first - timedelta(days=7))
        if self.kind == "days":
            return Period("days", self.first - timedelta(days=len(self)), self.first - timedelta(days=1))
        return Period.of(self.kind, self.first - timedelta(days=1))


@dataclass(frozen=True)
class Scope:
    """The whole site, unless a zone or a device is named."""

    zone: str | None = None
    device: str | None = None

    @property
    def key(self) -> str:
        """Behind the period's: empty, `.zone-cold-wall`, `.device-fridge-1-5f0c12ab`."""
        if self.device is not None:
            return f".device-{slug(self.device)}-{fingerprint(self.device)}"
        return "" if self.zone is None else f".zone-{slug(self.zone)}-{fingerprint(self.zone)}"

    @property
    def options(self) -> str:
        if self.device is not None:
            return f" --device {_quoted(self.device)}"
        return "" if self.zone is None else f" --zone {_quoted(self.zone)}"

    def covers(self, device: str, zone: str) -> bool:
        return device == self.device if self.device is not None else self.zone in (None, zone)


SITE = Scope()


def slug(name: str) -> str:
    """What is readable of a name, for file names; `fingerprint` keeps names apart."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "x"


def fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "'\\''") + "'"
