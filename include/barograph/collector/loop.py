"""One loop over all ports: open, read, decode, spool. The clock, the ports' opener and the publisher are handed in."""

from __future__ import annotations

import contextlib
import random
import selectors
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from time import monotonic as system_monotonic
from types import MappingProxyType
from typing import TypeVar

from barograph.collector.assembly import Assembly
from barograph.collector.events import Tell, told
from barograph.collector.line import Line
from barograph.collector.overruns import LineErrors, line_errors
from barograph.collector.pace import Pace
from barograph.collector.polling import Poller
from barograph.collector.ports import Source
from barograph.collector.spool import Entry, Spool
from barograph.collector.watchdog import Watchdog
from barograph.errors import PortError, SpoolFull
from barograph.registry import Port

Result = TypeVar("Result")

TURN = 0.25
"""Seconds that a turn waits at most."""
POLL = 0.02
"""The same while a port is open that no selector can watch."""
FIRST_PAUSE = 0.25
"""Seconds before the first attempt to open a lost port again; doubles up to `reopen`."""
OFTEN, APART, JUDGED_APART = 20, 0.05, 0.04
"""Frames a second up to which each is read at once, and seconds from turn to turn beyond that: fewer where frames are
judged, for an alarm is to be on the disk within 50 ms."""
KEEP_OFTEN, KEEP_WITHIN = 10, 0.2
"""Frames a second up to which each is committed at once, and seconds from commit to commit beyond that: how long what
was read may be in memory alone."""
MANY = 500
"""Entries that are worth a commit of their own."""
HALF_FULL = 2048
"""Bytes of a port after which it is read again at once: a driver's buffer holds 4096, and then bytes are lost."""
QUIET = 0.25
"""Seconds of listening before the first request on a line; line.SILENCE is shorter."""
SAY_AGAIN = 60.0
"""Seconds between two events about bytes that were overrun: a machine that is too busy stays so for a while."""
WATCH = 1.0
"""Seconds between looks at who is silent."""


