"""Which stretch of time of a device somebody wants to see, and as what: the parameters of its pages' addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from barograph.windows import Window
from barograph_airflow.ui.errors import Refused

RANGES = {
    "1h": ("1 hour", timedelta(hours=1)),
    "6h": ("6 hours", timedelta(hours=6)),
    "24h": ("24 hours", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
USUAL = "24h"
LONGEST = timedelta(days=400)

VIEWS = {"readings": "Readings", "windows": "Windows"}
LINES = {"mean": "Mean", "median": "Median"}
"""Of windows: what the line goes through. The first of each is the usual one."""


@dataclass(frozen=True)
class Span:
    """What a visitor wants to see: the last so long, or from then to then."""

    window: Window
    last: str | None
    view: str = "readings"
    line: str = "mean"

    @property
    def query(self) -> dict[str, Any]:
        return {"last": self.last, **self.look} if self.last else self._of(self.window.start, self.window.end)

    @property
    def look(self) -> dict[str, Any]:
        """What is drawn, as parameters; what is usual is not said."""
        drawn = {"view": self.view, "line": self.line} if self.view == "windows" else {}
        return {name: value for name, value in drawn.items() if value not in ("readings", "mean")}

    def as_(self, view: str, line: str | None = None) -> dict[str, Any]:
        """The same time, with something else drawn."""
        return Span(self.window, self.last, view, line or self.line).query

    @property
    def earlier(self) -> dict[str, Any]:
        return self._of(self.window.start - self.window.length, self.window.start)

    @property
    def later(self) -> dict[str, Any]:
        return self._of(self.window.end, self.window.end + self.window.length)

    def _of(self, start: datetime, end: datetime) -> dict[str, Any]:
        times = {"from": start.isoformat(timespec="seconds"), "to": end.isoformat(timespec="seconds")}
        return times | self.look


@dataclass(frozen=True)
class Asked:
    """As it stands in the address. What nobody knows there is the usual one."""

    last: str = ""
    start: Annotated[datetime | None, Query(alias="from")] = None
    end: Annotated[datetime | None, Query(alias="to")] = None
    view: str = ""
    line: str = ""

    def span(self, at: datetime, zone: str) -> Span:
        """`at`: now; times that do not say where they hold are of `zone`. Raises Refused."""
        view = self.view if self.view in VIEWS else next(iter(VIEWS))
        line = self.line if self.line in LINES else next(iter(LINES))
        if self.start and self.end:
            local = ZoneInfo(zone)
            begin, stop = (
                (time if time.tzinfo else time.replace(tzinfo=local)).astimezone(UTC) for time in (self.start, self.end)
            )
            if not timedelta(0) < stop - begin <= LONGEST:
                raise Refused(f"Choose a start before its end, and at most {LONGEST.days} days.")
            return Span(Window(begin, stop), None, view, line)
        name = self.last if self.last in RANGES else USUAL
        return Span(Window(at - RANGES[name][1], at), name, view, line)


AskedDep = Annotated[Asked, Depends()]
"""Of each route that shows a stretch of time."""
