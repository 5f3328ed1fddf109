"""When somebody wants to be left alone, and until when. Pure.

Hours are those of the wall clock. In the night when clocks go back, a time that comes twice begins quiet hours when
it first comes and ends them when it comes again; one that never comes counts as the moment when it would have come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema

from barograph.documents import Strict
from barograph.notify.news import rank
from barograph.rules.levels import Severity
from barograph.windows import Window

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ROUNDS = 20
"""How many quiet hours may follow on one another: a week of them, and some."""


def _clock(said: Any) -> Any:
    """YAML takes 22:00 without quotes for 22 * 60."""
    if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 24 * 60:
        return time(said // 60, said % 60)
    try:
        return time.fromisoformat(said) if isinstance(said, str) else said
    except ValueError as error:
        raise ValueError('is no time of day. Write it as "22:00"') from error


Clock = Annotated[time, BeforeValidator(_clock), WithJsonSchema({"type": "string"})]


class Quiet(Strict):
    """From a time of day until another, the next day's where that is not later."""

    start: Clock = Field(alias="from")
    until: Clock
    below: Severity = "critical"
    """Alarms of this severity and worse come all the same."""
    days: list[Weekday] = Field(default=list(WEEK), min_length=1)
    """The days on which it begins."""

    def around(self, moment: datetime, zone: ZoneInfo) -> Iterator[Window]:
        """Those that could hold a moment."""
        today = moment.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            if WEEK[day.weekday()] in self.days:
                last = day if self.until > self.start else day + timedelta(days=1)
                begin = datetime.combine(day, self.start, tzinfo=zone).astimezone(UTC)
                end = datetime.combine(last, self.until, tzinfo=zone)
                yield Window(begin, max(begin, *(end.replace(fold=fold).astimezone(UTC) for fold in (0, 1))))


def told_at(moment: datetime, severity: str, quiet: Iterable[Quiet], zone: ZoneInfo) -> datetime:
    """The first time from `moment` on at which something of this severity may be told."""
    those = [each for each in quiet if rank(severity) < rank(each.below)]
    for _ in range(ROUNDS):
        ends = [window.end for each in those for window in each.around(moment, zone) if moment in window]
        if not ends:
            break
        moment = max(ends)
    return moment
