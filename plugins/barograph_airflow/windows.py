"""What a run is about: its local day, week or month, or its horizon.

Nothing here looks at the clock, so a cleared run is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from barograph.errors import BarographError
from barograph.reports.periods import Kind, Period

LONGEST: dict[Kind, timedelta] = {
    "day": timedelta(hours=26),
    "week": timedelta(days=7, hours=2),
    "month": timedelta(days=31, hours=2),
}
"""A local day has 25 hours where the clocks go back; a zone that changes its law may add one."""


def day_of(context: Mapping[str, Any], zone: str) -> date:
    """The local day of a run: the form's, else that of its data interval, else the last one that was complete.

    Raises BarographError for an interval of several days, for a day that had not begun when the run was due, and for
    a backfill with the form's day: each of its runs would settle the same one.
    """
    return period_of(context, zone, "day").first


def period_of(context: Mapping[str, Any], zone: str, kind: Kind) -> Period:
    """The same for the local week or month of a run; the form's day is any day of it."""
    run = context["dag_run"]
    today = run.run_after.astimezone(ZoneInfo(zone)).date()
    asked = context["params"].get("day")
    if asked and run.run_type == "backfill":
        raise BarographError("A backfill takes its days from its date range. Leave Day empty, and start it again.")
    if asked:
        day = _date(asked)
    elif _has_interval(run):
        day = _middle(run.data_interval_start, run.data_interval_end, kind).astimezone(ZoneInfo(zone)).date()
    else:
        day = Period.of(kind, today).first - timedelta(days=1)
    if day > today:
        raise BarographError(f"{day} has not begun in {zone}: there is nothing to settle. Choose a day that is over.")
    return Period.of(kind, day)


def horizon_of(context: Mapping[str, Any]) -> datetime:
    """Up to when a run may judge: the end of a scheduled run's interval, the start of one begun by hand."""
    run = context["dag_run"]
    scheduled = run.run_type == "scheduled" and run.data_interval_end
    return run.data_interval_end if scheduled else run.run_after


def _has_interval(run: Any) -> bool:
    return bool(run.data_interval_start) and run.data_interval_end > run.data_interval_start


def _middle(start: datetime, end: datetime, kind: Kind) -> datetime:
    # Noon is in the same day even if somebody changed the reporting zone since.
    if end - start > LONGEST[kind]:
        raise BarographError(
            f"The interval {start} to {end} is more than one {kind}. Use Backfill: it makes a run a {kind}."
        )
    return start + (end - start) / 2


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BarographError(f"{text!r} is not a day. Write it as 2026-11-22.") from error
