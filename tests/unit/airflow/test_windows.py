from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.timetables.interval import CronDataIntervalTimetable

from barograph.errors import BarographError
from barograph.windows import Window
from barograph_airflow.windows import day_of, horizon_of, period_of

BERLIN = "Europe/Berlin"
NIGHT = datetime(2026, 11, 22, 23, 15, tzinfo=UTC)
"""A quarter past midnight in Berlin, on the 23rd."""


def context(run_type: str = "scheduled", interval: Window | None = None, run_after: datetime = NIGHT, **params: Any):
    run = SimpleNamespace(
        run_type=run_type,
        run_after=run_after,
        data_interval_start=interval.start if interval else None,
        data_interval_end=interval.end if interval else None,
    )
    return {"dag_run": run, "params": params}


def test_a_scheduled_run_is_about_its_interval():
    yesterday = Window.local_day(date(2026, 11, 22), BERLIN)

    assert day_of(context(interval=yesterday, day=None), BERLIN) == date(2026, 11, 22)


def test_a_backfill_run_is_about_its_interval_however_old():
    old = Window.local_day(date(2021, 2, 3), BERLIN)

    assert day_of(context("backfill", interval=old), BERLIN) == date(2021, 2, 3)


def test_a_run_without_an_interval_is_about_yesterday():
    """A trigger by REST with `logical_date: null` has none."""
    assert day_of(context("manual"), BERLIN) == date(2026, 11, 22)


def test_yesterday_is_the_zone_s_not_utc_s():
    assert day_of(context("manual"), "UTC") == date(2026, 11, 21)


def test_the_form_s_day_wins():
    interval = Window.local_day(date(2026, 11, 22), BERLIN)

    assert day_of(context("manual", interval=interval, day="2026-10-01"), BERLIN) == date(2026, 10, 1)


@pytest.mark.parametrize(
    ("kind", "key", "before"), [("week", "week-2026-W47", "week-2026-W46"), ("month", "month-2026-10", "month-2026-09")]
)
def test_a_longer_run_is_about_the_one_that_ended(kind: Any, key: str, before: str):
    """The 23rd is a Monday; who starts a run by hand on a Thursday gets the last whole week too."""
    here = Window.local_day(date(2026, 11, 23), BERLIN)
    ended = period_of(context("manual"), BERLIN, kind)

    assert key == ended.key
    assert before == ended.before.key
    assert key == period_of(context(interval=ended.window(BERLIN)), BERLIN, kind).key
    assert key == period_of(context("manual", run_after=here.start + timedelta(days=3)), BERLIN, kind).key


def test_a_longer_run_takes_any_day_of_its_time_and_only_one_time_at_once():
    fortnight = Window(NIGHT - timedelta(days=14), NIGHT)

    assert "week-2026-W25" == period_of(context("manual", day="2026-06-18"), BERLIN, "week").key
    with pytest.raises(BarographError, match="more than one week"):
        period_of(context(interval=fortnight), BERLIN, "week")


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_days_of_23_and_25_hours_are_days(day: date):
    """What the timetable itself makes of the night after the clocks changed."""
    noon_after = pendulum.instance(datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(BERLIN)))
    interval = CronDataIntervalTimetable("0 0 * * *", timezone=BERLIN).infer_manual_data_interval(
        run_after=noon_after.add(hours=12).in_timezone("UTC")
    )

    window = Window(interval.start, interval.end)

    assert window == Window.local_day(day, BERLIN)
    assert day_of(context(interval=window, run_after=interval.end), BERLIN) == day


def test_an_old_run_keeps_its_day_when_the_reporting_zone_was_changed():
    interval = Window.local_day(date(2026, 11, 20), BERLIN)

    assert day_of(context(interval=interval), "America/New_York") == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("case", "hint"),
    [
        (context("manual", day="22.11.2026"), "2026-11-22"),
        (context("manual", day="2027-01-01"), "not begun"),
        (context("backfill", interval=Window.local_day(date(2026, 11, 2), BERLIN), day="2026-11-01"), "date range"),
        (context("manual", interval=Window(NIGHT - timedelta(days=7), NIGHT)), "Backfill"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_hint(case, hint: str):
    with pytest.raises(BarographError, match=hint):
        day_of(case, BERLIN)


def test_the_horizon_is_the_run_s_own_fixed_time():
    minute = Window(NIGHT - timedelta(minutes=1), NIGHT)
    later = NIGHT + timedelta(seconds=7)

    assert horizon_of(context("scheduled", interval=minute, run_after=later)) == NIGHT
    assert horizon_of(context("manual", interval=minute, run_after=later)) == later
    assert horizon_of(context("manual", run_after=later)) == later
