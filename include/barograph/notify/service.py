"""The notifier: one process that follows the alarms and tells people. Another one stands by, and takes over at once.

    each turn   files changed? ─► dead watcher ─► follow the alarms ─► remind ─► compose ─► hand over to the channels

Nothing in a turn talks to anybody outside: each channel delivers in a thread of its own, one message at a time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from barograph.collector.systemd import Supervisor
from barograph.errors import BarographError
from barograph.notify import health, reading
from barograph.notify.composing import composition
from barograph.notify.contacts import Book
from barograph.notify.deadman import Deadman
from barograph.notify.delivery import Clock, deliver
from barograph.notify.routing import already, may_compose, notices, reminded, reminds
from barograph.settings import Settings
from barograph.state import outbox, system_alarms
from barograph.state.engine import apart, connect
from barograph.state.outbox import Address, Message

SELDOM = timedelta(seconds=10)
"""Between two looks at what does not hurry: the dead watcher, repeats, files."""
STAND_BY = 1.0
"""Seconds between two attempts to take over."""

log = structlog.get_logger()


def run(settings: Settings, stop: threading.Event, clock: Clock, supervisor: Supervisor | None = None) -> None:
    """Until `stop` is set. A database that is down is waited for."""
    told = supervisor or Supervisor()
    engine = connect(settings)
    notifier = Notifier(settings, engine, clock)
    told.ready()
    while not stop.is_set():
        try:
            with outbox.leading(engine) as lead:
                if lead is None:
                    notifier.stand_by()
                else:
                    interrupted = outbox.release(engine)
                    log.info("notifier_leads", contacts=len(notifier.book.contacts), interrupted=interrupted)
                    _lead(notifier, lead, stop, told)
        except (BarographError, SQLAlchemyError) as error:
            said = str(error).splitlines()[0]
            log.error("notifier_waits", error=said)
            notifier.say(said)
        told.alive(lambda: "Standing by.")
        stop.wait(STAND_BY)
    told.stopping()
    notifier.finish()


def _lead(notifier: Notifier, lead: Connection, stop: threading.Event, told: Supervisor) -> None:
    """Raises SQLAlchemyError when the lock may be another's: its connection is asked every turn."""
    while not stop.is_set():
        lead.execute(text("select 1"))
        notifier.turn()
        told.alive(lambda: f"{len(notifier.book.contacts)} contacts.")
        stop.wait(notifier.settings.notify.turn)


class Notifier:
    """All that a turn needs and remembers."""

    def __init__(self, settings: Settings, engine: Engine, clock: Clock) -> None:
        self.settings = settings
        self.engine = engine
        # Channels that deliver at the same time need more than the two connections of a process.
        self._apart = apart(engine)
        self.book = Book()
        self._clock = clock
        self._started = self._seldom = clock()
        self._seldom -= SELDOM
        self._deadman = Deadman(settings, engine, self._started)
        self._signature: object = None
        self._refused = ""
        self._new_wishes = True
        """Whether somebody may want to be told of alarms that opened before he did: also while nobody looked."""
        self._stopped: list[str] = []
        self._threads: dict[Address, threading.Thread] = {}
        self._read()

    def turn(self) -> None:
        """Once around. Raises SQLAlchemyError."""
        now = self._clock()
        if seldom := now - self._seldom >= SELDOM or now < self._seldom:
            self._seldom = now
            self._read()
            self._stopped = self._deadman.watch(now)
        restored = system_alarms.restored(self.engine)
        while outbox.follow(self.engine, now, partial(notices, self.book, now=now, restored=restored)):
            pass
        if self._new_wishes:
            outbox.catch_up(self.engine, now, partial(already, self.book, now=now))
            self._new_wishes = False
        if seldom and (whom := reminds(self.book)):
            outbox.remind(self.engine, now, whom, partial(reminded, self.book, now=now))
        self._compose(now)
        for message in outbox.waiting(self.engine, now):
            self._hand_over(message)
        self.say()

    def stand_by(self) -> None:
        """Say so, unless the one that leads says how it is in the same place."""
        there = health.read(health.status_path(self.settings))
        if there is None or there.pid == os.getpid() or not there.running(self._clock()):
            self.say(leads=False)

    def say(self, error: str = "", leads: bool = True) -> None:
        """Into the file that `barograph status` reads."""
        status = health.Status(
            pid=os.getpid(), started=self._started, updated=self._clock(), leads=leads,
            contacts=sorted(self.book.contacts), refused=self._refused, stopped=self._stopped, error=error,
        )  # fmt: skip
        try:
            health.write(health.status_path(self.settings), status)
        except OSError as problem:
            log.error("status_not_written", error=str(problem))

    def finish(self, seconds: float = 10.0) -> None:
        """Let those who are sending end; what they do not mark is sent again."""
        for thread in self._threads.values():
            thread.join(seconds)

    def _read(self) -> None:
        """What is wrong is said, once, and what was good last stays in force."""
        signature = reading.signature(self.settings)
        if signature == self._signature:
            return
        path = reading.good(self.settings)
        begun = self._signature is not None
        self._signature = signature
        try:
            self.book = reading.read_book(self.settings)
        except BarographError as error:
            self._refused = str(error)
            log.error("contacts_refused", problems=self._refused)
            if not begun:
                self.book = reading.remembered(path) or Book()
            return
        self._refused = ""
        self._new_wishes = True
        path.parent.mkdir(parents=True, exist_ok=True)
        reading.remember(path, self.book)
        log.info("contacts_read", contacts=len(self.book.contacts))

    def _compose(self, now: datetime) -> None:
        addresses = outbox.ready(self.engine, now)
        if not addresses:
            return
        composed = outbox.composed_since(self.engine, now - timedelta(hours=1))
        for address in addresses:
            name, channel_name = address
            placed = self.book.contacts.get(name)
            channel = placed.contact.channel(channel_name) if placed else None
            if channel is not None and not may_compose(composed.get(address, ()), channel.per_hour, now):
                continue
            # What still waits for company is company enough now.
            until = now + timedelta(seconds=placed.contact.group if placed else 0)
            put = partial(composition, name if channel else None, self.book, at=now, identity=uuid4().hex)
            outbox.compose(self.engine, address, now, until, put)

    def _hand_over(self, message: Message) -> None:
        busy = self._threads.get(message.address)
        if busy is not None and busy.is_alive():
            return
        book, work = self.book, _logged(deliver)
        thread = threading.Thread(
            target=work,
            args=(self.settings, self._apart, book, message, self._clock),
            name="/".join(message.address),
            daemon=True,
        )
        self._threads[message.address] = thread
        thread.start()


def _logged(work: Callable[..., object]) -> Callable[..., None]:
    """A thread's last words go into the log; the message is still waiting, and its turn comes again."""

    def begin(*facts: object) -> None:
        try:
            work(*facts)
        except Exception:
            log.exception("delivery_not_noted")

    return begin
