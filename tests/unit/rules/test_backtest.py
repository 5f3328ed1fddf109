"""Rules over the past: what would have fired, what another rule changes, how an alarm came about."""

from tests.unit.rules.told import LATER, NOON, at, said, watches

from barograph.rules.backtest import backtest, compared, with_limit
from barograph.rules.explain import explain, inputs
from barograph.rules.kinds import KINDS

WARM = {"rule": "warm", "metric": "temperature", "above": 8, "hold": 60}


def fired(rule, *values):
    return backtest(said(*values), watches(rule), NOON, LATER).alarms


def test_what_would_have_fired_is_counted_by_the_day():
    found = backtest(said(4, 9, 9, 9, 4, 9, 9, 9, 11, 4), watches(WARM), NOON, LATER)

    assert [("fridge-1", 90), ("fridge-1", 210)] == [
        (each.key[1], (each.opened.timestamp() * 1e6 - NOON) / 1e6) for each in found.alarms
    ]
    assert 2 == found.per_day


def test_another_rule_gains_loses_and_shifts_alarms():
    """What somebody wants to know before he changes a limit."""
    values = [4, 9, 9, 9, 4, 4, 11, 11, 11, 11, 4, 4, 7, 7, 7, 4]

    difference = compared(fired(WARM, *values), fired({**WARM, "above": 10, "hold": 0}, *values))
    assert (0, 1, 1, 0) == (*map(len, difference[:3]), difference.same)
    assert 1 == len(compared(fired(WARM, *values), fired({**WARM, "above": 6}, *values)).gained)
    assert 2 == compared(fired(WARM, *values), fired(WARM, *values)).same


def test_a_limit_is_moved_together_with_its_clear_limit():
    rule = KINDS["limit"].model_validate({**WARM, "hold": 0, "clear": 7})

    moved = with_limit(rule, "above", 12)

    assert (12, 12 - (rule.above - 7)) == (moved.above, moved.clear)
    assert rule.version != moved.version


def test_an_alarm_is_explained_by_the_readings_that_led_to_it():
    """Each step: the reading and its flag, the rule's version, what was known before and after."""
    rules, key = watches(WARM), ("warm", "fridge-1", "temperature")
    readings = [*said(4, 9), *said(85, start=60, flag=4), *said(9, 4, start=90), *said(9, device="fridge-2")]

    opened, cleared = explain(readings, rules, key, LATER)

    assert [(9, ""), (85, "its flag does not count"), (9, "")] == [(s.reading.value, s.note) for s in opened.steps]
    assert ["opened", "cleared"] == [opened.event.transition, cleared.event.transition]
    assert {opened.event.version} == {step.rule.rule.version for step in opened.steps}
    assert (None, at(30)) == (opened.steps[0].before.life.started, opened.steps[0].after.life.started)
    assert {("fridge-1", "temperature")} == inputs(rules, key)


def test_silence_is_explained_too():
    rules, key = watches({"rule": "gone", "kind": "missing", "least": 300}), ("gone", "fridge-1", "frames")

    [opened] = explain(said(4), rules, key, LATER)

    assert [("nothing came", 300.0)] == [(step.note, step.measure) for step in opened.steps]
