"""Hours of the week as a site's clock shows them, its holidays, and single stretches: when a rule looks, and when not.

    mon-fri 08:00-20:00      sat,sun 10:00-16:00      daily 22:00-06:00      holidays 10:00-14:00      sun
    2026-12-01T08:00/2026-12-01T12:00      2026-12-24/2026-12-27

A moment is within if the clock on the wall says so: hours that are skipped in spring do not come, hours that come twice
in autumn count twice. A holiday is no weekday; `daily` is every day. What begins before midnight belongs to the day on
which it began.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from barograph.windows import EPOCH, TICK, Window, microseconds

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = 7
"""As if it were a weekday of its own."""
EVERY = frozenset(range(8))
WORDS = {"daily": EVERY, "holidays": frozenset({HOLIDAY})}
MINUTE = 60_000_000
DAY = 24 * 60
AHEAD = 8
"""Days that are looked through for the next edge."""

Span = tuple[int, int]
"""[start, end) in microseconds."""

_HOURS = re.compile(r"(?P<days>[a-z][a-z,\-]*)( (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d))?")


@dataclass(frozen=True)
class Weekly:
    days: frozenset[int]
    start: int = 0
    """Minutes after midnight."""
    end: int = DAY
    """After `start`; beyond a day where they end on the next."""


@dataclass(frozen=True)
class Stretch:
    start: datetime
    end: datetime
    """As the site's clock shows them."""


def parsed(text: str) -> Weekly | Stretch:
    """Read hours as people write them. Raises ValueError."""
    if "/" in text:
        return _stretch(text)
    found = _HOURS.fullmatch(text.strip().lower())
    if not found:
        raise ValueError(
            f"{text!r} are no hours. Write `mon-fri 08:00-20:00`, `daily 02:00-02:30` or two dates with a /"
        )
    days = frozenset(day for part in found["days"].split(",") for day in _days(part))
    if not found["start"]:
        return Weekly(days)
    start, end = _minutes(found["start"]), _minutes(found["end"])
    return Weekly(days, start, end if end > start else end + DAY)


def _days(part: str) -> Iterable[int]:
    if part in WORDS:
        return WORDS[part]
    first, _, last = part.partition("-")
    if first not in DAYS or (last and last not in DAYS):
        raise ValueError(f"{part!r} is no day. There are {', '.join(DAYS)}, daily and holidays")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return (day % 7 for day in range(start, (end if end >= start else end + 7) + 1))


def _minutes(clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    if minutes > 59 or hours * 60 + minutes > DAY:
        raise ValueError(f"{clock} is no time of the day")
    return hours * 60 + minutes


def _stretch(text: str) -> Stretch:
    try:
        start, end = (datetime.fromisoformat(part.strip()) for part in text.split("/"))
    except ValueError as error:
        raise ValueError(f"{text!r} is no stretch of time. Write 2026-12-01T08:00/2026-12-01T12:00") from error
    if start.tzinfo or end.tzinfo:
        raise ValueError(f"{text!r}: times are those of the site's clock, without a zone")
    if start >= end:
        raise ValueError(f"{text!r} ends before it begins")
    return Stretch(start, end)


def _checked(text: str) -> str:
    parsed(text)
    return text


Hours = Annotated[str, AfterValidator(_checked)]
"""Hours as this module reads them."""


@dataclass
class Calendar:
    """Which moments lie within any of some hours, at one site. Remembers the last stretch that it was asked about."""

    zone: str
    entries: Sequence[Weekly | Stretch]
    holidays: frozenset[date] = frozenset()
    outside: bool = False
    """Whether it is the moments outside those hours that are meant."""
    _now: tuple[int, int, bool] = field(default=(1, 0, False), repr=False, compare=False)

    @classmethod
    def of(cls, zone: str, hours: Iterable[str], holidays: Iterable[date] = (), outside: bool = False) -> Calendar:
        return cls(zone, [parsed(text) for text in hours], frozenset(holidays), outside)

    def covers(self, moment: int) -> bool:
        return self.stretch(moment)[0]

    def stretch(self, moment: int) -> tuple[bool, int]:
        """Whether it lies within, and until when that does not change: at least so long, where that is days away."""
        start, end, inside = self._now
        if not start <= moment < end:
            self._now = start, end, inside = self._look(moment)
        return inside, end

    def _look(self, moment: int) -> tuple[int, int, bool]:
        zone = ZoneInfo(self.zone)
        first = (EPOCH + timedelta(microseconds=moment)).astimezone(zone).date()
        spans: list[Span] = []
        for ahead in range(AHEAD):
            spans = _merged([*spans, *self._spans(first + timedelta(days=ahead), zone)])
            begun = [start for start, end in spans for start in (start, end) if start > moment]
            known = _edge(first + timedelta(days=ahead + 1), zone)
            if begun and begun[0] < known:
                break
        inside = any(start <= moment < end for start, end in spans)
        before = [edge for span in spans for edge in span if edge <= moment]
        after = [edge for span in spans for edge in span if edge > moment]
        return max([*before, _edge(first, zone)]), min([*after, known]), inside != self.outside

    def _spans(self, day: date, zone: ZoneInfo) -> Iterator[Span]:
        """The parts of a local day that are within the hours."""
        for segment, offset in _segments(day, zone):
            for start, end in self._wall(day):
                clipped = max(start - offset, segment[0]), min(end - offset, segment[1])
                if clipped[0] < clipped[1]:
                    yield clipped

    def _wall(self, day: date) -> Iterator[Span]:
        """The same as the clock shows them, as if it were UTC: of the day, and what the day before left over."""
        for began in (day - timedelta(days=1), day):
            kind = HOLIDAY if began in self.holidays else began.weekday()
            midnight = microseconds(datetime.combine(began, time.min, EPOCH.tzinfo))
            for entry in self.entries:
                if isinstance(entry, Weekly):
                    if kind in entry.days:
                        yield midnight + entry.start * MINUTE, midnight + entry.end * MINUTE
                elif began == day:
                    yield _wall(entry.start), _wall(entry.end)


def _wall(shown: datetime) -> int:
    return microseconds(shown.replace(tzinfo=EPOCH.tzinfo))


def _edge(day: date, zone: ZoneInfo) -> int:
    return microseconds(datetime.combine(day, time.min, zone))


def _segments(day: date, zone: ZoneInfo) -> Iterator[tuple[Span, int]]:
    """A local day in pieces of one offset from UTC each: two where the clocks change."""
    window = Window.local_day(day, zone.key)
    start, end = microseconds(window.start), microseconds(window.end)
    first, last = _offset(start, zone), _offset(end - 1, zone)
    if first == last:
        yield (start, end), first
        return
    low, high = start // MINUTE, end // MINUTE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle * MINUTE, zone) == first else (low, middle)
    yield (start, high * MINUTE), first
    yield (high * MINUTE, end), last


def _offset(moment: int, zone: ZoneInfo) -> int:
    offset = (EPOCH + timedelta(microseconds=moment)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // TICK


def _merged(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined
