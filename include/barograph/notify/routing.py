"""Who is told of a change, on which channel, and when at the earliest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from barograph.notify.contacts import Book, Placed
from barograph.notify.news import Told, news
from barograph.notify.quiet import told_at
from barograph.notify.reminding import Made, reminders
from barograph.state.outbox import Notice


def notices(
    book: Book, alarm: Mapping[Any, Any], made: Sequence[Any], now: datetime, restored: datetime | None = None
) -> Iterator[Notice]:
    """What an alarm's change is to everybody. `made`: the notices about it so far, in their order; see `news`."""
    about = alarm["site"], alarm["rule"], alarm["device"], alarm["severity"]
    for name, placed in book.contacts.items():
        wanted = book.wants(name, *about)
        for channel in placed.contact.channels:
            told = [
                Told(row.kind, row.number, row.severity, row.dropped is not None)
                for row in made
                if (row.contact, row.channel) == (name, channel.channel)
            ]
            if not wanted and not told:
                continue
            found = news(alarm, told, now, placed.contact.resolved, restored)
            if found is not None:
                due = due_at(placed, alarm["severity"], now)
                yield Notice(
                    alarm["alarm"], name, channel.channel, found.kind, found.number, alarm["severity"], due
                )  # fmt: skip


def already(book: Book, alarm: Mapping[Any, Any], made: Sequence[Any], now: datetime) -> Iterator[Notice]:
    """What an open alarm is to those who want it, and of whom nobody noted anything about it yet."""
    if alarm["historical"]:
        return
    about = alarm["site"], alarm["rule"], alarm["device"], alarm["severity"]
    noted = {(row.contact, row.channel) for row in made}
    for name, placed in book.contacts.items():
        if book.wants(name, *about):
            due = due_at(placed, alarm["severity"], now)
            for channel in placed.contact.channels:
                if (name, channel.channel) not in noted:
                    yield Notice(alarm["alarm"], name, channel.channel, "already", 0, alarm["severity"], due)


def reminds(book: Book) -> list[str]:
    """The contacts whose notices are followed by others, if nobody does anything."""
    return [name for name, contact in book.people.items() if contact.repeat is not None or contact.escalate]


def reminded(book: Book, made: Sequence[Any], now: datetime) -> Iterator[Notice]:
    """Repeats and escalations. `made`: all notices about open alarms that nobody acknowledged and nobody shelved."""
    known = [
        Made(row.alarm, row.now, row.contact, row.channel, row.kind, row.number, row.due, row.message is None)
        for row in made
    ]
    for one in reminders(known, book.people, now):
        placed = book.contacts[one.contact]
        due = told_at(now, one.severity, placed.contact.quiet, placed.zone)
        yield Notice(one.alarm, one.contact, one.channel, one.kind, one.number, one.severity, due)


def due_at(placed: Placed, severity: str, now: datetime) -> datetime:
    """After waiting for others of its kind, and not in quiet hours."""
    grouped = now + timedelta(seconds=placed.contact.group)
    return told_at(grouped, severity, placed.contact.quiet, placed.zone)


def may_compose(composed: Sequence[datetime], per_hour: int, now: datetime) -> bool:
    """Whether a channel has room for another message: those of the last hour count."""
    return sum(now - at < timedelta(hours=1) for at in composed) < per_hour
