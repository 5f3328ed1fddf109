"""Time is a Window: UTC, start included, end not."""

from datetime import UTC, date, datetime, timedelta

import pytest

from barograph.windows import Window, iso, merged, utc


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


def test_the_start_is_in_and_the_end_is_not():
    """Two neighbouring windows share no moment, and lose none."""
    hour = Window.hour("2026-11-22T08:00Z")

    assert hour.start in hour
    assert hour.end not in hour


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)])
def test_a_local_day_has_the_hours_that_its_clocks_say(day, hours):
    """A day of 23 hours is complete with 23 hours of readings."""
    window = Window.local_day(date.fromisoformat(day), "Europe/Berlin")

    assert timedelta(hours=hours) == window.length


def test_a_time_without_a_zone_is_refused():
    """A naive time would be somebody's local time, and nobody could say whose."""
    with pytest.raises(ValueError, match="zone"):
        Window(datetime(2026, 1, 1), at(9))


def test_windows_that_touch_become_one():
    """Ranges to refine again must not overlap: points would be sent twice."""
    joined = merged([Window(at(9), at(10)), Window(at(8), at(9)), Window(at(12), at(13))])

    assert [Window(at(8), at(10)), Window(at(12), at(13))] == joined


def test_a_window_names_the_local_days_it_touches():
    """Half past eleven in the evening UTC is tomorrow in Berlin."""
    late = Window(at(22, 30), at(23, 30))

    assert [date(2026, 11, 22), date(2026, 11, 23)] == list(late.local_days("Europe/Berlin"))


def test_times_survive_the_wire():
    """Microseconds are part of a reading's identity."""
    moment = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)

    assert iso(moment) == "2026-11-22T08:00:00.123456Z"
    assert moment == utc(iso(moment))
