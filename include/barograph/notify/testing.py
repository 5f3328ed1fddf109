"""A test to every channel of a contact, past the outbox: it tells nobody that something happened."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from barograph.errors import DeliveryError, DocumentError
from barograph.notify import channels
from barograph.notify.contacts import Contact
from barograph.notify.delivery import letter
from barograph.notify.reading import read_book
from barograph.settings import Settings
from barograph.state.outbox import Message
from barograph.windows import iso


@dataclass(frozen=True)
class Tested:
    channel: str
    kind: str
    seconds: float
    error: str | None


def send_tests(settings: Settings, name: str, at: datetime) -> list[Tested]:
    """Raises DocumentError if there is no such contact, or the files have mistakes."""
    book = read_book(settings)
    placed = book.contacts.get(name)
    if placed is None:
        known = ", ".join(sorted(book.contacts)) or "none; docs/notify.md says how to name some"
        raise DocumentError(f"There is no contact {name}. There are: {known}.")
    results = []
    for channel in placed.contact.channels:
        began = time.monotonic()
        error = None
        message = test_message(placed.contact, channel.channel, placed.timezone, at)
        try:
            channels.send(settings, channel, letter(settings, message, at, with_chart=False), at)
        except DeliveryError as problem:
            error = str(problem)
        results.append(Tested(channel.channel, channel.kind, round(time.monotonic() - began, 2), error))
    return results


def test_message(contact: Contact, channel: str, timezone: str, at: datetime) -> Message:
    identity = uuid4().hex
    facts = {
        "test": True, "contact": contact.contact, "language": contact.language, "timezone": timezone, "as_of": iso(at),
        "entries": [], "references": [],
        "counts": {"alarms": 0, "open": 0, "severities": [], "rules": [], "sites": []},
    }  # fmt: skip
    return Message(0, identity, contact.contact, channel, identity, facts, at, at, 0)
