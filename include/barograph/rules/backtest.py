"""Rules over the past: what would have fired, and how that differs from other rules.

Pure: readings in, alarms out. It touches nobody's state and nobody's inbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from barograph.rules.history import alarms_of
from barograph.rules.judge import judge
from barograph.rules.model import Range, Rule
from barograph.rules.readings import Event, Judged, Key, moment
from barograph.rules.state import State
from barograph.rules.watches import Watches


class Fired(NamedTuple):
    """An alarm that would have been."""

    key: Key
    opened: datetime
    cleared: datetime | None
    severity: str
    value: float | None


class Shifted(NamedTuple):
    """One alarm under two rules."""

    before: Fired
    after: Fired


class Difference(NamedTuple):
    gained: list[Fired]
    lost: list[Fired]
    shifted: list[Shifted]
    """Those that opened or cleared at another time, or were of another severity."""
    same: int


class Backtest(NamedTuple):
    alarms: list[Fired]
    events: list[Event]
    per_day: float


def backtest(readings: Sequence[Judged], rules: Watches, start: int, end: int) -> Backtest:
    """What rules would have said of readings of `[start, end)`; times in microseconds.

    For rules over a period, give readings from before `start` too: alarms that opened before it are left out.
    """
    _, events = judge(State(), readings, rules, end)
    found = [each for each in fired(events) if each.opened >= moment(start)]
    return Backtest(found, events, len(found) / max((end - start) / 86_400e6, 1e-9))


def fired(events: Iterable[Event]) -> list[Fired]:
    """The alarms that events amount to, in the order in which they opened."""
    of: dict[Key, list[Event]] = defaultdict(list)
    for event in events:
        of[event.key].append(event)
    found = [
        Fired(key, each.opened, each.cleared, each.severity or "", each.value)
        for key, own in of.items()
        for each in alarms_of(own)
    ]
    return sorted(found, key=lambda each: (each.opened, each.key))


def compared(before: Sequence[Fired], after: Sequence[Fired]) -> Difference:
    """What changes from some rules to others. Alarms of one key that overlap are the same alarm."""
    left: dict[Key, list[Fired]] = defaultdict(list)
    for fired in before:
        left[fired.key].append(fired)
    gained, shifted, same = [], [], 0
    for fired in after:
        over = [each for each in left[fired.key] if _overlap(each, fired)]
        if not over:
            gained.append(fired)
            continue
        left[fired.key].remove(over[0])
        if over[0][:4] == fired[:4]:
            same += 1
        else:
            shifted.append(Shifted(over[0], fired))
    return Difference(gained, [fired for many in left.values() for fired in many], shifted, same)


def with_limit(rule: Rule, sense: str, limit: float | Range) -> Rule:
    """The rule with another limit for its first level; how far behind it `clear` stands stays as it was."""
    old: float | Range = getattr(rule, sense)
    said = {name: getattr(rule, name) for name in rule.model_fields_set} | {"kind": rule.kind, sense: limit}
    if isinstance(rule.clear, tuple) and isinstance(limit, tuple) and isinstance(old, tuple):
        said["clear"] = tuple(now + clear - was for now, clear, was in zip(limit, rule.clear, old, strict=True))
    elif isinstance(rule.clear, float) and not isinstance(limit, tuple) and not isinstance(old, tuple):
        said["clear"] = limit + rule.clear - old
    said = {name: [e.model_dump(exclude_unset=True) for e in v] if name in ("levels", "grace", "overrides") else v
            for name, v in said.items()}  # fmt: skip
    return type(rule).model_validate(said)


def _overlap(one: Fired, other: Fired) -> bool:
    return (one.cleared or other.opened) >= other.opened and (other.cleared or one.opened) >= one.opened
