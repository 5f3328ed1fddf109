"""What a replay brought to light says so, and is no news if it is over."""

from datetime import timedelta

import pytest
from tests.unit.rules.told import LATER, at, said, watches

from barograph.rules.judge import judge
from barograph.rules.readings import moment
from barograph.rules.replays import NONE, Replayed, marked
from barograph.rules.state import State

WARM = {"rule": "warm", "metric": "temperature", "above": 8, "hold": 60, "severity": "critical"}
KEY = "warm", "fridge-1", "temperature"


def found(*values):
    _, events = judge(State(), said(*values), watches(WARM), LATER)
    return events


def replayed(until):
    return Replayed({KEY: at(0)}, at(until), [16])


def test_an_alarm_that_is_over_is_history():
    opened, cleared = marked(found(4, 9, 9, 9, 4), replayed(until=300))

    assert (True, "replayed rejects of batch 16") == (opened.historical, opened.details["replayed"])
    assert "replayed rejects of batch 16" == cleared.details["replayed"]


def test_an_alarm_that_goes_on_is_news():
    """Somebody has to go there, whichever way it came to light."""
    [opened] = marked(found(4, 9, 9, 9), replayed(until=300))

    assert (False, "replayed rejects of batch 16") == (opened.historical, opened.details["replayed"])


def test_of_two_alarms_the_one_that_goes_on_is_news():
    events = marked(found(9, 9, 9, 4, 4, 9, 9, 9), replayed(until=300))

    assert [True, False] == [event.historical for event in events if event.transition == "opened"]


@pytest.mark.parametrize("late", [NONE, replayed(until=60), Replayed({("other", *KEY[1:]): at(0)}, at(300), [16])])
def test_what_live_readings_showed_stays_as_it_is(late):
    events = found(4, 9, 9, 9, 4)

    assert events == marked(events, late)


def test_it_may_have_changed_all_that_came_after_it():
    """An alarm that opened later than the last replayed reading may never have been."""
    late = replayed(until=60)

    assert late.behind(KEY, moment(at(3600))) and not late.brought(KEY, moment(at(3600)))
    assert not late.behind(KEY, moment(at(0)) - timedelta(microseconds=1))
