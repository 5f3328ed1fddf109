"""What is pending for a channel becomes one message, and says how things are now."""

from __future__ import annotations

import pytest
from tests.unit.notify.people import NOON, Row, a_book, an_alarm

from barograph.notify.composing import composition


def composed(rows, *alarms, threads=None, name="anna"):
    known = {alarm["alarm"]: alarm for alarm in alarms or [an_alarm()]}
    return composition(name, a_book(), rows, known, threads or {}, NOON, "new")


def said(rows, *alarms, **facts):
    made = composed(rows, *alarms, **facts)
    return [one["said"] for one in made.message.facts["entries"]] if made.message else []


@pytest.mark.parametrize(
    ("kinds", "alarm", "before", "expected"),
    [
        (["opened"], {}, False, ["opened"]),
        (["opened"], {"state": "cleared", "cleared": NOON}, False, ["passed"]),
        (["opened", "cleared"], {"state": "cleared", "cleared": NOON}, False, ["passed"]),
        (["opened"], {"state": "cleared", "cleared": NOON, "opened": NOON}, False, ["happened"]),
        (["opened"], {"state": "withdrawn"}, False, []),
        (["opened"], {"state": "suppressed"}, False, []),
        (["cleared"], {"state": "cleared", "cleared": NOON}, True, ["cleared"]),
        (["repeated"], {"state": "cleared", "cleared": NOON}, True, []),
        (["withdrawn"], {"state": "withdrawn"}, True, ["withdrawn"]),
        (["cleared", "reopened"], {}, True, []),
        (["raised", "repeated"], {}, True, ["raised"]),
        (["escalated"], {"acknowledged": True}, False, []),
        (["opened"], {"acknowledged": True}, False, ["opened"]),
    ],
)
def test_it_says_how_things_are_when_it_is_said(kinds, alarm, before, expected):
    """Between a change and its telling lie quiet hours, a full channel, a night."""
    rows = [Row(n, kind=kind) for n, kind in enumerate(kinds)]

    made = composed(rows, an_alarm(**alarm), threads={1: ["old"]} if before else {})

    assert expected == ([one["said"] for one in made.message.facts["entries"]] if made.message else [])
    assert set(range(len(kinds))) == {*made.drop, *(made.message.told if made.message else ())}


def test_a_shelved_alarm_waits_for_the_end_of_its_shelf():
    later = NOON.replace(hour=18)

    made = composed([Row(7)], an_alarm(shelved=later))

    assert made.message is None
    assert {7: later} == made.later


def test_a_storm_is_one_digest_that_counts_what_it_does_not_name():
    alarms = [an_alarm(n, severity="critical" if n % 10 == 0 else "minor") for n in range(1000)]

    facts = composed([Row(n, alarm=n) for n in range(1000)], *alarms).message.facts

    assert 50 == len(facts["entries"])
    assert {"critical"} == {one["severity"] for one in facts["entries"]}
    assert [("critical", 100), ("minor", 900)] == facts["counts"]["severities"]
    assert 1000 == facts["counts"]["open"]


def test_a_thread_goes_on():
    """What is said of an alarm answers the first message about it."""
    made = composed([Row(1, kind="repeated")], threads={1: ["first", "second"]}).message

    assert ("first", ["first", "second"]) == (made.thread, made.facts["references"])
    assert "new" == composed([Row(1)]).message.thread


def test_a_digest_of_several_threads_begins_one_and_names_them():
    made = composed([Row(1, 1, kind="repeated"), Row(2, 2, kind="repeated")], an_alarm(1), an_alarm(2),
                    threads={1: ["one"], 2: ["two"]}).message  # fmt: skip

    assert ("new", ["one", "two"]) == (made.thread, made.facts["references"])
    assert {"one", "two"} == {entry["thread"] for entry in made.facts["entries"]}


def test_a_channel_that_is_gone_holds_up_nothing():
    made = composed([Row(1)], name=None)

    assert made.message is None
    assert {1} == made.drop.keys()


def test_an_alarm_keeps_its_key_under_another_number():
    """After a restore of the database it has one; whoever collects alarms knows it again."""
    keys = [
        composed([Row(1, alarm=alarm["alarm"])], alarm).message.facts["entries"][0]["key"]
        for alarm in (an_alarm(1), an_alarm(57), an_alarm(1, opened=NOON))
    ]

    assert keys[0] == keys[1] != keys[2]
