"""Time is a Window: UTC, start included, end not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
"""The least that two times differ by."""


def utc(text: str) -> datetime:
    """Read an ISO 8601 time; one without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Write a time as the wire does: `2026-11-22T08:00:00.123456Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def microseconds(moment: datetime) -> int:
    """A time as the microseconds since 1970: what Kafka, Spark, Arrow and InfluxDB count in."""
    return (moment - EPOCH) // TICK


@dataclass(frozen=True, order=True)
class Window:
    """A half-open stretch of time `[start, end)` in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"a window needs times with a zone, not {self.start} and {self.end}")
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def hour(cls, text: str) -> Window:
        start = utc(text).replace(minute=0, second=0, microsecond=0)
        return cls(start, start + timedelta(hours=1))

    @classmethod
    def local_day(cls, day: date, zone: str) -> Window:
        """The local day from midnight to midnight: 23 or 25 hours where the clocks change."""
        here = ZoneInfo(zone)
        start = datetime.combine(day, time.min, tzinfo=here)
        end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=here)
        return cls(start.astimezone(UTC), end.astimezone(UTC))

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"[{iso(self.start)}, {iso(self.end)})"

    def widened(self, before: timedelta, after: timedelta = timedelta(0)) -> Window:
        return Window(self.start - before, self.end + after)

    def clipped(self, other: Window) -> Window | None:
        """The common part of two windows, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start, end) if start < end else None

    def local_days(self, zone: str) -> Iterator[date]:
        """The local days this window touches: what settle must redo."""
        here = ZoneInfo(zone)
        day = self.start.astimezone(here).date()
        while Window.local_day(day, zone).start < self.end:
            yield day
            day += timedelta(days=1)

    def utc_days(self) -> list[date]:
        """The UTC days this window touches: the partitions of the record to read."""
        return list(self.local_days("UTC"))


def merged(windows: Iterable[Window], gap: timedelta = timedelta(0)) -> list[Window]:
    """Join windows that touch, overlap, or lie at most `gap` apart; the result is sorted."""
    joined: list[Window] = []
    for window in sorted(windows):
        if joined and window.start <= joined[-1].end + gap:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, window.end))
        else:
            joined.append(window)
    return joined
