"""Repeats and escalations, while nobody acknowledges."""

from __future__ import annotations

from tests.unit.notify.people import MINUTE, NOON, Row, a_book, a_contact

from barograph.notify.routing import reminded

PAIR = (
    a_contact("anna", repeat=1800, escalate=[{"after": 900, "to": "owner"}]),
    a_contact("owner", repeat=600, alarms={"escalations_only": True}),
)


def told(rows, minutes, *contacts):
    made = reminded(a_book(*(contacts or PAIR)), rows, NOON + minutes * MINUTE)
    return [(one.contact, one.kind, one.number) for one in made]


def sent(notice, **facts):
    return Row(notice, message=notice, **facts)


def test_nobody_is_reminded_before_the_time():
    assert [] == told([sent(1)], 14)


def test_after_a_while_another_is_told():
    assert [("owner", "escalated", 0)] == told([sent(1)], 15)


def test_a_channel_that_is_down_holds_up_no_escalation():
    """Time counts from when somebody was to be told: the notice still waits."""
    assert [("owner", "escalated", 0)] == told([Row(1)], 15)


def test_it_is_repeated_once_for_each_time():
    """A notifier that stood still for hours does not make up for what it missed."""
    assert ("anna", "repeated", 0) in told([sent(1)], 30)
    assert ("anna", "repeated", 0) in told([sent(1)], 300)
    again = [sent(1), sent(2, kind="repeated", due=NOON + 30 * MINUTE)]
    assert ("anna", "repeated", 1) not in told(again, 59)
    assert ("anna", "repeated", 1) in told(again, 60)


def test_what_waits_is_not_repeated():
    assert [] == [one for one in told([Row(1)], 300) if one[1] == "repeated"]


def test_whom_it_was_escalated_to_is_reminded_in_his_own_time():
    rows = [sent(1), sent(2, contact="owner", kind="escalated", due=NOON + 15 * MINUTE)]

    assert ("owner", "repeated", 0) not in told(rows, 24)
    assert ("owner", "repeated", 0) in told(rows, 25)


def test_escalations_do_not_go_round_in_circles():
    """Who was told by an escalation alone escalates no further."""
    circle = (
        a_contact("anna", escalate=[{"after": 60, "to": "berta"}]),
        a_contact("berta", escalate=[{"after": 60, "to": "anna"}], alarms={"escalations_only": True}),
    )

    assert [("berta", "escalated", 0)] == told([sent(1), sent(2, contact="berta", kind="escalated")], 60, *circle)


def test_quiet_hours_hold_for_reminders_too():
    night = a_contact("anna", repeat=60, quiet=[{"from": "00:00", "until": "14:30"}])

    [reminder] = reminded(a_book(night), [sent(1)], NOON + 5 * MINUTE)  # 13:05 in Berlin

    assert NOON + 90 * MINUTE == reminder.due


def test_one_that_came_back_is_escalated_again():
    rows = [sent(1), sent(2, kind="cleared"), sent(3, kind="reopened", due=NOON + 60 * MINUTE)]

    assert [] == told(rows, 74)
    assert [("owner", "escalated", 1)] == told(rows, 75)
