"""What the judge remembers between two batches, and how that is kept small.

Most points are quiet most of the time. Of those it is known only up to when they were heard; whatever is under way
has a memory of its own.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from barograph.rules.levels import QUIET, Hold, Life
from barograph.rules.readings import Judged, Key
from barograph.windows import microseconds, utc

Point = tuple[str, str]
"""(device, metric)"""
Source = tuple[str, str, str | None]
"""(device, metric, port)"""

NEVER = -(1 << 62)
LONG = 1 << 62
NOWHERE = ("", "")
"""In the place of a reading, for a moment at which none came."""


class Memory(NamedTuple):
    """What is remembered of one watch, after all up to `last`: readings, and moments at which nothing came."""

    last: int
    place: tuple[str, str] = NOWHERE
    """(device, metric) of the reading at `last`: several can come at one time."""
    heard: int | None = None
    """The last reading that counted."""
    life: Life = QUIET
    kind: Any = None
    """What its kind remembers."""
    grace: int = NEVER
    """Up to when readings do not count."""
    doors: tuple[str, ...] = ()
    """Those that are open, `device metric`."""
    boot: str | None = None
    began: int | None = None
    """From when on a device is missed that was never heard."""
    shape: str | None = None
    """Of the rule whose kind remembers something."""

    def under(self, shape: str) -> Memory:
        """The same for a rule: what another kind remembered is forgotten."""
        return self if self.kind is None or self.shape == shape else self._replace(kind=None, shape=None)

    def is_news(self, reading: Judged) -> bool:
        return (reading.time, reading.device, reading.metric) > (self.last, *self.place)

    def passed(self, at: int) -> Memory:
        """The same after a moment at which nothing came."""
        return self if at == self.last else self._replace(last=at, place=NOWHERE)

    def spoke_at(self, time: int) -> bool:
        """Whether there was a reading then."""
        return time == self.last and self.place != NOWHERE


@dataclass(frozen=True)
class State:
    """All that is remembered. A state is never changed: `judge` makes a new one."""

    horizon: int | None = None
    """Up to when silence was judged."""
    seen: Mapping[Point, int] = field(default_factory=dict)
    """Up to when each point was heard."""
    memories: Mapping[Key, Memory] = field(default_factory=dict)
    ahead: Mapping[Source, int] = field(default_factory=dict)
    """The first reading of each point that was after the horizon and waits."""
    late: Mapping[Key, int] = field(default_factory=dict)
    """The keys that were judged again to come to this state, and from when on: older states do not know why."""
    again: int | None = None
    """From when on any others were judged again."""

    def judged_again(self, key: Key) -> int:
        """From when on a key was judged, or judged again, to come to this state, as far as it is known."""
        return min(self.late.get(key, LONG), LONG if self.again is None else self.again)


def packed(state: State) -> dict[str, Any]:
    """The state as JSON can hold it: a few bytes a point."""
    base = state.horizon or 0
    devices: dict[str, dict[str, int]] = {}
    for (device, metric), time in sorted(state.seen.items()):
        devices.setdefault(device, {})[metric] = base - time
    memories = [[*key, *_listed(memory)] for key, memory in sorted(state.memories.items())]
    ahead, late = ([[*key, time] for key, time in sorted(told.items(), key=str)] for told in (state.ahead, state.late))
    text = json.dumps(
        [state.horizon, devices, memories, ahead, late, state.again],
        separators=(",", ":"),
    )
    return {"packed": base64.b85encode(zlib.compress(text.encode(), 6)).decode()}


def unpacked(stored: Mapping[str, Any] | list[dict[str, Any]]) -> State:
    if not isinstance(stored, Mapping):
        return _of_before(stored)
    horizon, devices, memories, ahead, late, again = json.loads(zlib.decompress(base64.b85decode(stored["packed"])))
    seen = {(device, metric): (horizon or 0) - ago for device, told in devices.items() for metric, ago in told.items()}
    return State(
        horizon,
        seen,
        {(rule, device, metric): _memory(*facts) for rule, device, metric, *facts in memories},
        {(device, metric, port): time for device, metric, port, time in ahead},
        {(rule, device, metric): time for rule, device, metric, time in late},
        again,
    )


def _of_before(stored: list[dict[str, Any]]) -> State:
    """As it was stored when limits were the only kind."""
    seen: dict[Point, int] = {}
    memories: dict[Key, Memory] = {}
    for facts in stored:
        last, started, opened = (
            None if facts[name] is None else microseconds(utc(facts[name])) for name in ("last", "started", "opened")
        )
        point = facts["device"], facts["metric"]
        seen[point] = max(last or NEVER, seen.get(point, NEVER))
        if started is not None:
            life = Life((Hold(started, None, opened is not None),), opened, started, facts["worst"])
            memories[facts["rule"], *point] = Memory(last or started, point, last, life)
    return State(None, seen, memories)


USUAL = (None, 0, None, NEVER, (), None, None, None)
"""What is not written where it stands at the end: heard, life, kind, grace, doors, boot, began, shape."""


def _listed(memory: Memory) -> list[Any]:
    life = memory.life
    lived = [life.opened, life.started, life.worst, life.level, *map(list, life.holds)]
    facts = [
        memory.heard,
        lived if life != QUIET else 0,
        memory.kind,
        memory.grace,
        memory.doors,
        memory.boot,
        memory.began,
        memory.shape,
    ]
    while facts and facts[-1] == USUAL[len(facts) - 1]:
        facts.pop()
    return [memory.last, memory.place, *facts]


def _memory(last: int, place: list[str], *facts: Any) -> Memory:
    usual: tuple[Any, ...] = USUAL[len(facts) :]
    heard, life, kind, grace, doors, boot, began, shape = (*facts, *usual)
    if life:
        opened, started, worst, level, *holds = life
        life = Life(tuple(Hold(*hold) for hold in holds), opened, started, worst, level)
    return Memory(last, (place[0], place[1]), heard, life or QUIET, kind, grace, tuple(doors), boot, began, shape)
