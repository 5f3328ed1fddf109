"""Deliver what lies between each target's position and the newest batch, in order; then note the position.

    alarms that changed ─► every target
    batch 17 ─► stretch 14:00 to 14:15 ─► readings, windows ─► every target that is there ─► its position
    a day that was settled anew, once its batches are delivered ─► the same

A target that is down keeps its position and costs the others nothing but its timeout. One that refuses what it is sent
is stopped: nothing is passed over in silence. A batch is made out once for all targets that are at one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from barograph.destinations import KafkaTarget, ParquetTarget, Target
from barograph.errors import BarographError, TargetError, TargetRefused, WriterBusy
from barograph.settings import Settings
from barograph.state.ledger import Batch
from barograph.state.resettled import Resettled
from barograph.state.targets import Position, Positions
from barograph.targets.kafka import KafkaSender
from barograph.targets.parcels import Content, Parcel, Sender, of_alarms, of_batch, of_day, remaining
from barograph.targets.parquet import ParquetSender
from barograph.windows import Window

BATCHES = 10
"""Of one target in one run; the rest waits for the next."""
SECONDS = 20.0
"""After this long nothing more is begun in a run; each target gets something in each all the same."""
ALARMS = 500
"""Changes of alarms that are sent at once."""
WORDS = 1000
"""Characters of an error that are remembered."""

Contents = Callable[[Batch], AbstractContextManager[Content]]
"""What a batch says; from Spark, so it is asked for only when a target is there to take it."""
Days = Callable[[Resettled], Content]
"""What a day that was settled anew says; from the derived tables."""
Open = Callable[[Settings, Target], Sender]

log = structlog.get_logger()


@dataclass(frozen=True)
class Delivered:
    """What a run did for one target, and how it is now."""

    target: str
    rows: int
    batches_behind: int
    alarms_behind: int
    days_behind: int
    """Days that were settled anew."""
    error: str | None
    stopped: bool

    @property
    def well(self) -> bool:
        return self.error is None


@dataclass
class _Course:
    """One target during a run."""

    target: Target
    positions: Positions
    place: Position
    sender: Sender | None = None
    rows: int = 0
    error: str | None = None
    stopped: bool = False
    due: list[Batch] = field(default_factory=list)
    until: datetime | None = None
    """Up to which event time the first of them was delivered before."""
    batch: int = 0
    """The last that it has."""

    @property
    def next(self) -> int | None:
        """The batch that it takes next; none where it is done, or said no."""
        return self.due[0].batch if self.due and self.error is None else None

    def send(self, parcel: Parcel) -> None:
        assert self.sender is not None
        self.sender.send(parcel)
        self.rows += parcel.table.num_rows

    def note(self, **facts: Any) -> None:
        self.positions.note(self.target.name, **facts)


def opened(settings: Settings, target: Target) -> Sender:
    """Raises TargetError."""
    if isinstance(target, KafkaTarget):
        return KafkaSender(settings, target)
    if isinstance(target, ParquetTarget):
        return ParquetSender(settings, target)
    from barograph.targets.webhook import WebhookSender  # its client costs a tenth of a second, wanted or not

    return WebhookSender(settings, target)


def distribute(
    settings: Settings,
    positions: Positions,
    chosen: Sequence[Target],
    contents: Contents,
    days: Days,
    by_hand: bool = False,
    open_: Open = opened,
) -> list[Delivered]:
    """One run. Targets that are stopped are tried only `by_hand`. What a target does to us is told, never raised."""
    with ExitStack() as stack:
        courses = [course for target in chosen if (course := _course(positions, target, stack, by_hand)) is not None]
        for course in courses:
            with _minded(course):
                _begin(settings, course, stack, open_)
                _alarms(course)
        enough = time.monotonic() + SECONDS
        # The least behind comes first: it must not wait for another to catch up.
        for course in sorted(courses, key=lambda each: each.next or 0, reverse=True):
            _catch_up(course, courses, contents, enough)
        for course in courses:
            with _minded(course):
                _days(course, days, enough)
        sent = {course.target.name: course.rows for course in courses}
        return [_told(positions, target, sent.get(target.name, 0)) for target in chosen]


def _course(positions: Positions, target: Target, stack: ExitStack, by_hand: bool) -> _Course | None:
    """None where another process serves it, or a person has to look first."""
    try:
        stack.enter_context(positions.lock(target.name))
    except WriterBusy:
        log.info("target_busy", target=target.name)
        return None
    positions.begin(target.name, first=target.begin == "first")
    place = positions.of(target.name)
    assert place is not None
    if place.stopped and not by_hand:
        log.error("target_stopped", target=target.name, error=place.error)
        return None
    return _Course(target, positions, place, until=place.until, batch=place.batch)


@contextmanager
def _minded(course: _Course) -> Iterator[None]:
    """What the target says ends its run, and no other's."""
    try:
        yield
    except BarographError as error:
        course.error, course.stopped = str(error)[:WORDS], isinstance(error, TargetRefused)
        log.error("target_refused" if course.stopped else "target_down", target=course.target.name, error=course.error)
        course.note(error=course.error, stopped=course.stopped)


