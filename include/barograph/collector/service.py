"""The collector as a process: puts line, loop, spool and publisher together, and stops them in order."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import structlog

from barograph.collector import health, status_path
from barograph.collector.assembly import Assembly, assembled
from barograph.collector.clock import SteadyClock
from barograph.collector.line import Numbers
from barograph.collector.loop import Loop
from barograph.collector.ports import open_port
from barograph.collector.publisher import Producer, Publisher, Topics
from barograph.collector.simulation.live import Simulations
from barograph.collector.spool import Spool
from barograph.errors import DocumentError
from barograph.kafka import Producer as KafkaProducer
from barograph.settings import Settings

log = structlog.get_logger()

FLUSH = 8.0
"""Seconds for sending what is spooled when told to stop; supervisors kill after ten."""
STATUS_EVERY = 1.0


def utcnow() -> datetime:
    return datetime.now(UTC)


def collect(
    settings: Settings,
    stop: threading.Event,
    *,
    site: str | None = None,
    clock: Callable[[], datetime] = utcnow,
    connect: Callable[[], Producer] | None = None,
    reload: threading.Event | None = None,
) -> None:
    """Collect the ports of one site, or of all, until `stop` is set. Raises DocumentError, WriterBusy.

    When `reload` is set, the sites' files are read again: ports that did not change are not touched, and files with a
    mistake change nothing.
    """
    clock = SteadyClock(clock, monotonic)
    boot = secrets.token_hex(4)
    topics = Topics(settings.kafka.topics[0], settings.kafka.rejects)
    assemble = partial(assembled, settings, site, boot, topics, Numbers())
    wanted = assemble()
    spool = Spool(
        settings.path("spool", "collector.db"),
        quota=settings.collector.spool_megabytes * 1024 * 1024,
        keep_acked=settings.collector.keep_acked,
        keep_days=settings.collector.spool_days,
        when_full=settings.collector.when_full,
    )
    publisher = Publisher(spool, connect or partial(KafkaProducer, settings, client_id="barograph-collector"), topics)
    loop = Loop(
        wanted.lines,
        spool,
        open_port=partial(open_port, home=settings.home, simulations=Simulations(settings.sites_folder)),
        published=publisher.wake,
        clock=clock,
        reopen=settings.collector.reopen,
        cadences=wanted.cadences,
    )
    report = Reporter(settings, boot, loop, spool, publisher, clock)
    log.info("collector_started", boot=boot, ports=len(wanted.lines), spooled=spool.depth)

    def every_turn() -> None:
        if reload is not None and reload.is_set():
            reload.clear()
            report.reloaded(_reload(loop, assemble))
        report.now_and_then()

    publisher.start()
    try:
        loop.run(stop, every_turn)
    finally:
        flushed = publisher.stop(FLUSH)
        report.write()
        log.info("collector_stopped", boot=boot, published=publisher.published, left_in_spool=spool.depth)
        if flushed or not publisher.alive:
            spool.close()


def _reload(loop: Loop, assemble: Callable[[], Assembly]) -> str:
    """Change what was edited; says what is wrong with the files, in which case nothing changes."""
    try:
        changed = loop.change(assemble())
    except DocumentError as error:
        log.error("reload_refused", error=str(error))
        return str(error)
    log.info("reloaded", **changed)
    return ""


class Reporter:
    """Writes the status file each second."""

    def __init__(
        self,
        settings: Settings,
        boot: str,
        loop: Loop,
        spool: Spool,
        publisher: Publisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._path = status_path(settings)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._quota = settings.collector.spool_megabytes * 1024 * 1024
        self._boot = boot
        self._loop = loop
        self._reloaded: datetime | None = None
        self._refused = ""
        self._spool = spool
        self._publisher = publisher
        self._clock = clock
        self._started = clock()
        self._due = 0.0

    def now_and_then(self) -> None:
        if monotonic() >= self._due:
            self._due = monotonic() + STATUS_EVERY
            self.write()

    def reloaded(self, refused: str) -> None:
        self._reloaded, self._refused = self._clock(), refused
        self.write()

    def write(self) -> None:
        try:
            health.write(self._path, self.status())
        except OSError as error:
            # A full disk stops the reporting, not the reading.
            log.warning("status_not_written", error=str(error))

    def status(self) -> health.Status:
        return health.Status(
            pid=os.getpid(),
            boot=self._boot,
            started=self._started,
            updated=self._clock(),
            reloaded=self._reloaded,
            refused=self._refused,
            broker_up=self._publisher.up,
            published=self._publisher.published,
            spool_depth=self._spool.depth,
            spool_bytes=self._spool.size,
            spool_quota=self._quota,
            spool_lost=self._spool.lost_total,
            ports={line.port.port: line.counters for line in self._loop.lines},
        )


def stopped_by_signals() -> AbstractContextManager[threading.Event]:
    """An event that SIGTERM and SIGINT set, for the main thread only."""
    return _set_by(signal.SIGTERM, signal.SIGINT)


def reloaded_by_signal() -> AbstractContextManager[threading.Event]:
    """An event that SIGHUP sets, for the main thread only."""
    return _set_by(signal.SIGHUP)


@contextmanager
def _set_by(*numbers: signal.Signals) -> Iterator[threading.Event]:
    event = threading.Event()
    previous = {number: signal.signal(number, lambda *_: event.set()) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
