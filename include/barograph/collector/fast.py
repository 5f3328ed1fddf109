"""The fast lane: limits and silence of the collector's own ports, judged as frames come, whatever else is down.

    frame ─► limits   ─┐
         └─► silences ─┴─► events ─► AlarmStore ─► Kafka, topic `alarms-fast` ─► ingest: confirmed, merged, withdrawn

The same rules and the same fold as in `ingest`, but only kinds `limit` and `missing`, only registered devices, and only
the simplest test of quality: a value in its valid range that is no error code. What it finds is provisional.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barograph.collector.alarm_store import AlarmStore
from barograph.collector.events import Tell, told
from barograph.errors import DocumentError
from barograph.kafka import Delivery, Message
from barograph.metrics import metric as metric_named
from barograph.points import Calibration, Point
from barograph.readings import FAIL, GOOD, MISSING, Frame, Value
from barograph.registry import Site
from barograph.rules.book import FILE, Rules
from barograph.rules.checking import in_force_instead, read_checked, valid
from barograph.rules.judge import Fold
from barograph.rules.kinds.silence import Missing
from barograph.rules.kinds.single import Limit
from barograph.rules.levels import INF
from barograph.rules.readings import FRAMES, Event, Judged
from barograph.rules.state import State, packed, unpacked
from barograph.rules.watches import EVER, Watches
from barograph.windows import iso, microseconds

if TYPE_CHECKING:
    from barograph.collector.publisher import Producer

Books = Mapping[str, Rules]
"""Site -> its rules."""

WAIT_EVERY = 1_000_000
"""Microseconds between looks at who is silent, at most: sooner where somebody's time is up."""
SAVE_EVERY = 60_000_000
"""The same between notes of what is remembered, where nothing happened."""
AT_ONCE = 200
"""Events in one round to Kafka."""
PAUSE = timedelta(seconds=60)
"""Before the next attempt, where Kafka did not take them: an attempt can hold up readings for seconds."""


@dataclass
class _Watched:
    """What is asked of one point."""

    low: float
    high: float
    """Values that no rule minds while nothing is under way; none, where a rule remembers what is well too."""
    valid: tuple[float, float]
    codes: tuple[float, ...]
    calibration: Calibration | None
    quiet: bool
    """Whether nothing is under way."""