def _begin(settings: Settings, course: _Course, stack: ExitStack, open_: Open) -> None:
    """Find what is due, and open the target if anything is."""
    batch, change = course.positions.newest()
    if wants_rows(course.target):
        course.due = course.positions.batches(course.place.batch, BATCHES)
    elif batch > course.place.batch:
        course.note(batch=batch)
        course.batch = batch
    if "alarms" not in course.target.what and change > course.place.change:
        course.note(change=change)
    if course.due or _resettled(course) or _changes(course, course.place.change):
        course.sender = open_(settings, course.target)
        stack.callback(course.sender.close)
    elif course.place.error:
        course.note(error=None, stopped=False)


def _alarms(course: _Course) -> None:
    enough = time.monotonic() + SECONDS
    after = course.place.change
    while changed := _changes(course, after):
        course.send(of_alarms(after, changed))
        after = changed[-1]["change"]
        course.note(change=after, error=None, stopped=False)
        if time.monotonic() > enough:
            break


def _changes(course: _Course, after: int) -> list[dict[str, Any]]:
    return course.positions.changes(after, ALARMS) if "alarms" in course.target.what else []


def _catch_up(course: _Course, courses: Sequence[_Course], contents: Contents, enough: float) -> None:
    """Its batches in order, one at least; whoever is at the same place takes them too."""
    while (batch := course.next) is not None:
        takers = [each for each in courses if each.next == batch]
        _batch(course.due[0], takers, contents, enough)
        for each in takers:
            each.due = each.due[1:]
        if time.monotonic() > enough:
            return


def _batch(batch: Batch, takers: Sequence[_Course], contents: Contents, enough: float) -> None:
    try:
        with contents(batch) as content:
            for course in takers:
                with _minded(course):
                    _deliver(batch, course, content, enough)
    except BarographError as error:
        # What makes a batch out is ours, not theirs: it is said of each, and the next run tries again.
        for course in takers:
            with _minded(course):
                raise TargetError(f"batch {batch.batch} could not be made out: {error}") from error


def _deliver(batch: Batch, course: _Course, content: Content, enough: float) -> None:
    for stretch in _sent(course, content, course.until, partial(of_batch, batch=batch.batch)):
        course.note(until=stretch.end, error=None, stopped=False)
        if time.monotonic() > enough:
            course.due = []  # what follows must not overtake the rest of it
            return
    course.until, course.batch = None, batch.batch
    course.note(batch=batch.batch, until=None, error=None, stopped=False)


def _sent(course: _Course, content: Content, until: datetime | None, parcel: Callable[..., Parcel]) -> Iterator[Window]:
    """Each stretch but the last, when the target has it; all of them are sent when this ends."""
    left = remaining(content.stretches, until)
    for stretch in left:
        for what in course.target.what:
            if what != "alarms":
                course.send(parcel(what, stretch=stretch, table=content.rows(what, stretch)))
        if stretch != left[-1]:
            yield stretch


def _days(course: _Course, days: Days, enough: float) -> None:
    """Days that were settled anew, in their order: none before the batches that it has in it."""
    if course.sender is None or course.error is not None:
        return
    for day in _resettled(course):
        if course.batch < day.batch or time.monotonic() > enough:
            return
        until = course.place.day_until if course.place.day == day.number else None
        for stretch in _sent(course, days(day), until, partial(of_day, day=day)):
            course.note(day=day.number, day_until=stretch.end, error=None, stopped=False)
            if time.monotonic() > enough:
                return
        course.note(resettled=day.number, day=None, day_until=None, error=None, stopped=False)


def _resettled(course: _Course) -> list[Resettled]:
    return course.positions.days(course.place.resettled, BATCHES) if wants_rows(course.target) else []


def wants_rows(target: Target) -> bool:
    return any(what != "alarms" for what in target.what)


def _told(positions: Positions, target: Target, rows: int) -> Delivered:
    place = positions.of(target.name)
    assert place is not None
    batches, changes = positions.behind(place)
    days = len(positions.days(place.resettled)) if wants_rows(target) else 0
    return Delivered(target.name, rows, batches, changes, days, place.error, place.stopped)
