"""Who is told what, on which channel: from an alarm, the contacts, and what was told before."""

from __future__ import annotations

import pytest
from tests.unit.notify.people import MINUTE, NOON, Row, a_book, a_contact, an_alarm

from barograph.notify.news import News, Told, news
from barograph.notify.routing import already, may_compose, notices


def told(*kinds, severity="major"):
    return [Told(kind, kinds[:place].count(kind), severity) for place, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("before", "alarm", "expected"),
    [
        ((), {}, News("opened")),
        ((), {"state": "cleared", "cleared": NOON - 60 * MINUTE}, News("opened")),
        ((), {"state": "cleared", "cleared": NOON - 25 * 60 * MINUTE}, None),
        ((), {"historical": True}, None),
        ((), {"state": "withdrawn"}, None),
        ((), {"state": "suppressed"}, None),
        (("opened",), {}, None),
        (("opened",), {"severity": "critical"}, News("raised")),
        (("opened",), {"severity": "warning"}, None),
        (("opened",), {"state": "cleared"}, News("cleared")),
        (("opened", "repeated"), {"state": "cleared"}, News("cleared")),
        (("opened",), {"state": "withdrawn"}, News("withdrawn")),
        (("opened",), {"state": "suppressed"}, None),
        (("opened", "cleared"), {"state": "cleared"}, None),
        (("opened", "cleared"), {}, News("reopened")),
        (("opened", "cleared"), {"state": "withdrawn"}, News("withdrawn")),
        (("opened", "withdrawn"), {"state": "withdrawn"}, None),
        (("opened", "withdrawn"), {}, News("reopened")),
        (("opened", "cleared", "reopened"), {"state": "cleared"}, News("cleared", 1)),
    ],
)
def test_a_change_is_news_to_whom_it_is_new(before, alarm, expected):
    """Nobody hears a thing twice, nor of the past as if it were now."""
    assert expected == news(an_alarm(**alarm), told(*before), NOON)


def test_what_was_dropped_was_never_told():
    """An alarm that was withdrawn before it was told, and is one after all, is told for the first time."""
    dropped = [Told("opened", 0, "major", dropped=True), Told("withdrawn", 0, "major", dropped=True)]

    assert News("opened", 1) == news(an_alarm(), dropped, NOON)


def test_the_end_is_told_to_who_wants_it():
    assert news(an_alarm(state="cleared"), told("opened"), NOON, resolved=False) is None


@pytest.mark.parametrize(
    ("wanted", "alarm", "expected"),
    [
        ({}, {}, True),
        ({"from": "major"}, {"severity": "minor"}, False),
        ({"from": "major"}, {"severity": "critical"}, True),
        ({"zones": ["office"]}, {}, False),
        ({"zones": ["office"]}, {"device": "room-1"}, True),
        ({"rules": ["cold-*"]}, {}, False),
        ({"rules": ["wa*"]}, {}, True),
        ({"devices": ["fridge-*"]}, {"device": "room-1"}, False),
        ({}, {"site": "elsewhere"}, False),
        ({"sites": ["*"]}, {"site": "elsewhere"}, True),
        ({}, {"site": "", "rule": "ingest-stopped"}, True),
        ({"zones": ["office"]}, {"site": "", "rule": "ingest-stopped"}, True),
        ({"system": False}, {"site": "", "rule": "ingest-stopped"}, False),
        ({"escalations_only": True}, {}, False),
    ],
)
def test_a_contact_gets_the_alarms_it_wants(wanted, alarm, expected):
    book = a_book(a_contact(alarms=wanted))

    assert expected == bool(list(notices(book, an_alarm(**alarm), [], NOON)))


def test_every_channel_is_told_for_itself():
    """One that knows already is not told again because another was added."""
    book = a_book(a_contact(channels=[{"channel": "desk", "kind": "log"}, {"channel": "phone", "kind": "log"}]))

    assert ["phone"] == [one.channel for one in notices(book, an_alarm(), [Row(1)], NOON)]


def test_who_was_told_hears_the_end_whatever_he_wants_now():
    """An escalation is about an alarm that he did not want; its end is his business all the same."""
    book = a_book(a_contact(alarms={"escalations_only": True}))

    made = list(notices(book, an_alarm(state="cleared"), [Row(1, kind="escalated")], NOON))

    assert ["cleared"] == [one.kind for one in made]


def test_a_first_alarm_waits_for_others():
    book = a_book(a_contact(group=60))

    assert [NOON + MINUTE] == [one.due for one in notices(book, an_alarm(), [], NOON)]


def test_a_channel_has_so_many_messages_in_an_hour():
    composed = [NOON - 61 * MINUTE, NOON - 59 * MINUTE, NOON - MINUTE]

    assert may_compose(composed, 3, NOON)
    assert not may_compose(composed, 2, NOON)


def test_who_was_never_told_of_an_open_alarm_and_wants_it_is_told_that_it_is_open_already():
    """Not who heard of it, was not to hear of it any more, or does not want it."""
    book = a_book(a_contact("anna"), a_contact("bob"), a_contact("cleo", alarms={"from": "critical"}))
    made = [Row(1, contact="anna", dropped="it was over")]

    assert [("bob", "already")] == [(one.contact, one.kind) for one in already(book, an_alarm(), made, NOON)]
    assert [] == list(already(book, an_alarm(historical=True), [], NOON))


@pytest.mark.parametrize(
    ("opened", "facts", "expected"),
    [
        (-10, {}, News("already")),
        (-10, {"state": "cleared", "cleared": NOON}, None),
        (-1, {}, News("opened")),
        (-1, {"state": "cleared", "cleared": NOON}, News("opened")),
    ],
)
def test_what_opened_before_a_restore_is_no_news(opened, facts, expected):
    """The database does not know any more what was told of it; what opened since is as new as ever."""
    alarm = an_alarm(opened=NOON + opened * MINUTE, **facts)

    assert expected == news(alarm, [], NOON, restored=NOON - 5 * MINUTE)
