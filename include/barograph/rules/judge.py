"""judge(state, readings, rules, horizon) -> state, events: a pure fold over readings in the order of their time.

No clock and no input or output: the same readings give the same events, whatever the batches were. What happens because
nothing came (silence, the end of opening hours) happens at its own moment, as soon as the horizon lies behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import NamedTuple

from barograph.rules.levels import QUIET, SEVERITIES, Change, lived
from barograph.rules.model import SECOND, Due
from barograph.rules.readings import Event, Judged, Key, moment
from barograph.rules.state import NEVER, NOWHERE, Memory, Source, State
from barograph.rules.watches import EVER, POWER_ON, Bound, Watch, Watches, waiting

OUT_OF_HOURS = "the rule's hours are over"
NO_MORE = "the rule is no longer in force here"
NOTHING_CAME = "nothing came"


class Step(NamedTuple):
    """One step of the fold, for those who ask how an alarm came about."""

    key: Key
    time: int
    reading: Judged | None
    """None: a moment at which nothing came."""
    rule: Bound | None
    measure: float | None
    """None: nothing could be said, or the reading did not count."""
    note: str
    """Why a reading did not count; why something happened without one."""
    before: Memory
    after: Memory
    event: Event | None


Told = Callable[[Step], None]


def judge(
    state: State,
    readings: Iterable[Judged],
    rules: Watches,
    horizon: int,
    silence: int | None = None,
    told: Told | None = None,
) -> tuple[State, list[Event]]:
    """Fold readings into `state`. Those at or after `horizon` wait for a later batch: see `history.touched_keys`.

    A reading not after what its watch heard last is old news and changes nothing: for late data the caller goes back to
    a state before it (`history.rewound`) and folds forward again. `silence`: up to when it is known that nothing more
    will come; the horizon, unless there is more than was read. `told` hears of every step.
    """
    fold = Fold(state, rules, told)
    for reading in sorted(readings):
        if reading.time < horizon:
            fold.hear(reading)
        else:
            fold.wait_for(reading)
    fold.over(horizon if silence is None else min(silence, horizon))
    return fold.state(horizon), fold.events()


def judge_on(
    state: State, readings: Iterable[Judged], rules: Watches, settled: int, horizon: int, silence: int | None = None
) -> tuple[State, State, list[Event]]:
    """`judge`, in two steps. Returns the state as of `settled`, the state as of `horizon`, and all events.

    The first one is for the next batch to go on from. A reading's flag is final only when those behind it are known, so
    of a state as of its horizon the next batch believes nothing, nor of the state before it: it would go back for ever.
    """
    known, settled = sorted(readings), min(settled, horizon)
    base, first = judge(state, known, rules, settled, silence)
    later = known[bisect_left(known, settled, key=lambda reading: reading.time) :]
    newest, then = judge(base, later, rules, horizon, silence)
    return base, newest, [*first, *then]


class Fold:
    """The fold while it is under way; for the collector, which folds for ever and not batch by batch."""

    def __init__(self, state: State, rules: Watches, told: Told | None = None) -> None:
        self._horizon = state.horizon
        self._seen = dict(state.seen)
        self._memories = dict(state.memories)
        self._known_ahead = state.ahead
        self._ahead: dict[Source, int] = {}
        self._again = state.late, state.again
        self._rules = rules
        self._told = told
        self._events: list[Event] = []
        self.next = EVER
        """When, as of the last `over`, something happens at the earliest if nothing comes."""
        began = rules.begins if state.horizon is None else state.horizon
        if began is not None:
            self._expect(began)

    def hear(self, reading: Judged) -> None:
        point = reading.device, reading.metric
        old = reading.time <= self._seen.get(point, NEVER)
        for watch in self._rules.hearing(reading):
            memory = self._memories.get(watch.key)
            if memory is None:
                if not old and not watch.quiet(reading):
                    self._step(watch, Memory(NEVER), reading)
            elif memory.is_news(reading) and not (watch.of_device and memory.spoke_at(reading.time)):
                self._step(watch, self._waited(watch, memory, reading.time), reading)
        if not old:
            self._seen[point] = reading.time

    def quiet(self, point: tuple[str, str]) -> bool:
        """Whether nothing is under way at a point, for any rule."""
        return not any(watch.key in self._memories for watch in self._rules.hearing_of(*point))

    def wait_for(self, reading: Judged) -> None:
        """Remember that there is a reading whose time has not come."""
        source = reading.device, reading.metric, reading.port
        self._ahead[source] = min(reading.time, self._ahead.get(source, reading.time))

    def over(self, silence: int) -> None:
        """Let time pass for all that wait for something, up to a moment, itself not."""
        self._expect(silence)
        self.next = EVER
        for key, memory in list(self._memories.items()):
            watch = self._rules.find(key)
            if watch is None:
                self._forget(key, memory, silence)
            else:
                self._keep(watch, self._waited(watch, memory, silence))
        self._horizon = silence

    def events(self) -> list[Event]:
        """What happened since they were taken last, in the order of time."""
        events, self._events = self._events, []
        return sorted(events, key=lambda event: (event.time, event.key, event.transition))

    def state(self, horizon: int) -> State:
        """What is remembered. Of readings that wait, those from the horizon on: the others are to be told again."""
        ahead = {source: time for source, time in self._known_ahead.items() if time >= horizon}
        ahead |= {source: min(time, ahead.get(source, time)) for source, time in self._ahead.items()}
        return State(self._horizon, dict(self._seen), dict(self._memories), ahead, *self._again)

    # A reading

    def _step(self, watch: Watch, before: Memory, reading: Judged) -> None:
        rule = watch.at(reading.time)
        memory = before._replace(last=reading.time, place=(reading.device, reading.metric))
        note, measure, event = NO_MORE, None, None
        if rule is not None:
            memory = _graced(watch, rule, memory.under(rule.rule.shape), reading)
            note = _discounted(watch, rule, memory, reading)
            if not note:
                memory, measure, change = _counted(rule, memory, reading)
                event = _event(watch, rule, change, reading.time, memory, historical=reading.historical)
        self._tell(Step(watch.key, reading.time, reading, rule, measure, note, before, memory, event))
        self._keep(watch, memory)

    def _keep(self, watch: Watch, memory: Memory) -> None:
        """Forget what is quiet again, where the point's own time says enough: a moment without a reading is kept."""
        if (
            watch.forgets
            and memory.life == QUIET
            and memory.kind is None
            and memory.place != NOWHERE
            and self._seen.get(watch.own, NEVER) <= memory.last
        ):
            self._memories.pop(watch.key, None)
        else:
            self._memories[watch.key] = memory

    # A moment without one

    def _waited(self, watch: Watch, memory: Memory, until: int) -> Memory:
        """What happens before `until` if nothing comes: silence is due, or the rule stops to look."""
        while True:
            rule = watch.at(memory.last)
            if rule is None:
                memory = self._ended(watch, memory, memory.last, NO_MORE) if memory.life.stirred else memory
                following = watch.after(memory.last)
                if following is None or following.since >= until or not watch.versions[0].rule.waits:
                    return memory
                memory = _rested(following, memory, following.since)
                continue
            memory = memory.under(rule.rule.shape)
            due = rule.rule.due(memory.kind, waiting(rule.rule, memory.life), rule)
            end = rule.end(memory.last) if memory.life.stirred else rule.until if due else EVER
            if (nearest := min(end, due.at if due else EVER)) >= until:
                self.next = min(self.next, nearest)
                return memory
            if due and due.at < end:
                memory = self._fallen_due(watch, rule, memory, due)
            else:
                following = watch.at(end)
                if following is not None and following is not rule and following.looks(end):
                    memory = memory.passed(end)
                else:
                    memory = self._ended(watch, memory, end, OUT_OF_HOURS if following else NO_MORE)

    def _fallen_due(self, watch: Watch, rule: Bound, before: Memory, due: Due) -> Memory:
        at = max(due.at, before.last)
        life, change = lived(before.life, rule.rule.bands, at, due.measure, due.since)
        memory = before.passed(at)._replace(life=life)
        event = _event(watch, rule, change, at, memory)
        self._tell(Step(watch.key, at, None, rule, due.measure, NOTHING_CAME, before, memory, event))
        return memory

    def _ended(self, watch: Watch, before: Memory, at: int, why: str) -> Memory:
        """The rule stops to look: an open alarm is over, and what was under way begins anew."""
        rule = watch.at(before.last) or watch.versions[-1]
        memory = _rested(rule, before, at)
        change = Change("cleared", before.life) if before.life.opened is not None else None
        event = _event(watch, rule, change, at, memory, reason=why)
        self._tell(Step(watch.key, at, None, rule, None, why, before, memory, event))
        return memory

    def _expect(self, since: int) -> None:
        """Registered devices are missed from when the judging of them began, though they were never heard."""
        for watch in self._rules.expected:
            memory = self._memories.get(watch.key)
            if watch.versions and (memory is None or memory.last == NEVER):
                began = since if memory is None else memory.began
                if began is not None:
                    first = watch.versions[0]
                    began = max(began, first.since)
                    memory = Memory(began, kind=[began, None], began=began, shape=first.rule.shape)
                    self._memories[watch.key] = memory

    def _forget(self, key: Key, memory: Memory, silence: int) -> None:
        """A rule that is gone has no alarms."""
        del self._memories[key]
        life = memory.life
        if life.opened is not None:
            at, started = max(memory.last, self._horizon or silence), life.started or life.opened
            self._events.append(
                Event(
                    moment(at),
                    *key,
                    "cleared",
                    moment(started),
                    life.worst,
                    None,
                    "",
                    None,
                    details={"reason": NO_MORE},
                )
            )

    def _tell(self, step: Step) -> None:
        if step.event is not None:
            self._events.append(step.event)
        if self._told is not None:
            self._told(step)