@dataclass
class FastLane:
    sites: Sequence[Site]
    books: Books
    store: AlarmStore
    collector: str
    started: datetime
    tell: Tell = told
    _frames: list[Frame] = field(default_factory=list, repr=False)
    _points: dict[tuple[str, str], _Watched | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        now = microseconds(self.started)
        stored = self.store.kept("state")
        limits, silences = map(unpacked, json.loads(stored)) if stored else (State(), State())
        # While the collector was away nobody can say who was silent: only alarms that were open stay so.
        opened = {key: memory for key, memory in silences.memories.items() if memory.life.opened is not None}
        self._begin(limits, State(None, {}, opened), now)
        self._waited = self._saved = now
        self._due = EVER
        self._unsaved: list[str] = []
        self._next_try: datetime | None = None

    def _begin(self, limits: State, silences: State, now: int) -> None:
        self._rules = _watches(self.sites, self.books, Limit, None)
        self._silence_rules = _watches(self.sites, self.books, Missing, now)
        self._limits, self._silences = Fold(limits, self._rules), Fold(silences, self._silence_rules)
        self._devices = {device.device: device for site in self.sites for device in site.devices}
        self._points.clear()

    def changed(self, sites: Sequence[Site], books: Books, now: datetime) -> None:
        """Go on with edited files; what is under way stays so."""
        self.sites, self.books = sites, books
        moment = microseconds(now)
        self._begin(self._limits.state(moment), self._silences.state(moment), moment)

    def hear(self, frame: Frame) -> None:
        """A frame of a registered device; it is judged at the end of the turn."""
        self._frames.append(frame)

    def turn(self, now: datetime) -> bool:
        """Judge what was heard, and let time pass. Whether anything happened: then it is on the disk."""
        at = microseconds(now)
        frames, self._frames = self._frames, []
        for frame in frames:
            self._judge(frame, at)
        for device, (time, port) in _last(frames, at).items():
            self._silences.hear(Judged(time, device, FRAMES, None, GOOD, False, port))
        if at - self._waited >= WAIT_EVERY or at > self._due:
            self._waited = at
            self._limits.over(at)
            self._silences.over(at)
            self._due = min(self._limits.next, self._silences.next)
        events = [*self._limits.events(), *self._silences.events()]
        if events or self._unsaved or at - self._saved >= SAVE_EVERY:
            self._record(events, at)
        return bool(events)

    def due_in(self, now: datetime) -> float:
        """Seconds until somebody's time is up, if nothing comes: a turn is wanted then."""
        # What is due at a moment has happened once that moment is over.
        return (self._due + 1 - microseconds(now)) / 1e6

    def send(self, producer: Producer, topic: str, now: datetime) -> None:
        """Hand over what Kafka does not have yet. Never raises what a broker can do to it."""
        if self._next_try is not None and now < self._next_try:
            return
        waiting = self.store.waiting(AT_ONCE)
        if not waiting:
            return
        messages = [Message(topic, content.encode(), self.collector) for _, content in waiting]
        taken = [
            number
            for (number, _), became in zip(waiting, producer.deliver(messages), strict=True)
            if became != Delivery.FAILED
        ]
        self.store.sent(taken)
        self._next_try = now + PAUSE if len(taken) < len(waiting) else None
        if self._next_try:
            self.tell("alarms_not_sent", "warning", topic=topic, waiting=len(waiting) - len(taken))

    # Judging

    def _judge(self, frame: Frame, now: int) -> None:
        time = 0
        for metric, value in frame.values.items():
            point = frame.device, metric
            watched = self._points[point] if point in self._points else self._look(point)
            if watched is None:
                continue
            said = _calibrated(value, watched.calibration)
            if watched.quiet and said is not None and watched.low <= said <= watched.high:
                continue
            time = time or min(microseconds(frame.time) if frame.time else now, now)
            self._limits.hear(Judged(time, *point, said, _flag(value, watched), frame.historical))
            watched.quiet = self._limits.quiet(point)

    def _look(self, point: tuple[str, str]) -> _Watched | None:
        """None where no rule asks, or where only `ingest` can calibrate."""
        device, metric = point
        watches = self._rules.hearing_of(device, metric)
        registered = self._devices[device].points.get(metric, Point())
        calibration = registered.calibration[-1] if registered.calibration else None
        found = None
        if watches and (calibration is None or calibration.points is None):
            safe = [watch.safe for watch in watches]
            low = max(each[0] if each else INF for each in safe)
            high = min(each[1] if each else -INF for each in safe)
            codes = registered.error_codes if registered.error_codes is not None else metric_named(metric).error_codes
            quiet = self._limits.quiet(point)
            found = _Watched(low, high, valid(metric, registered), tuple(codes), calibration, quiet)
        self._points[point] = found
        return found

    def _record(self, events: Iterable[Event], at: int) -> None:
        self._unsaved += [self._content(event) for event in events]
        state = json.dumps([packed(self._limits.state(at)), packed(self._silences.state(at))])
        try:
            self.store.record(self._unsaved, {"state": state})
        except sqlite3.Error as error:
            # They stay in memory, and are tried again with every turn.
            self.tell("alarm_not_recorded", "error", reason=str(error), waiting=len(self._unsaved))
        else:
            self._unsaved = []
            self._saved = at

    def _content(self, event: Event) -> str:
        rules = self._silence_rules if event.metric == FRAMES else self._rules
        facts: dict[str, Any] = event._asdict() | {"time": iso(event.time), "started": iso(event.started)}
        facts |= {"port": event.details.get("port"), "site": rules.site_of(event.key)}
        return json.dumps({"collector": self.collector, **facts})


def books(folder: Path, sites: Iterable[Site], store: AlarmStore, tell: Tell = told) -> Books:
    """The rules of the sites; of a file with mistakes the last that were good, as the store has them."""
    found = {}
    for site in sites:
        path, name = folder / site.site / FILE, f"rules of {site.site}"
        try:
            found[site.site], text = read_checked(path, site)
            if store.kept(name) != text:
                store.keep({name: text})
        except DocumentError as error:
            found[site.site], instead = in_force_instead(path, store.kept(name))
            tell("bad_rules", "error", site=site.site, reason=str(error), in_force=instead)
    return found


def _watches(sites: Sequence[Site], books: Books, kind: type, begins: int | None) -> Watches:
    """Of one kind alone. Rules about the silence of one metric are left to `ingest`."""
    chosen = {
        site: book.model_copy(
            update={
                "rules": [
                    rule for rule in book.rules if type(rule) is kind and (kind is Limit or rule.metric == FRAMES)
                ]
            }
        )
        for site, book in books.items()
    }
    return Watches(sites, chosen, sites[0].site, begins=begins)


def _last(frames: Iterable[Frame], now: int) -> dict[str, tuple[int, str | None]]:
    """Of each device that spoke, when it did so last, and on which port."""
    found: dict[str, tuple[int, str | None]] = {}
    for frame in frames:
        time = min(microseconds(frame.time) if frame.time else now, now)
        if frame.device not in found or time > found[frame.device][0]:
            found[frame.device] = time, frame.port
    return found


def _calibrated(value: Value, calibration: Calibration | None) -> float | None:
    if value is None or calibration is None:
        return None if value is None else float(value)
    if calibration.polynomial is not None:
        return float(sum(factor * value**power for power, factor in enumerate(calibration.polynomial)))
    return (1.0 if calibration.gain is None else calibration.gain) * value + (calibration.offset or 0.0)


def _flag(value: Value, watched: _Watched) -> int:
    if value is None:
        return MISSING
    low, high = watched.valid
    return GOOD if low <= value <= high and value not in watched.codes else FAIL
