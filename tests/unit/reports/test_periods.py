"""Which days a report is about, and what it is called."""

from datetime import date, timedelta

import pytest

from barograph.reports.periods import Period, Scope
from barograph.reports.shelf import KEY

DAY = date(2026, 6, 17)


@pytest.mark.parametrize(
    ("kind", "key", "first", "days"),
    [
        ("day", "2026-06-17", DAY, 1),
        ("week", "week-2026-W25", date(2026, 6, 15), 7),
        ("month", "month-2026-06", date(2026, 6, 1), 30),
        ("year", "year-2026", date(2026, 1, 1), 365),
    ],
)
def test_a_period_is_the_one_that_the_day_lies_in(kind, key, first, days):
    period = Period.of(kind, DAY)

    assert (key, first, days) == (period.key, period.first, len(list(period)))
    assert KEY.fullmatch(period.key)
    assert period.before.last < period.first


def test_weeks_are_those_of_iso_8601():
    """The first of January 2027 lies in week 53 of 2026."""
    assert "week-2026-W53" == Period.of("week", date(2027, 1, 1)).key


def test_any_run_of_days_is_a_period():
    run = Period.between(date(2026, 6, 3), date(2026, 6, 9))

    assert ("days-2026-06-03-2026-06-09", 7) == (run.key, len(run))
    assert "day" == Period.between(DAY, DAY).kind


@pytest.mark.parametrize("last", [date(2026, 6, 16), date(2027, 6, 18)])
def test_a_period_ends_after_it_begins_and_within_a_year(last):
    with pytest.raises(ValueError, match=r"period|report"):
        Period.between(DAY, last)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_week_with_a_change_of_clocks_is_an_hour_more_or_less(day, hours):
    assert timedelta(days=6, hours=hours) == Period.of("week", day).window("Europe/Berlin").length


@pytest.mark.parametrize("name", ["../../x", "<script>", "库房", "a" * 200, "\u202egpj", "🧊", "'\"", "A B"])
def test_a_scope_with_any_name_has_a_key_that_is_a_file_name(name):
    keys = {Scope(zone=name).key, Scope(device=name).key, Scope(device=name + "!").key}

    assert 3 == len(keys)
    assert all(KEY.fullmatch("2026-06-17" + key) for key in keys)
