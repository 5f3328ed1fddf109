"""How an alarm stands, from what was judged and what people did; no database needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from barograph.errors import AlarmError, AlreadyDone
from barograph.state.handling import Action, allowed, standing

OPENED = datetime(2026, 11, 22, 8, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return OPENED + timedelta(minutes=count)


def alarm(state: str = "open", **facts: Any) -> dict[str, Any]:
    return {"alarm": 7, "rule": "warm", "device": "fridge-1", "metric": "temperature", "state": state,
            "opened": OPENED, "thresholds": None, **facts}  # fmt: skip


def done(verb: Any, after: float, number: int = 0, **facts: Any) -> Action:
    facts = {"who": "anna", "alarm": 7, "key": ("warm", "fridge-1", "temperature"), **facts}
    return Action(at=minutes(after), verb=verb, action=number or round(after * 10), **facts)


@pytest.mark.parametrize("state", ["open", "cleared", "suppressed", "withdrawn"])
def test_without_actions_an_alarm_stands_as_it_was_judged(state):
    assert state == standing(alarm(state), [], minutes(9)).state


@pytest.mark.parametrize(
    ("judged", "expected"),
    [("open", "acknowledged"), ("cleared", "cleared"), ("suppressed", "suppressed"), ("withdrawn", "withdrawn")],
)
def test_an_acknowledgement_shows_while_the_alarm_is_open(judged, expected):
    """Once it cleared, that is the news; who acknowledged it stays known."""
    now = standing(alarm(judged), [done("acknowledge", 3)], minutes(9))

    assert expected == now.state
    assert now.acknowledged is not None
    assert timedelta(minutes=3) == now.time_to_acknowledge


def test_what_is_done_later_does_not_count_yet():
    """A report of yesterday says how things stood yesterday."""
    assert "open" == standing(alarm(), [done("acknowledge", 3)], minutes(2)).state


def test_reopening_takes_back_closing_and_acknowledging():
    """The time to acknowledge is still that of the first who did."""
    actions = [done("acknowledge", 1), done("close", 2, comment="moved"), done("reopen", 3)]

    assert "closed" == standing(alarm(), actions, minutes(2)).state
    assert "open" == standing(alarm(), actions, minutes(3)).state
    assert timedelta(minutes=1) == standing(alarm(), actions, minutes(3)).time_to_acknowledge


def test_a_withdrawn_alarm_stays_withdrawn_whatever_was_done():
    assert "withdrawn" == standing(alarm("withdrawn"), [done("close", 2)], minutes(3)).state


def test_a_shelf_covers_every_alarm_of_its_point_and_ends_by_itself():
    """It was put up on another alarm of the same rule and point, before this one opened."""
    shelf = done("shelve", -60, number=1, alarm=3, until=minutes(30))

    assert shelf == standing(alarm(), [shelf], minutes(29)).shelf
    assert None is standing(alarm(), [shelf], minutes(30)).shelf
    assert None is standing(alarm(), [shelf, done("unshelve", 5, alarm=4)], minutes(6)).shelf
    assert "open" == standing(alarm(), [shelf], minutes(29)).state


def test_the_later_shelf_counts_also_where_it_is_the_shorter():
    first, second = done("shelve", 1, until=minutes(600)), done("shelve", 2, until=minutes(10))

    assert None is standing(alarm(), [first, second], minutes(11)).shelf


def test_order_is_that_of_recording_not_of_the_list():
    """Two machines' clocks may disagree; the database numbers what is done."""
    actions = [done("assign", 2, number=1, assignee="ben"), done("assign", 1, number=2, assignee="cem"),
               done("acknowledge", 1, number=3)]  # fmt: skip

    assert {"cem"} == {standing(alarm(), order, minutes(5)).assignee for order in permutations(actions)}


def test_an_onset_that_moved_behind_the_acknowledgement_waited_for_nobody():
    """Late data moved the opening: no time is negative."""
    assert timedelta(0) == standing(alarm(opened=minutes(5)), [done("acknowledge", 3)], minutes(9)).time_to_acknowledge


def test_who_comes_second_is_told_who_was_first():
    first = done("acknowledge", 3, comment="door was open")

    with pytest.raises(
        AlreadyDone, match=r"anna acknowledged alarm 7 already, 2026-11-22 08:03:00 UTC .“door was open"
    ):
        allowed(alarm(), standing(alarm(), [first], minutes(4)), done("acknowledge", 4, who="ben"))


def test_a_rule_may_want_a_comment_with_each_acknowledgement():
    strict = alarm(thresholds={"comment_required": True})
    now = standing(strict, [], minutes(1))

    with pytest.raises(AlarmError, match="wants a comment"):
        allowed(strict, now, done("acknowledge", 1))
    allowed(strict, now, done("acknowledge", 1, comment="compressor replaced"))


@pytest.mark.parametrize(
    ("judged", "before", "action", "why"),
    [
        ("withdrawn", [], done("acknowledge", 5), "was withdrawn"),
        ("withdrawn", [], done("shelve", 5, until=minutes(9)), "was withdrawn"),
        ("open", [done("close", 1)], done("acknowledge", 5), "closed alarm 7 already"),
        ("open", [done("close", 1)], done("close", 5, comment="x"), "closed alarm 7 already"),
        ("open", [], done("close", 5), "Close it with a comment"),
        ("open", [], done("comment", 5), "needs words"),
        ("open", [], done("assign", 5), "assigned to nobody already"),
        ("open", [done("assign", 1, assignee="ben")], done("assign", 5, assignee="ben"), "assigned to ben already"),
        ("open", [], done("shelve", 5), "A shelf ends"),
        ("open", [], done("shelve", 5, until=minutes(5)), "A shelf ends"),
        ("open", [], done("shelve", 5, until=minutes(5) + timedelta(days=31, seconds=1)), "within 31 days"),
        ("open", [], done("unshelve", 5), "is not shelved"),
        ("open", [], done("reopen", 5), "neither closed nor acknowledged"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(judged, before, action, why):
    with pytest.raises(AlarmError, match=why):
        allowed(alarm(judged), standing(alarm(judged), before, minutes(4)), action)


@pytest.mark.parametrize(
    "action",
    [
        done("acknowledge", 5),
        done("comment", 5, comment="looks like the door"),
        done("assign", 5, assignee="ben"),
        done("shelve", 5, until=minutes(500)),
        done("close", 5, comment="the sensor was moved"),
    ],
)
def test_an_open_alarm_can_be_treated_in_every_way(action):
    allowed(alarm(), standing(alarm(), [], minutes(4)), action)


def test_an_alarm_that_cleared_is_closed_without_words():
    allowed(alarm("cleared"), standing(alarm("cleared"), [], minutes(4)), done("close", 5))
