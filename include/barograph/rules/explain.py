"""How an alarm came about: the same readings folded again, every step written down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from barograph.rules.judge import Step, judge
from barograph.rules.readings import Event, Judged, Key
from barograph.rules.state import State
from barograph.rules.watches import Watches


class Explanation(NamedTuple):
    """One transition of an alarm, and what led to it."""

    event: Event
    steps: list[Step]
    """From the first reading beyond any limit (or the last transition) on. A Step has the reading with its flag, the
    rule with its version (`step.rule.rule.version`), the measure, the memory before and after, and, where a reading did
    not count or nothing came, a `note`."""


def explain(
    readings: Iterable[Judged], rules: Watches, key: Key, horizon: int, state: State | None = None
) -> list[Explanation]:
    """The transitions of the alarms of one (rule, device, metric), each with the steps that led to it.

    `readings`: all that the rule hears there (`inputs(rules, key)`), from well before the alarm: a rule over a period
    needs that period. `state`: a stored one from before the first of them, if there is one.
    """
    steps: list[Step] = []
    judge(state or State(), readings, rules, horizon, told=lambda step: steps.append(step) if step.key == key else None)
    found: list[Explanation] = []
    led: list[Step] = []
    for step in steps:
        if not step.before.life.stirred:
            led = []
        led.append(step)
        if step.event is not None:
            found.append(Explanation(step.event, led))
            led = []
    return found


def inputs(rules: Watches, key: Key) -> frozenset[tuple[str, str]]:
    """(device, metric) of all readings that a rule hears there; ("", "") stands for all of a port or collector."""
    watch = rules.find(key)
    return frozenset() if watch is None else watch.inputs or frozenset({("", "")})
