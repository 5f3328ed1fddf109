"""One message to one channel: an attempt, and what becomes of it.

taken              sent
not now            again after 15 s, 30 s, 1 min ... 1 h, each up to half as much more or less; for three days
never              refused: a person looks (`barograph notify outbox`), and what comes next is tried all the same
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from barograph.errors import DeliveryError, DeliveryRefused
from barograph.notify import channels
from barograph.notify.contacts import Book
from barograph.notify.rendering import Letter, link, render
from barograph.settings import Settings
from barograph.state import outbox
from barograph.state.outbox import Message

FIRST, LONGEST = 15.0, 3600.0
"""Seconds until the second attempt, and at most until another."""

Clock = Callable[[], datetime]

log = structlog.get_logger()


@dataclass(frozen=True)
class Outcome:
    state: str
    due: datetime
    error: str | None


def pause(attempts: int, draw: Callable[[], float] = random.random) -> timedelta:
    """After so many attempts. Jitter: channels that failed together do not come back together."""
    seconds = min(LONGEST, FIRST * 2 ** min(attempts - 1, 16))
    return timedelta(seconds=seconds * (0.5 + draw()))


def deliver(settings: Settings, engine: Engine, book: Book, message: Message, clock: Clock) -> Outcome | None:
    """Attempt it, and note what came of it; None if somebody else did. Raises only what the database does."""
    began = clock()
    if not outbox.begin(engine, message, began):
        return None
    try:
        send(settings, book, message, began)
        outcome = Outcome("sent", began, None)
    except DeliveryRefused as error:
        outcome = Outcome("refused", began, str(error))
    except DeliveryError as error:
        outcome = _again(settings, message, clock(), str(error))
    except Exception as error:
        # Whatever it is, it is not the other channels' business; its words could hold a secret, its name cannot.
        log.exception("delivery_broken", identity=message.identity, channel="/".join(message.address))
        outcome = _again(settings, message, clock(), f"{type(error).__name__}: see the notifier's log")
    outbox.note(engine, message.message, outcome.state, outcome.due, outcome.error)
    facts = {"identity": message.identity, "contact": message.contact, "channel": message.channel}
    if outcome.error:
        log.error(f"message_{outcome.state}", **facts, attempts=message.attempts + 1, error=outcome.error)
    else:
        log.info("message_sent", **facts, attempts=message.attempts + 1, alarms=message.facts["counts"]["alarms"])
    return outcome


def send(settings: Settings, book: Book, message: Message, at: datetime) -> None:
    """Raises DeliveryError or DeliveryRefused."""
    placed = book.contacts.get(message.contact)
    channel = placed.contact.channel(message.channel) if placed else None
    if channel is None:
        raise DeliveryRefused("There is no such channel any more.")
    channels.send(settings, channel, letter(settings, message, at, with_chart=channel.kind in ("mail", "apprise")), at)


def letter(settings: Settings, message: Message, at: datetime, with_chart: bool) -> Letter:
    facts = message.facts
    chart = None
    if with_chart and not facts.get("test"):
        from barograph.notify.chart import chart_of  # Matplotlib costs half a second, which only charts are worth

        chart = chart_of(settings, facts)
    pages = settings.notify.pages or settings.airflow_address
    return Letter(
        identity=message.identity,
        thread=message.thread,
        references=tuple(facts.get("references", ())),
        facts=facts,
        rendered=render(facts, pages, at, settings.path("templates"), chart is not None),
        chart=chart,
        links={str(one["alarm"]): link(pages, one["alarm"]) for one in facts["entries"]},
    )


def _again(settings: Settings, message: Message, now: datetime, error: str) -> Outcome:
    if now - message.composed > timedelta(hours=settings.notify.patience_hours):
        return Outcome("late", now, f"given up: {error}")
    return Outcome("waiting", now + pause(message.attempts + 1), error)
