"""The collector as a process: puts line, loop, spool and publisher together, and stops them in order."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import structlog

from barograph.collector.alarm_store import AlarmStore
from barograph.collector.assembly import Assembly, assembled
from barograph.collector.clock import SteadyClock
from barograph.collector.events import Events, Tell
from barograph.collector.fast import FastLane, books
from barograph.collector.line import Numbers
from barograph.collector.loop import Loop
from barograph.collector.outbox import Outbox
from barograph.collector.ports import open_port
from barograph.collector.publisher import Producer, Publisher, Topics
from barograph.collector.reporting import Reporter
from barograph.collector.simulation.live import Simulations
from barograph.collector.spool import Spool
from barograph.collector.systemd import Supervisor
from barograph.collector.telemetry import happened
from barograph.errors import DocumentError
from barograph.kafka import Producer as KafkaProducer
from barograph.settings import Settings

log = structlog.get_logger()

FLUSH = 8.0
"""Seconds for sending what is spooled when told to stop; supervisors kill after ten."""


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
    supervisor: Supervisor | None = None,
) -> None:
    """Collect the ports of one site, or of all, until `stop` is set. Raises DocumentError, WriterBusy.

    When `reload` is set, the sites' files are read again: ports that did not change are not touched, and files with a
    mistake change nothing.
    """
    supervisor = supervisor or Supervisor()
    clock = SteadyClock(clock, monotonic)
    outbox = Outbox(settings.kafka.operations)
    clock.tell = tell = Events(clock, lambda event: outbox.event(happened(event, settings.collector_name)))
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
        tell=tell,
    )
    alarms = AlarmStore(settings.path("spool", "alarms.db"))
    rules = books(settings.sites_folder, wanted.sites, alarms, tell)
    fast = FastLane(wanted.sites, rules, alarms, settings.collector_name, clock(), tell)

    def beside(producer: Producer) -> None:
        outbox.send(producer)
        fast.send(producer, settings.kafka.alarms, clock())

    publisher = Publisher(
        spool,
        connect or partial(KafkaProducer, settings, client_id="barograph-collector"),
        topics,
        clock=clock,
        beside=beside,
        tell=tell,
    )
    loop = Loop(
        wanted.lines,
        spool,
        open_port=partial(open_port, home=settings.home, simulations=Simulations(settings.sites_folder)),
        published=publisher.wake,
        clock=clock,
        reopen=settings.collector.reopen,
        cadences=wanted.cadences,
        judge=lambda: fast.turn(clock()),
        judge_in=lambda: fast.due_in(clock()),
        tell=tell,
    )
    _listen(loop, fast)
    report = Reporter(settings, boot, loop, spool, publisher, clock, tell, outbox)
    tell("collector_started", boot=boot, ports=len(wanted.lines), spooled=spool.depth)

    def every_turn() -> None:
        if reload is not None and reload.is_set():
            reload.clear()
            supervisor.reloading()
            report.reloaded(_reload(settings, loop, fast, assemble, clock(), tell))
            supervisor.ready()
        report.now_and_then()
        if publisher.alive:
            supervisor.alive(report.in_short)

    publisher.start()
    supervisor.ready()
    try:
        loop.run(stop, every_turn)
    finally:
        supervisor.stopping()
        tell("collector_stopping", boot=boot, spooled=spool.depth)
        flushed = publisher.stop(FLUSH)
        report.close()
        log.info("collector_stopped", boot=boot, published=publisher.published, left_in_spool=spool.depth)
        if flushed or not publisher.alive:
            spool.close()
            alarms.close()


def _listen(loop: Loop, fast: FastLane) -> None:
    for line in loop.lines:
        line.listener = fast.hear


def _reload(
    settings: Settings, loop: Loop, fast: FastLane, assemble: Callable[[], Assembly], now: datetime, tell: Tell
) -> str:
    """Change what was edited; says what is wrong with the files, in which case nothing changes."""
    try:
        wanted = assemble()
        changed = loop.change(wanted)
        fast.changed(wanted.sites, books(settings.sites_folder, wanted.sites, fast.store, tell), now)
        _listen(loop, fast)
    except DocumentError as error:
        tell("reload_refused", "error", reason=str(error))
        return str(error)
    tell("reloaded", **changed)
    return ""


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
