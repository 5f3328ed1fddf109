"""The collector as a process: puts line, loop, spool and publisher together, and stops them in order."""

from __future__ import annotations

import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import structlog

from barograph.collector import health, status_path
from barograph.collector.formats import read_format
from barograph.collector.line import Line, Numbers
from barograph.collector.loop import Loop
from barograph.collector.ports import open_port
from barograph.collector.publisher import Producer, Publisher, Topics
from barograph.collector.spool import Spool
from barograph.errors import DocumentError
from barograph.kafka import Producer as KafkaProducer
from barograph.registry import read_sites
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
) -> None:
    """Collect the ports of one site, or of all, until `stop` is set. Raises DocumentError, WriterBusy."""
    boot = secrets.token_hex(4)
    topics = Topics(settings.kafka.topics[0], settings.kafka.rejects)
    lines = lines_of(settings, site, boot, topics)
    spool = Spool(
        settings.path("spool", "collector.db"),
        quota=settings.collector.spool_megabytes * 1024 * 1024,
        keep_acked=settings.collector.keep_acked,
    )
    publisher = Publisher(spool, connect or partial(KafkaProducer, settings, client_id="barograph-collector"), topics)
    loop = Loop(
        lines,
        spool,
        open_port=partial(open_port, home=settings.home),
        published=publisher.wake,
        clock=clock,
        reopen=settings.collector.reopen,
    )
    report = Reporter(settings, boot, lines, spool, publisher, clock)
    log.info("collector_started", boot=boot, ports=len(lines), spooled=spool.depth)

    publisher.start()
    try:
        loop.run(stop, report.now_and_then)
    finally:
        flushed = publisher.stop(FLUSH)
        report.write()
        log.info("collector_stopped", boot=boot, published=publisher.published, left_in_spool=spool.depth)
        if flushed or not publisher.alive:
            spool.close()


def lines_of(settings: Settings, name: str | None, boot: str, topics: Topics) -> list[Line]:
    """A line for each port of a site, or of all. Raises DocumentError for whatever is wrong in their files."""
    folders = sorted(path.parent for path in settings.sites_folder.glob("*/site.yaml"))
    sites = read_sites(settings.sites_folder)
    chosen = [(folder, site) for folder, site in zip(folders, sites, strict=True) if name in (None, site.site)]
    if not chosen:
        raise DocumentError(f"There is no site {name}. Sites here: {', '.join(site.site for site in sites)}.")
    numbers = Numbers(frozenset(device.device for _, site in chosen for device in site.devices))
    lines: list[Line] = []
    for folder, site in chosen:
        for port in site.ports:
            if any(line.port.port == port.port for line in lines):
                raise DocumentError(f"Two sites have a port {port.port}: rename one, or collect one site alone.")
            lines.append(Line(port, read_format(folder, port.format), boot, topics, numbers))
    if not lines:
        raise DocumentError(f"No site in {settings.sites_folder} has a port. Add `ports:` to a site.yaml.")
    return lines


class Reporter:
    """Writes the status file each second."""

    def __init__(
        self,
        settings: Settings,
        boot: str,
        lines: list[Line],
        spool: Spool,
        publisher: Publisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._path = status_path(settings)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._quota = settings.collector.spool_megabytes * 1024 * 1024
        self._boot = boot
        self._lines = lines
        self._spool = spool
        self._publisher = publisher
        self._clock = clock
        self._started = clock()
        self._due = 0.0

    def now_and_then(self) -> None:
        if monotonic() >= self._due:
            self._due = monotonic() + STATUS_EVERY
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
            broker_up=self._publisher.up,
            published=self._publisher.published,
            spool_depth=self._spool.depth,
            spool_bytes=self._spool.size,
            spool_quota=self._quota,
            spool_lost=self._spool.lost_total,
            ports={line.port.port: line.counters for line in self._lines},
        )


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, for the main thread only."""
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
