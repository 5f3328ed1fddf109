"""How much an excursion cost: time, extreme and area beyond the limit."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.rules.excursion import Excursion, Limits, excursion, limits_of

MINUTE = 60_000_000
EIGHT = Limits(high=8.0)


def of(values, limits=EIGHT, minutes=None, gap=600.0):
    times = np.array([MINUTE * at for at in (minutes if minutes is not None else range(len(values)))], dtype=np.int64)
    return excursion(times, np.array(values, dtype=np.float64), limits, gap)


def test_four_degrees_for_a_quarter_of_an_hour_are_one_degree_hour():
    found = of([12.0] * 16)

    assert Excursion(timedelta(minutes=15), 12.0, 1.0) == found


def test_a_line_through_the_limit_counts_from_where_it_crosses():
    """From 6 to 10 within a minute: half of it is above 8, by one degree on average."""
    found = of([6.0, 10.0])

    assert timedelta(seconds=30) == found.duration
    assert pytest.approx(1.0 * 0.5 / 60) == found.area


def test_below_a_lower_limit_counts_the_same():
    assert of([12.0, 9.0, 8.5, 7.0], Limits(high=8.0)).area == pytest.approx(
        of([4.0, 7.0, 7.5, 9.0], Limits(low=8.0)).area
    )
    assert 4.0 == of([4.0, 7.0, 7.5, 9.0], Limits(low=8.0)).extreme


def test_between_two_limits_both_sides_count():
    found = of([9.0, 9.0, 5.0, 1.0, 1.0], Limits(low=2.0, high=8.0))

    assert 9.0 == found.extreme
    assert pytest.approx((1 + 0.125 + 0.125 + 1) / 60) == found.area


def test_nothing_is_known_of_a_gap_and_nothing_is_counted():
    """A silent sensor is another alarm; guessing would make this one cheaper or dearer by chance."""
    assert timedelta(minutes=2) == of([9.0, 9.0, 9.0, 9.0], minutes=[0, 1, 61, 62]).duration


@pytest.mark.parametrize("values", [[], [8.0], [7.0, 8.0, 7.9]])
def test_what_never_was_beyond_costs_nothing(values):
    assert Excursion(timedelta(0), None, 0.0) == of(values)


@given(st.lists(st.floats(0, 20), min_size=2, max_size=40), st.integers(1, 59))
def test_a_reading_more_on_the_line_changes_nothing(values, second):
    """The cost is of what happened, not of how often somebody looked."""
    minutes = list(range(len(values)))
    at = second / 60
    more = [values[0] + (values[1] - values[0]) * at]
    plain, denser = of(values), of([values[0], *more, *values[1:]], minutes=[0, at, *minutes[1:]])

    assert pytest.approx(plain.area, abs=1e-9) == denser.area
    assert abs(plain.duration - denser.duration) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"limit": 8.0, "value": 9.0}, Limits(high=8.0)),
        ({"limit": 3.1, "value": 2.9}, Limits(low=3.1)),
        ({"limit": None, "value": None}, Limits()),
        ({"limit": 8.0, "value": 9.0, "thresholds": {"rule": {"outside": [2, 8]}}}, Limits(2, 8)),
        ({"limit": 8.0, "value": None, "thresholds": {"rule": {"below": 8.0}}}, Limits(low=8.0)),
        ({"limit": 0.5, "value": 0.9, "kind": "rate"}, Limits()),
        ({"limit": 3.0, "value": 3.0, "kind": "n_of_m"}, Limits()),
        ({"limit": 3.0, "value": 3.0, "kind": "n_of_m", "thresholds": {"rule": {"above": 8.0}}}, Limits(high=8.0)),
    ],
)
def test_the_limits_are_those_that_the_alarm_was_judged_by(facts, expected):
    assert expected == limits_of(facts)
