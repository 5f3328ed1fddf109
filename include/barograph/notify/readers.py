"""Which of the contacts get reports: `reports` in contacts.yaml. docs/notify.md."""

from __future__ import annotations

from collections.abc import Iterator

import structlog

from barograph.errors import DocumentError
from barograph.notify import reading
from barograph.notify.contacts import Book, MailChannel, Placed
from barograph.reports.delivery import Reader
from barograph.settings import Settings

log = structlog.get_logger()


def readers(settings: Settings) -> list[Reader]:
    """By the contacts of now; where these have mistakes, by the last good ones of the notifier."""
    try:
        book = reading.read_book(settings)
    except DocumentError as error:
        log.error("contacts_refused", why=str(error).partition("\n")[0])
        book = reading.remembered(reading.good(settings)) or Book()
    return [reader for name in sorted(book.contacts) for reader in _reader(name, book.contacts[name])]


def _reader(name: str, placed: Placed) -> Iterator[Reader]:
    wanted = placed.contact.reports
    if wanted is None:
        return
    mail = [channel for channel in placed.contact.channels if isinstance(channel, MailChannel)]
    to = dict.fromkeys(address for channel in mail for address in channel.to)
    when = {"day": wanted.daily, "week": wanted.weekly, "month": wanted.monthly}
    yield Reader(f"contact {name}", tuple(to), when, wanted.sites or [placed.site])
