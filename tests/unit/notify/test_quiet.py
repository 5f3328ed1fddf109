"""Quiet hours are hours of the wall clock, also in the nights when clocks change."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from barograph.notify.quiet import Quiet, told_at
from barograph.windows import iso, utc

BERLIN = ZoneInfo("Europe/Berlin")


def quiet(start="22:00", until="07:00", **facts):
    return Quiet.model_validate({"from": start, "until": until, **facts})


def at(moment, *those, severity="minor", zone=BERLIN):
    return iso(told_at(utc(moment), severity, those or [quiet()], zone))[:16]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-27T20:59", "2026-11-27T20:59"),  # 21:59 in Berlin
        ("2026-11-27T21:00", "2026-11-28T06:00"),
        ("2026-11-28T05:59", "2026-11-28T06:00"),
        ("2026-11-28T06:00", "2026-11-28T06:00"),
        ("2026-03-28T23:00", "2026-03-29T05:00"),  # clocks go forward: the night has an hour less
        ("2026-10-24T23:00", "2026-10-25T06:00"),  # and back: an hour more
    ],
)
def test_what_comes_at_night_is_told_in_the_morning(now, expected):
    assert expected == at(now)


def test_hours_that_end_in_the_hour_that_comes_twice_end_the_second_time():
    """02:30 comes at 00:30 and at 01:30 UTC."""
    assert "2026-10-25T01:30" == at("2026-10-24T22:00", quiet("22:00", "02:30"))


def test_hours_that_end_in_the_hour_that_never_comes_end_when_it_would_have():
    """02:30 is left out on 29 March; half an hour after 02:00, the clock says 03:30."""
    assert "2026-03-29T01:30" == at("2026-03-28T22:00", quiet("22:00", "02:30"))


def test_worse_ones_come_all_the_same():
    assert "2026-11-27T23:00" == at("2026-11-27T23:00", severity="critical")
    assert "2026-11-27T23:00" == at("2026-11-27T23:00", quiet(below="major"), severity="major")
    assert "2026-11-28T06:00" == at("2026-11-27T23:00", quiet(below="major"), severity="minor")


def test_days_are_those_on_which_it_begins():
    """2026-11-27 is a Friday; the night that began on it lasts into Saturday."""
    friday = quiet(days=["fri"])

    assert "2026-11-28T06:00" == at("2026-11-28T02:00", friday)
    assert "2026-11-28T23:00" == at("2026-11-28T23:00", friday)


def test_quiet_hours_that_follow_on_one_another_are_one():
    """A Sunday that is quiet as a whole after a quiet Saturday night."""
    assert "2026-11-30T06:00" == at("2026-11-28T22:00", quiet(), quiet("00:00", "00:00", days=["sun"]))


def test_a_week_that_is_quiet_all_the_time_ends_all_the_same():
    """Nobody means it; it must not hang."""
    assert at("2026-11-28T22:00", quiet("00:00", "00:00")) > "2026-12-10"


def test_yaml_takes_times_for_numbers():
    """22:00 without quotes is 1320 to YAML 1.1."""
    assert quiet(1320, 420) == quiet("22:00", "07:00")
    with pytest.raises(ValidationError, match="22:00"):
        quiet("ten")
