"""One loop over all ports: open, read, decode, spool. The clock, the ports' opener and the publisher are handed in."""

from __future__ import annotations

import contextlib
import random
import selectors
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from time import monotonic as system_monotonic

import structlog

from barograph.collector.line import Line
from barograph.collector.ports import Source
from barograph.collector.spool import Entry, Spool
from barograph.errors import PortError, SpoolFull
from barograph.registry import Port

log = structlog.get_logger()

TURN = 0.25
"""Seconds that a turn waits at most."""
POLL = 0.02
"""The same while a port is open that no selector can watch."""
OPENERS = 8
"""Threads for opening: a port of the network may take seconds, and the others must be read meanwhile."""


class Connection:
    """A line, and the port behind it in whichever state it is."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.source: Source | None = None
        self.opening: Future[Source] | None = None
        self.next_try = 0.0


class Loop:
    def __init__(
        self,
        lines: Sequence[Line],
        spool: Spool,
        *,
        open_port: Callable[[Port], Source],
        published: Callable[[], None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = system_monotonic,
        reopen: float = 2.0,
    ) -> None:
        """`published` is called after each commit, and wakes the publisher."""
        self._connections = [Connection(line) for line in lines]
        self._spool = spool
        self._open_port = open_port
        self._published = published
        self._clock = clock
        self._monotonic = monotonic
        self._reopen = reopen
        self._selector = selectors.DefaultSelector()
        self._pool = ThreadPoolExecutor(OPENERS, thread_name_prefix="opener")
        self._full_since: float | None = None

    def run(self, stop: threading.Event, every_turn: Callable[[], None] = lambda: None) -> None:
        """Turn until `stop` is set; then close all ports. What was read is in the spool."""
        try:
            while not stop.is_set():
                self.turn()
                every_turn()
        finally:
            self.close()

    def turn(self, wait: float = TURN) -> None:
        """Read each port that has something once, and commit what it said."""
        self._open()
        entries: list[Entry] = []
        for connection in self._ready(wait):
            entries.extend(self._read(connection))
        if entries:
            self._keep(entries)

    def close(self) -> None:
        for connection in self._connections:
            if connection.source:
                self._close(connection, connection.source)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._selector.close()

    def _open(self) -> None:
        now = self._monotonic()
        for connection in self._connections:
            if connection.opening and connection.opening.done():
                self._opened(connection, connection.opening)
            elif not connection.source and not connection.opening and now >= connection.next_try:
                connection.opening = self._pool.submit(self._open_port, connection.line.port)

    def _opened(self, connection: Connection, opening: Future[Source]) -> None:
        connection.opening = None
        line = connection.line
        try:
            connection.source = opening.result()
            if connection.source.descriptor is not None:
                self._selector.register(connection.source.descriptor, selectors.EVENT_READ, connection)
        except (PortError, OSError, ValueError) as error:
            self._failed(connection, str(error))
            return
        line.opened(self._clock())
        line.counters.connected = True
        line.counters.opens += 1
        line.counters.error = ""
        log.info("port_opened", port=line.port.port, url=line.port.url)

    def _ready(self, wait: float) -> list[Connection]:
        polled = [each for each in self._connections if each.source and each.source.descriptor is None]
        opening = any(each.opening for each in self._connections)
        # A selector that waits while nothing is registered just sleeps, which is what we want.
        events = self._selector.select(min(wait, POLL) if polled or opening else wait)
        return polled + [key.data for key, _ in events]

    def _read(self, connection: Connection) -> list[Entry]:
        source = connection.source
        if source is None:
            return []
        try:
            chunk = source.read()
        except PortError as error:
            self._close(connection, source)
            connection.line.lost()
            connection.line.counters.losses += 1
            self._failed(connection, str(error))
            return []
        return connection.line.take(chunk, self._clock()) if chunk else []

    def _failed(self, connection: Connection, error: str) -> None:
        counters = connection.line.counters
        if counters.error != error:
            log.warning("port_down", port=connection.line.port.port, error=error)
        counters.connected = False
        counters.error = error
        # Jittered, so that the ports of a hub that was unplugged don't all come at once.
        connection.next_try = self._monotonic() + self._reopen * random.uniform(0.75, 1.25)  # noqa: S311

    def _close(self, connection: Connection, source: Source) -> None:
        if source.descriptor is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(source.descriptor)
        connection.source = None
        connection.line.counters.connected = False
        self._pool.submit(source.close)

    def _keep(self, entries: list[Entry]) -> None:
        try:
            self._spool.append(entries, self._clock())
        except SpoolFull as error:
            if self._full_since is None:
                self._full_since = self._monotonic()
                log.error("spool_full", error=str(error))
        else:
            if self._full_since is not None:
                log.info("spool_has_room", after_seconds=round(self._monotonic() - self._full_since))
                self._full_since = None
        self._published()
