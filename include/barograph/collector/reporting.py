"""What the collector says of itself while it runs: status file, metrics, figures for the bucket `operations`."""

from __future__ import annotations

import os
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from barograph.collector import health, status_path, telemetry
from barograph.collector.clock import SteadyClock
from barograph.collector.events import Events
from barograph.collector.latency import Latency
from barograph.collector.loop import Loop
from barograph.collector.outbox import Outbox
from barograph.collector.publisher import Publisher
from barograph.collector.spool import Spool
from barograph.settings import Settings

if TYPE_CHECKING:
    from barograph.collector.prometheus import Endpoint

log = structlog.get_logger()

STATUS_EVERY = 1.0
FIGURES_EVERY = 10.0
SERVE_AGAIN = 60.0
"""Seconds until a port for metrics that was taken is tried again."""


class Reporter:
    """Writes the status file each second and figures every ten. Metrics are what the file says, at any time."""

    def __init__(
        self,
        settings: Settings,
        boot: str,
        loop: Loop,
        spool: Spool,
        publisher: Publisher,
        clock: SteadyClock,
        events: Events,
        outbox: Outbox,
    ) -> None:
        self._path = status_path(settings)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._name = settings.collector_name
        self._quota = settings.collector.spool_megabytes * 1024 * 1024
        self._metrics_port = settings.metrics_port
        self._boot = boot
        self._loop = loop
        self._spool = spool
        self._publisher = publisher
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._started = clock()
        self._reloaded: datetime | None = None
        self._refused = ""
        self._due = self._serve_at = 0.0
        self._figures_at = monotonic() + FIGURES_EVERY
        self._timed = Latency()
        self._recent = Latency()
        self._endpoint: Endpoint | None = None
        self._not_served = ""
        self._written = ""

    def now_and_then(self) -> None:
        now = monotonic()
        if now < self._due:
            return
        self._due = now + STATUS_EVERY
        if self._metrics_port and self._endpoint is None and now >= self._serve_at:
            self._serve_at = now + SERVE_AGAIN
            self._serve(self._metrics_port)
        if now >= self._figures_at:
            self._figures_at = now + FIGURES_EVERY
            latency = self._publisher.latency.model_copy(deep=True)
            self._recent, self._timed = latency.since(self._timed), latency
            self._outbox.figures(telemetry.figures(self.status()))
        self.write()

    def reloaded(self, refused: str) -> None:
        self._reloaded, self._refused = self._clock(), refused
        self.write()

    def close(self) -> None:
        self.write()
        if self._endpoint:
            self._endpoint.close()

    def write(self) -> None:
        self._written = self.status().model_dump_json(indent=2) + "\n"
        try:
            health.write(self._path, self._written)
        except OSError as error:
            # A full disk stops the reporting, not the reading.
            log.warning("status_not_written", error=str(error))

    def in_short(self) -> str:
        """One line for `systemctl status`."""
        ports = [line.counters for line in self._loop.lines]
        broker = {True: "answers", False: "does not answer", None: "is being asked"}[self._publisher.up]
        opened = sum(port.connected for port in ports)
        return f"{opened} of {len(ports)} ports open; Kafka {broker}; {self._spool.depth} frames spooled."

    def status(self) -> health.Status:
        return health.Status(
            name=self._name,
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
            waiting_since=self._spool.waiting_since(),
            latency=self._publisher.latency,
            latency_p50=self._recent.quantile(0.5),
            latency_p99=self._recent.quantile(0.99),
            clock_steps=self._clock.steps,
            events=self._events.counts,
            telemetry_dropped=self._outbox.dropped,
            metrics=self._endpoint.url if self._endpoint else "",
            metrics_error=self._not_served,
            ports={line.port.port: line.counters for line in self._loop.lines},
        )

    def _serve(self, port: int) -> None:
        # Where metrics are turned off, the library is not loaded.
        from barograph.collector.prometheus import Endpoint

        try:
            self._endpoint = Endpoint(port, self._last)
        except OSError as error:
            if not self._not_served:
                self._events("metrics_not_served", "error", at=f"127.0.0.1:{port}", reason=str(error))
            self._not_served = (
                f"Metrics are not served: port {port} cannot be had ({error}). "
                "collector.metrics_port in settings.yaml says which to take, 0 none."
            )
        else:
            self._not_served = ""
            log.info("metrics_served", url=self._endpoint.url)

    def _last(self) -> health.Status | None:
        """For the threads of the endpoint: a text that was written is not changed under them."""
        return health.Status.model_validate_json(self._written) if self._written else None