def _counted(rule: Bound, memory: Memory, reading: Judged) -> tuple[Memory, float | None, Change | None]:
    """A reading that counts: what its kind makes of it, and what that means for the alarm."""
    kind, measure = rule.rule.measured(memory.kind, reading, rule)
    memory = memory._replace(kind=kind, shape=None if kind is None else rule.rule.shape)
    if measure is None:
        return memory, None, None
    broken = memory.heard is not None and reading.time - memory.heard > rule.gap
    life, change = lived(memory.life, rule.rule.bands, reading.time, measure, broken=broken)
    return memory._replace(life=life, heard=reading.time), measure, change


def _discounted(watch: Watch, rule: Bound, memory: Memory, reading: Judged) -> str:
    """Why a reading does not count; empty if it does."""
    if not watch.concerns(rule, reading):
        return "it only tells of a door"
    if reading.flag not in rule.rule.heeds:
        return "its flag does not count"
    if rule.rule.waits:
        return ""  # A sign of life is one at any time.
    if not rule.looks(reading.time):
        return "outside the rule's hours"
    if rule.paused(reading.time):
        return "in a pause"
    return "in a time of grace" if reading.time < memory.grace else ""


def _graced(watch: Watch, rule: Bound, memory: Memory, reading: Judged) -> Memory:
    """A door that opens, or a device that was switched on, gives grace from then on."""
    for grace in rule.rule.grace:
        begins = False
        if grace.after == POWER_ON:
            if reading.device == watch.key[1] and reading.boot is not None:
                begins = memory.boot not in (None, reading.boot)
                memory = memory._replace(boot=reading.boot)
        elif reading.metric == grace.after:
            door, is_open = f"{reading.device} {reading.metric}", bool(reading.value)
            begins = is_open and door not in memory.doors
            doors = {*memory.doors, door} if is_open else {*memory.doors} - {door}
            memory = memory._replace(doors=tuple(sorted(doors)))
        if begins:
            memory = memory._replace(grace=max(memory.grace, reading.time + round(grace.seconds * SECOND)))
    return memory


def _rested(rule: Bound, memory: Memory, at: int) -> Memory:
    """Nothing is under way any more, and silence counts from now on."""
    kind = rule.rule.rested(memory.kind, at)
    return memory.passed(at)._replace(life=QUIET, kind=kind, shape=None if kind is None else rule.rule.shape)


def _event(
    watch: Watch,
    rule: Bound,
    change: Change | None,
    at: int,
    memory: Memory,
    historical: bool = False,
    reason: str = "",
) -> Event | None:
    if change is None:
        return None
    life = change.life
    band = rule.rule.bands[min(life.level, len(rule.rule.bands) - 1)]
    details = rule.rule.details(memory.kind) if change.transition != "cleared" else {}
    return Event(
        moment(at),
        *watch.key,
        change.transition,
        moment(at if life.started is None else life.started),
        life.worst,
        SEVERITIES[band.rank],
        rule.rule.version,
        rule.rule.crossed(band, life.worst),
        historical,
        {"reason": reason, **details} if reason else details,
    )
