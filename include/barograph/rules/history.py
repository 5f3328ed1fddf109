"""Late data: how far to go back, which events no longer stand, and which alarm is which afterwards. All pure.

states of earlier batches ─► rewound ─► judge ─► gone, alarms_of ─► matched with the alarms that there are
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from barograph.rules.levels import SEVERITIES
from barograph.rules.readings import Event, Key
from barograph.rules.state import NEVER, Memory, Source, State
from barograph.rules.watches import Watch, Watches

Row = TypeVar("Row")
FOREVER = 1 << 62
RECENT = 600_000_000
"""Microseconds before a horizon: what is judged again from then on is so in nearly every batch."""


class Rewound(NamedTuple):
    state: State
    """The newest one, in which each point that was touched is as it was before."""
    since: Mapping[Key, int | None]
    """The touched keys: up to when each had been judged in that state; None: from its beginning."""
    unknown: Mapping[Key, int | None]
    """Of those from their beginning: the oldest batch whose state knew the point, if any did."""


def rewound(states: Iterable[tuple[int, State]], touched: Mapping[Key, int], rules: Watches) -> Rewound:
    """Go back, for every touched key, to the newest of its states in which nothing at or after that moment was judged.

    Nor, where a later batch brought late readings, at or after those: the state from before does not know them.
    `states`: of earlier batches, (batch, state), newest first; only as many are asked for as are needed.
    """
    newest: State | None = None
    since: dict[Key, int | None] = {}
    first, oldest = dict(touched), dict[Key, int | None].fromkeys(touched)
    back: dict[Key, _Back] = {}
    waiting = {key: watch for key in touched if (watch := rules.find(key)) is not None}
    for batch, state in states:
        newest = state if newest is None else newest
        for key, watch in list(waiting.items()):
            at = position(state, watch)
            if at is not None and at >= first[key]:
                oldest[key] = batch
                first[key] = min(first[key], state.judged_again(key))
                continue
            del waiting[key]
            since[key] = at
            if state is not newest:
                back[key] = _Back(watch, state, at)
        if not waiting:
            break
    back |= {key: _Back(watch, None, None) for key, watch in waiting.items()}
    since |= dict.fromkeys(waiting)
    base = _gone_back(newest or State(), back, {key: touched[key] for key in oldest if oldest[key] is not None})
    return Rewound(base, since, {key: oldest[key] for key, at in since.items() if at is None})


class _Back(NamedTuple):
    """A watch, and the state to which it goes back; None: to before it was ever heard."""

    watch: Watch
    state: State | None
    at: int | None
    """Up to when that state had judged it."""


def _gone_back(newest: State, back: Mapping[Key, _Back], again: Mapping[Key, int]) -> State:
    """The newest state, but some watches as another knew them."""
    memories, seen = dict(newest.memories), dict(newest.seen)
    for watch, state, at in back.values():
        known = memories.pop(watch.key, None)
        memory = state.memories.get(watch.key) if state else None
        if memory is None and watch.forgets:
            # All quiet watches of a point are as far as it was heard.
            if at is None:
                seen.pop(watch.own, None)
            else:
                seen[watch.own] = at
        elif memory is not None or at is not None:
            memories[watch.key] = memory or Memory(at or NEVER, watch.own)
        elif known is not None:
            memories[watch.key] = Memory(NEVER, began=known.began)
    recent = (newest.horizon or 0) - RECENT
    late = {key: since for key, since in again.items() if since < recent}
    usual = min((since for since in again.values() if since >= recent), default=None)
    return State(newest.horizon, seen, memories, newest.ahead, late, usual)


def position(state: State, watch: Watch) -> int | None:
    """Up to when a state has judged a watch; None if it never heard of it."""
    memory = state.memories.get(watch.key)
    if memory is not None:
        return memory.last
    if watch.point is not None:
        return state.seen.get(watch.point)
    return max((state.seen[point] for point in watch.inputs if point in state.seen), default=None)


def touched_keys(earliest: Mapping[Source, int], newest: State | None, rules: Watches) -> dict[Key, int]:
    """From when on the readings of each key may be others than they were.

    `earliest`: the same of the points of a batch; those that were ahead of the `newest` state's horizon come to it.
    """
    found: dict[Key, int] = {}
    for asked, since in [*earliest.items(), *(newest.ahead.items() if newest else ())]:
        for watch in rules.hearing_of(*asked):
            found[watch.key] = min(since, found.get(watch.key, since))
    return found


def gone(standing: Iterable[Row], since: Mapping[Key, int | None], events: Iterable[Event], micros: Any) -> list[Row]:
    """Of the events that stood, those of touched keys that did not come again. `micros`: its time as a number."""
    again = {(*event.key, event.transition, event.time) for event in events}

    def judged_again(row: Any) -> bool:
        key = row.rule, row.device, row.metric
        start = since.get(key, FOREVER)
        return micros(row) > (NEVER if start is None else start) and (*key, row.transition, row.time) not in again

    return [row for row in standing if judged_again(row)]


class Interval(NamedTuple):
    """An alarm as its events tell it."""

    opened: datetime
    cleared: datetime | None
    severity: str | None
    """The present one; of an alarm that is over, the worst that it was."""
    value: float | None
    """The worst, as far as the events know."""


def alarms_of(events: Iterable[Any]) -> list[Interval]:
    """The alarms that the events of one key amount to; each has transition, time, severity and value."""
    found: list[Interval] = []
    worst: str | None = None
    for event in sorted(events, key=_order):
        if event.transition == "opened":
            found.append(Interval(event.time, None, event.severity, event.value))
            worst = event.severity
        elif found and found[-1].cleared is None:
            last = found[-1]._replace(value=event.value)
            if event.transition == "cleared":
                found[-1] = last._replace(cleared=event.time, severity=worst)
            else:
                found[-1] = last._replace(severity=event.severity)
                worst = max(worst, event.severity, key=_rank)
    return found


def _rank(severity: str | None) -> int:
    return -1 if severity is None else SEVERITIES.index(severity)


def _order(event: Any) -> tuple[datetime, int]:
    return event.time, ("cleared", "opened", "downgraded", "escalated").index(event.transition)


def matched(intervals: Sequence[Interval], known: Sequence[Any]) -> tuple[list[tuple[Interval, Any | None]], list[Any]]:
    """Which alarm is which: an alarm stays itself if it opens when it did, or overlaps what it was.

    `known` have alarm, opened, cleared and state; one that was withdrawn comes back only at its very onset. Returns
    each interval with its alarm, None for a new one; and the alarms that are no more.
    """
    left = list(known)
    pairs: dict[int, Any] = {}
    for place, interval in enumerate(intervals):
        same = [each for each in left if each.opened == interval.opened]
        if same:
            pairs[place] = same[0]
            left.remove(same[0])
    for place, interval in enumerate(intervals):
        over = [each for each in left if each.state != "withdrawn" and _overlap(interval, each)]
        if place not in pairs and over:
            pairs[place] = min(over, key=lambda each: each.alarm)
            left.remove(pairs[place])
    return [(interval, pairs.get(place)) for place, interval in enumerate(intervals)], left


def _overlap(one: Any, other: Any) -> bool:
    return (one.cleared is None or other.opened <= one.cleared) and (
        other.cleared is None or one.opened <= other.cleared
    )  # fmt: skip
