"""Hours are what the clock on the shop's wall shows, on both nights when it is put forward or back too."""

from datetime import UTC, date, datetime, timedelta

import pytest

from barograph.rules.hours import Calendar, parsed
from barograph.windows import microseconds

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
"""In Berlin 02:00 becomes 03:00 at 01:00 UTC, and 03:00 becomes 02:00 at 01:00 UTC."""


def within(calendar, start, hours):
    """The minutes of some hours from a UTC time on that are within, as stretches [from, to) of HH:MM UTC."""
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    minutes = [begin + timedelta(minutes=n) for n in range(hours * 60)]
    inside = [calendar.covers(microseconds(minute)) for minute in minutes]
    edges = [n for n in range(len(minutes)) if inside[n] != (n > 0 and inside[n - 1])]
    return [f"{minutes[n]:%H:%M}" for n in edges]


def test_opening_hours_are_local():
    """20:00 in Berlin is 19:00 UTC in winter and 18:00 in summer."""
    calendar = Calendar.of(BERLIN, ["mon-fri 08:00-20:00"])

    assert ["07:00", "19:00"] == within(calendar, "2026-11-23T00:00", 24)
    assert ["06:00", "18:00"] == within(calendar, "2026-07-20T00:00", 24)
    assert [] == within(calendar, "2026-11-22T00:00", 24)  # a Sunday


def test_a_night_that_has_no_two_o_clock():
    """A defrost at 02:15 does not come on that night; one from 01:00 to 04:00 takes two hours."""
    assert [] == within(Calendar.of(BERLIN, ["daily 02:15-02:45"]), "2026-03-28T23:00", 12)
    assert ["00:00", "02:00"] == within(Calendar.of(BERLIN, ["daily 01:00-04:00"]), "2026-03-28T23:00", 12)


def test_a_night_that_has_two_o_clock_twice():
    """The clock shows 02:15 twice, and a timer that goes by the clock switches twice."""
    assert ["00:15", "00:45", "01:15", "01:45"] == within(
        Calendar.of(BERLIN, ["daily 02:15-02:45"]), "2026-10-24T22:00", 12
    )
    assert ["23:00", "03:00"] == within(Calendar.of(BERLIN, ["daily 01:00-04:00"]), "2026-10-24T22:00", 12)


def test_what_begins_before_midnight_belongs_to_that_day():
    calendar = Calendar.of("UTC", ["fri 22:00-06:00"])

    assert ["22:00", "06:00"] == within(calendar, "2026-11-27T12:00", 48)


def test_a_holiday_is_no_weekday():
    """Closed on Christmas, though it is a Friday; `daily` and `holidays` mean it."""
    christmas = [date(2026, 12, 25)]

    assert [] == within(Calendar.of("UTC", ["mon-fri 08:00-20:00"], christmas), "2026-12-25T00:00", 24)
    assert ["02:00", "03:00"] == within(Calendar.of("UTC", ["daily 02:00-03:00"], christmas), "2026-12-25T00:00", 24)
    assert ["10:00", "14:00"] == within(
        Calendar.of("UTC", ["holidays 10:00-14:00"], christmas), "2026-12-25T00:00", 24
    )  # fmt: skip


def test_a_single_stretch_can_last_days():
    calendar = Calendar.of(BERLIN, ["2026-12-24/2026-12-27"])

    assert ["23:00", "23:00"] == within(calendar, "2026-12-23T12:00", 96)


def test_the_moments_outside_some_hours():
    """`not opening`: when nobody should open a door."""
    calendar = Calendar.of("UTC", ["daily 08:00-20:00"], outside=True)

    assert ["00:00", "08:00", "20:00"] == within(calendar, "2026-11-23T00:00", 24)


def test_every_stretch_ends_where_the_next_begins():
    """Asked in any order: what is remembered of the last answer never shows."""
    calendar = Calendar.of(BERLIN, ["mon-fri 08:00-20:00", "sat 09:00-18:00", "daily 02:15-02:45"])
    start = microseconds(datetime(2026, 10, 23, tzinfo=UTC))
    moments = [start + n * 7 * 60_000_000 for n in range(900)]
    expected = {moment: Calendar.of(BERLIN, calendar_hours(calendar)).covers(moment) for moment in moments[::13]}

    for moment in [*moments[::-13], *moments]:
        inside, edge = calendar.stretch(moment)
        assert calendar.covers(edge) != inside
        assert calendar.covers(edge - 1) == inside
    assert expected == {moment: calendar.covers(moment) for moment in expected}


def calendar_hours(_):
    return ["mon-fri 08:00-20:00", "sat 09:00-18:00", "daily 02:15-02:45"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mon-fri 8-20", "are no hours"),
        ("mo 08:00-20:00", "is no day"),
        ("mon 08:00-25:00", "no time of the day"),
        ("2026-12-02/2026-12-01", "ends before it begins"),
        ("2026-12-01T08:00Z/2026-12-02", "without a zone"),
        ("soon/later", "no stretch of time"),
    ],
)
def test_what_are_no_hours_is_refused(text, what):
    with pytest.raises(ValueError, match=what):
        parsed(text)
