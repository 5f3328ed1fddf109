"""Who is told again, and who instead, while an alarm is open and nobody has acknowledged it. Pure.

    0 min       15 min                30 min      60 min
    opened      escalated to owner    repeated    repeated

Time counts from when somebody was to be told, not from when a channel took it: one that is down must not hold up the
escalation. What was missed, because the notifier stood still, is not made up for: the last repeat is told, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from barograph.notify.contacts import Contact
from barograph.notify.news import Kind

BEGIN: frozenset[Kind] = frozenset({"opened", "already", "reopened", "escalated"})


@dataclass(frozen=True)
class Made:
    """A notice about an open alarm that was made before."""

    alarm: int
    severity: str
    """Of the alarm, now."""
    contact: str
    channel: str
    kind: Kind
    number: int
    due: datetime
    pending: bool
    """Its channel has not been told yet."""


@dataclass(frozen=True)
class Reminder:
    alarm: int
    severity: str
    contact: str
    channel: str
    kind: Kind
    number: int


def reminders(made: Sequence[Made], contacts: Mapping[str, Contact], now: datetime) -> Iterator[Reminder]:
    """`made`: all notices about open alarms that nobody acknowledged and nobody shelved."""
    courses: dict[tuple[int, str, str], list[Made]] = {}
    for one in made:
        courses.setdefault((one.alarm, one.contact, one.channel), []).append(one)
    for (_, name, _), course in courses.items():
        contact = contacts.get(name)
        begun = max((one.due for one in course if one.kind in BEGIN), default=None)
        if contact is None or begun is None or begun > now:
            continue
        seconds = (now - begun).total_seconds()
        yield from _repeat(course, contact, seconds)
        if any(one.kind != "escalated" for one in course):
            yield from _escalate(course, contact, contacts, seconds)


def _repeat(course: Sequence[Made], contact: Contact, seconds: float) -> Iterator[Reminder]:
    if contact.repeat is None or any(one.pending for one in course):
        return
    first = course[0]
    said = [one.number for one in course if one.kind == "repeated"]
    since = max(one.due for one in course if one.kind in BEGIN)
    fresh = sum(one.kind == "repeated" and one.due > since for one in course)
    if seconds // contact.repeat > fresh:
        number = max(said, default=-1) + 1
        yield Reminder(first.alarm, first.severity, first.contact, first.channel, "repeated", number)


def _escalate(
    course: Sequence[Made], contact: Contact, contacts: Mapping[str, Contact], seconds: float
) -> Iterator[Reminder]:
    """`number` is which time it is open: one that came back can be escalated again."""
    first = course[0]
    time_ = sum(one.kind == "reopened" for one in course)
    for step in contact.escalate:
        other = contacts.get(step.to)
        if other is not None and seconds >= step.after:
            for channel in other.channels:
                yield Reminder(first.alarm, first.severity, step.to, channel.channel, "escalated", time_)
