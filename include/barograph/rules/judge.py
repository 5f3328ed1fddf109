"""judge(state, readings, rules, horizon) -> state, events: a pure fold over readings in the order of their time.

No clock and no input or output: the same readings give the same events, whatever the batches were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from barograph.rules.model import Rule
from barograph.windows import iso, utc

Key = tuple[str, str, str]
"""(rule, device, metric)"""


class Judged(NamedTuple):
    """A good reading, as the judge sees it."""

    device: str
    metric: str
    time: datetime
    value: float
    historical: bool = False


@dataclass(frozen=True)
class PointState:
    """What one rule remembers of one measuring point after the reading at `last`."""

    last: datetime
    started: datetime | None = None
    """The first reading of the present stretch beyond the limit."""
    opened: datetime | None = None
    worst: float | None = None


@dataclass(frozen=True)
class Event:
    """A change in an alarm's life. (rule, device, metric, transition, time) is unique."""

    rule: str
    device: str
    metric: str
    transition: Literal["opened", "cleared"]
    time: datetime
    started: datetime
    value: float
    """The worst value so far."""
    historical: bool = False


State = dict[Key, PointState]


def judge(
    state: State, readings: Iterable[Judged], rules: Sequence[Rule], horizon: datetime
) -> tuple[State, list[Event]]:
    """Fold good `readings`, sorted by time, into `state`. Those after `horizon` wait for a later batch.

    A reading not after the point's `last` is old news and changes nothing: for late data the caller goes back to a
    state before it and folds forward again.
    """
    after = dict(state)
    events: list[Event] = []
    for reading in readings:
        if reading.time >= horizon:
            continue
        for rule in rules:
            if rule.watches(reading.device, reading.metric):
                key = (rule.rule, reading.device, reading.metric)
                before = after.get(key)
                if before is None or reading.time > before.last:
                    after[key], event = _step(before, reading, rule)
                    events += [event] if event else []
    return after, events


def _step(before: PointState | None, reading: Judged, rule: Rule) -> tuple[PointState, Event | None]:
    point = replace(before, last=reading.time) if before else PointState(reading.time)
    if not rule.exceeded(reading.value):
        cleared = _event(rule, reading, "cleared", point) if point.opened else None
        return PointState(reading.time), cleared
    worse = max if rule.above is not None else min
    point = replace(
        point,
        started=point.started or reading.time,
        worst=reading.value if point.worst is None else worse(point.worst, reading.value),
    )
    assert point.started is not None
    if point.opened is None and reading.time - point.started >= timedelta(seconds=rule.hold):
        point = replace(point, opened=reading.time)
        return point, _event(rule, reading, "opened", point)
    return point, None


def _event(rule: Rule, reading: Judged, transition: Literal["opened", "cleared"], point: PointState) -> Event:
    assert point.started is not None and point.worst is not None
    return Event(
        rule.rule,
        reading.device,
        reading.metric,
        transition,
        reading.time,
        point.started,
        point.worst,
        reading.historical,
    )


def packed(state: State) -> list[dict[str, Any]]:
    """The state as JSON can hold it."""
    return [
        {"rule": rule, "device": device, "metric": metric, **{k: _text(v) for k, v in asdict(point).items()}}
        for (rule, device, metric), point in sorted(state.items())
    ]


def unpacked(stored: Iterable[dict[str, Any]]) -> State:
    return {
        (facts["rule"], facts["device"], facts["metric"]): PointState(
            utc(facts["last"]), _time(facts["started"]), _time(facts["opened"]), facts["worst"]
        )
        for facts in stored
    }


def _text(fact: Any) -> Any:
    return iso(fact) if isinstance(fact, datetime) else fact


def _time(text: str | None) -> datetime | None:
    return utc(text) if text else None
