"""An alarm is a function of the readings: not of batches, restarts or the clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from barograph.rules.judge import Judged, judge, packed, unpacked
from barograph.rules.model import Rule

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULE = Rule(rule="too-warm", metric="temperature", devices=["fridge-*"], above=8, hold=120, severity="critical")
LATER = NOON + timedelta(days=1)


def readings(*values, every=30, device="fridge-1"):
    return [
        Judged(device, "temperature", NOON + timedelta(seconds=every * place), value)
        for place, value in enumerate(values)
    ]


def events(found, horizon=LATER):
    return [(event.transition, (event.time - NOON).total_seconds()) for event in judge({}, found, [RULE], horizon)[1]]


def test_a_limit_must_be_exceeded_for_the_whole_time():
    """A door left open for a minute is not a broken fridge."""
    assert [] == events(readings(9, 9, 9, 9, 5))
    assert [("opened", 120)] == events(readings(9, 9, 9, 9, 9))


def test_the_alarm_clears_with_the_first_reading_back_inside():
    assert [("opened", 120), ("cleared", 150)] == events(readings(9, 9, 9, 9, 9, 8))


def test_one_good_reading_starts_the_time_anew():
    assert [("opened", 210)] == events(readings(9, 9, 5, 9, 9, 9, 9, 9))


def test_the_worst_value_is_kept():
    _, found = judge({}, readings(9, 11, 10, 9, 9, 5), [RULE], LATER)

    assert [11, 11] == [event.value for event in found]


def test_a_reading_after_the_horizon_waits():
    """A clock that is ahead must not open an alarm in the future."""
    assert [] == events(readings(9, 9, 9, 9, 9), horizon=NOON + timedelta(seconds=120))


def test_another_device_is_another_matter():
    assert [] == events(readings(9, 9, 9, 9, 9, device="room-1"))


@given(
    values=st.lists(st.sampled_from([4.0, 8.0, 8.1, 12.0]), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    restart=st.booleans(),
)
def test_any_split_into_batches_gives_the_same_events(values, cuts, restart):
    """Ten runs a minute or one a day: people see the same alarms. A restart in between changes nothing."""
    whole = readings(*values)
    expected_state, expected = judge({}, whole, [RULE], LATER)

    state, found = {}, []
    edges = [0, *sorted(cuts), len(whole)]
    for start, end in pairwise(edges):
        state, news = judge(unpacked(packed(state)) if restart else state, whole[start:end], [RULE], LATER)
        found += news

    assert expected == found
    assert expected_state == state


@given(values=st.lists(st.sampled_from([4.0, 12.0]), max_size=40))
def test_readings_told_again_change_nothing(values):
    whole = readings(*values)
    state, _ = judge({}, whole, [RULE], LATER)

    assert (state, []) == judge(state, whole, [RULE], LATER)