class Connection:
    """A line, and the port behind it in whichever state it is."""

    def __init__(self, line: Line, cadences: Mapping[str, float], now: float) -> None:
        self.line = line
        port = line.port
        self.poller = Poller(port.poll) if port.poll else None
        expected = [port.device] if port.device else [*port.poll.devices] if port.poll else []
        self.watchdog = Watchdog(port.port, cadences, now, expected)
        self.pause = FIRST_PAUSE
        self.source: Source | None = None
        self.errors: LineErrors | None = None
        """What the driver had counted when it was last asked."""
        self.overrun_told = float("-inf")
        self.opening: Future[Source] | None = None
        self.next_try = 0.0
        self.urgent = self.poller is not None or line.gap is not None
        """Whether its bytes must be read as they come: an answer is waited for, or silences end its frames."""
        self.silent_at: float | None = None
        """When the framing's gap has passed, if nothing comes until then."""


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
        cadences: Mapping[str, float] = MappingProxyType({}),
        judge: Callable[[], bool] | None = None,
        judge_in: Callable[[], float] = lambda: TURN,
        tell: Tell = told,
    ) -> None:
        """`published` is called after each commit, and wakes the publisher. `cadences`: of all registered devices.

        `judge` looks at what was read in a turn; where it found something, the frames are committed at once. It wants
        to look after `judge_in` seconds though nothing came.
        """
        self._connections = [Connection(line, cadences, monotonic()) for line in lines]
        self._spool = spool
        self._open_port = open_port
        self._published = published
        self._clock = clock
        self._monotonic = monotonic
        self._reopen = reopen
        self._judge = judge
        self._judge_in = judge_in
        self._apart = APART if judge is None else JUDGED_APART
        self._tell = tell
        self._waited_for = _waited_for(self._connections)
        self._unwatched: list[Connection] = []
        """Those with an open port that no selector can watch."""
        self._selector = selectors.DefaultSelector()
        self._urgent = selectors.DefaultSelector()
        self._pace = Pace(OFTEN)
        self._commits = Pace(KEEP_OFTEN)
        self._read_at: datetime | None = None
        """When the first of `_entries` came."""
        self._entries: list[Entry] = []
        """What was read and is not in the spool yet."""
        self._full_since: float | None = None
        self._watch_at = monotonic() + WATCH

    def run(self, stop: threading.Event, every_turn: Callable[[], None] = lambda: None) -> None:
        """Turn until `stop` is set; then close all ports. What was read is in the spool."""
        try:
            while not stop.is_set():
                self.turn()
                every_turn()
        finally:
            self.close()

    @property
    def lines(self) -> list[Line]:
        return [connection.line for connection in self._connections]

    def change(self, wanted: Assembly) -> dict[str, list[str]]:
        """Go on with these lines; says which ports are new, changed or gone. The others are not touched."""
        before = {each.line.port.port: each for each in self._connections}
        told: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
        connections: list[Connection] = []
        for line in wanted.lines:
            old = before.pop(line.port.port, None)
            if old and (old.line.port, old.line.declared) == (line.port, line.declared):
                old.watchdog.register(wanted.cadences)
                connections.append(old)
                continue
            if old:
                self._leave(old)
            told["changed" if old else "added"].append(line.port.port)
            connections.append(Connection(line, wanted.cadences, self._monotonic()))
        for gone in before.values():
            self._leave(gone)
        told["removed"] = sorted(before)
        self._connections = connections
        self._waited_for = _waited_for(connections)
        return {how: ports for how, ports in told.items() if ports}

    def _leave(self, connection: Connection) -> None:
        if connection.source:
            self._close(connection, connection.source)
        elif connection.opening:
            connection.opening.add_done_callback(_close_unwanted)

    def turn(self, wait: float = TURN) -> None:
        """Read each port that has something once, and commit what is due; so with silences that end a frame."""
        opening = self._open()
        entries: list[Entry] = []
        if pause := self._pace.pause(self._monotonic(), self._apart):
            self._urgent.select(self._until_due(min(wait, pause)))
        # A selector that waits while nothing is registered just sleeps, which is what we want.
        events = self._selector.select(self._until_due(min(wait, POLL) if opening or self._unwatched else wait))
        ready = [*self._unwatched, *(key.data for key, _ in events)]
        now = self._monotonic()
        for connection in self._waited_for:
            # What had nothing to read just now was silent until now; of the others their reading knows better.
            if connection.silent_at is not None and connection not in ready:
                entries.extend(self._silent(connection, now))
        full = False
        for connection in ready:
            before = connection.line.counters.bytes
            entries.extend(self._read(connection))
            full |= connection.line.counters.bytes - before >= HALF_FULL
        if full:
            self._pace.forget()
        elif ready:
            self._pace.turn(now, max(len(ready), len(entries)))
        for connection in self._waited_for:
            if connection.poller:
                self._ask(connection, connection.poller)
        if entries and not self._entries:
            self._read_at = self._clock()
        self._entries += entries
        happened = self._judge is not None and self._judge()
        # Not later than KEEP_WITHIN, and rather now than in a wake-up of its own.
        soon = self._commits.pause(self._monotonic(), KEEP_WITHIN) < self._apart
        due = happened or soon or len(self._entries) >= MANY
        if self._entries and due:
            self._keep()
        if self._monotonic() >= self._watch_at:
            self._watch_at = self._monotonic() + WATCH
            for connection in self._connections:
                self._watch(connection)
                self._count_errors(connection)

    def close(self) -> None:
        """Close all ports, and commit what they said."""
        if self._entries:
            self._keep()
        for connection in self._connections:
            if connection.source:
                self._close(connection, connection.source)
        self._selector.close()
        self._urgent.close()

    def _open(self) -> bool:
        """Open what is not open. Whether some of it is about to be."""
        opening = False
        for connection in self._connections:
            if connection.source:
                continue
            if connection.opening and connection.opening.done():
                self._opened(connection, connection.opening)
            elif not connection.opening and self._monotonic() >= connection.next_try:
                connection.opening = _aside(self._open_port, connection.line.port)
            opening |= connection.opening is not None
        return opening

    def _opened(self, connection: Connection, opening: Future[Source]) -> None:
        connection.opening = None
        line = connection.line
        try:
            connection.source = opening.result()
            if connection.source.descriptor is not None:
                self._selector.register(connection.source.descriptor, selectors.EVENT_READ, connection)
                if connection.urgent:
                    self._urgent.register(connection.source.descriptor, selectors.EVENT_READ)
            else:
                self._unwatched.append(connection)
        except (PortError, OSError, ValueError) as error:
            self._failed(connection, str(error))
            return
        line.opened(self._clock())
        connection.errors = line_errors(connection.source.descriptor)
        connection.pause = FIRST_PAUSE
        if connection.poller:
            # An answer to somebody before us would look like half a frame of ours.
            connection.poller.opened(self._monotonic() + QUIET)
        line.counters.connected = True
        line.counters.opens += 1
        line.counters.error = ""
        self._tell("port_opened", port=line.port.port, url=line.port.url)

    def _until_due(self, wait: float) -> float:
        """How long to wait at most, so that no silence is noticed late, and no request or commit is."""
        wait = min(wait, self._judge_in())
        if self._entries:
            wait = min(wait, self._commits.pause(self._monotonic(), KEEP_WITHIN))
        due = [each.silent_at for each in self._waited_for if each.silent_at is not None]
        due += [each.poller.wake_at() for each in self._waited_for if each.poller and each.source]
        return max(0.0, min(wait, min(due) - self._monotonic()) if due else wait)

    def _silent(self, connection: Connection, now: float) -> list[Entry]:
        if connection.silent_at is None or now < connection.silent_at:
            return []
        connection.silent_at = None
        entries = connection.line.silent()
        if entries and connection.poller:
            connection.poller.answered(now)
        return entries

    def _read(self, connection: Connection) -> list[Entry]:
        source = connection.source
        if source is None:
            return []
        try:
            chunk = source.read()
        except Exception as error:
            # Whatever it is, a mistake of ours included: it is this port that is lost, and the others go on.
            self._lost(connection, source, str(error) or repr(error))
            return []
        line, now = connection.line, self._monotonic()
        entries = self._silent(connection, now - line.on_wire(len(chunk)))
        if chunk:
            entries += line.take(chunk, self._clock())
            connection.silent_at = line.silent_at(now)
        if line.heard:
            for device in line.heard:
                connection.watchdog.heard(device, now)
            line.heard.clear()
        if entries and connection.poller:
            connection.poller.answered(now)
        return entries

    def _ask(self, connection: Connection, poller: Poller) -> None:
        if connection.source is None:
            return
        request = poller.due(self._monotonic())
        connection.line.counters.timeouts = poller.timeouts
        if request:
            connection.line.asked = request.device
            try:
                connection.source.write(request.said)
            except PortError as error:
                self._lost(connection, connection.source, str(error))

    def _watch(self, connection: Connection) -> None:
        """Say who is silent, the port or one of its devices, and do what the registry says about the port."""
        line = connection.line
        for change in connection.watchdog.changes(self._monotonic()):
            level = "info" if change.state in ("on_time", "late") else "warning"
            who = {"device": change.device} if change.device else {}
            self._tell(
                change.state, level, port=change.port, **who, before=change.before, seconds=round(change.seconds)
            )
            if change.device is None:
                line.counters.state = change.state
            else:
                line.counters.device(change.device).state = change.state
        if connection.source and connection.watchdog.stirs(self._monotonic()):
            self._stir(connection, connection.source)

    def _stir(self, connection: Connection, source: Source) -> None:
        action = connection.line.port.silence
        if action != "log":
            self._tell("port_stirred", port=connection.line.port.port, action=action)
        if action == "reopen":
            self._lost(connection, source, "silent; opened again, as `silence: reopen` says")
        elif action == "toggle_dtr":
            _aside(source.toggle_dtr)

    def _count_errors(self, connection: Connection) -> None:
        """Ask the driver what it lost, where it says so: nobody else can know."""
        counters, before = connection.line.counters, connection.errors
        if connection.source is None or before is None:
            return
        connection.errors = line_errors(connection.source.descriptor)
        if connection.errors is not None:
            more = connection.errors.since(before)
            counters.overruns = (counters.overruns or 0) + more.overruns
            counters.line_errors = (counters.line_errors or 0) + more.damaged
            if more.overruns and self._monotonic() - connection.overrun_told >= SAY_AGAIN:
                connection.overrun_told = self._monotonic()
                self._tell("overrun", "warning", port=connection.line.port.port, bytes=counters.overruns)

    def _lost(self, connection: Connection, source: Source, error: str) -> None:
        self._close(connection, source)
        connection.line.lost()
        connection.line.counters.losses += 1
        connection.line.counters.error = error
        self._tell("port_lost", "warning", port=connection.line.port.port, reason=error)
        self._failed(connection, error)

    def _failed(self, connection: Connection, error: str) -> None:
        counters = connection.line.counters
        if counters.error != error:
            self._tell("port_not_opened", "warning", port=connection.line.port.port, reason=error)
        counters.connected = False
        counters.error = error
        # Jittered, so that the ports of a hub that was unplugged don't all come at once.
        pause = min(connection.pause, self._reopen)
        connection.next_try = self._monotonic() + pause * random.uniform(0.75, 1.0)  # noqa: S311
        connection.pause = min(pause * 2, self._reopen)

    def _close(self, connection: Connection, source: Source) -> None:
        if source.descriptor is not None:
            for selector in (self._selector, self._urgent):
                with contextlib.suppress(KeyError, ValueError):
                    selector.unregister(source.descriptor)
        elif connection in self._unwatched:
            self._unwatched.remove(connection)
        connection.source = None
        connection.silent_at = None
        connection.line.counters.connected = False
        _aside(source.close)

    def _keep(self) -> None:
        entries, self._entries = self._entries, []
        self._commits.turn(self._monotonic(), len(entries))
        try:
            self._spool.append(entries, self._read_at or self._clock())
        except SpoolFull as error:
            if self._full_since is None:
                self._full_since = self._monotonic()
                self._tell("spool_full", "error", reason=str(error))
        else:
            if self._full_since is not None:
                self._tell("spool_has_room", after_seconds=round(self._monotonic() - self._full_since))
                self._full_since = None
        self._published()


def _waited_for(connections: Sequence[Connection]) -> list[Connection]:
    """Those of which something is due at a time of its own: an answer, or a silence."""
    return [connection for connection in connections if connection.urgent]


def _aside(work: Callable[..., Result], *about: object) -> Future[Result]:
    """Do what may take seconds, or hang for ever, in a thread that neither another port nor the end waits for."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work(*about))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, name="port", daemon=True).start()
    return future


def _close_unwanted(opening: Future[Source]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
