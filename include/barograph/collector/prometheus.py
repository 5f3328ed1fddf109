"""The collector's status as Prometheus reads it, on loopback. Only home of prometheus_client.

    http://127.0.0.1:28064/metrics

A scrape gets what the status was within the last second; nothing is counted twice, and no frame pays for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.registry import Collector

from barograph.collector.health import Counters, Status
from barograph.collector.latency import BOUNDS
from barograph.collector.watchdog import STATES

LOOPBACK = "127.0.0.1"
PREFIX = "barograph_collector_"

PORT_COUNTERS: dict[str, tuple[str, Callable[[Counters], int | None]]] = {
    "bytes": ("Bytes read.", lambda port: port.bytes),
    "frames": ("Frames read and kept.", lambda port: port.frames),
    "readings": ("Values in these frames.", lambda port: port.readings),
    "partial_frames": ("Half frames, at the opening of the port or at its loss.", lambda port: port.partial),
    "unregistered_frames": ("Frames of devices that the registry does not have.", lambda port: port.unregistered),
    "clock_off_frames": ("Frames whose device's clock was not trusted.", lambda port: port.clock_off),
    "port_opens": ("How often the port was opened.", lambda port: port.opens),
    "port_losses": ("How often the port was lost.", lambda port: port.losses),
    "poll_timeouts": ("Requests without an answer.", lambda port: port.timeouts),
    "overruns": ("Bytes that the driver lost; absent where it does not count them.", lambda port: port.overruns),
    "line_errors": ("Bytes with a wrong stop or parity bit; absent likewise.", lambda port: port.line_errors),
}
GAUGES: dict[str, tuple[str, Callable[[Status], float | None]]] = {
    "start_time_seconds": ("When the collector was started.", lambda status: status.started.timestamp()),
    "broker_up": (
        "Whether Kafka answers; absent before the first attempt.",
        lambda status: None if status.broker_up is None else float(status.broker_up),
    ),
    "spool_frames": ("Frames and rejects that Kafka does not have yet.", lambda status: status.spool_depth),
    "spool_bytes": ("Bytes in the spool, with what is kept for a minute.", lambda status: status.spool_bytes),
    "spool_quota_bytes": ("Bytes that the spool may have.", lambda status: status.spool_quota),
    "spool_oldest_age_seconds": ("How long the oldest waiting frame has waited.", lambda status: status.spool_age),
}
COUNTERS: dict[str, tuple[str, Callable[[Status], int]]] = {
    "published": ("Frames and rejects that Kafka acknowledged.", lambda status: status.published),
    "spool_lost": ("Frames and rejects that the spool lost.", lambda status: status.spool_lost),
    "clock_steps": ("How often the machine's clock was set.", lambda status: status.clock_steps),
    "telemetry_dropped": ("Points for the bucket `operations` given up.", lambda status: status.telemetry_dropped),
}


class Endpoint:
    """Serves until it is closed. Raises OSError if the port is taken."""

    def __init__(self, port: int, status: Callable[[], Status | None]) -> None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(status))
        ProcessCollector(registry=registry)
        self._server, self._thread = start_http_server(port, LOOPBACK, registry)
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/metrics"

    def close(self) -> None:
        # Shutting down waits for the server's next look, half a second: the readings need not.
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Families(Collector):
    def __init__(self, status: Callable[[], Status | None]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        if status is not None:
            yield from families(status)


def families(status: Status) -> Iterator[Metric]:
    """All metrics, names and units as the field has them: base units, `_total` for what only grows."""
    yield InfoMetricFamily(f"{PREFIX[:-1]}", "Which collector.", {"name": status.name, "boot": status.boot})
    for name, (says, gauge) in GAUGES.items():
        known = gauge(status)
        if known is not None:
            yield GaugeMetricFamily(PREFIX + name, says, known)
    for name, (says, counter) in COUNTERS.items():
        yield CounterMetricFamily(PREFIX + name, says, counter(status))
    happened = CounterMetricFamily(f"{PREFIX}events", "What happened, as in the log.", labels=["event"])
    for event, count in status.events.items():
        happened.add_metric([event], count)
    yield happened
    buckets = [(str(bound), float(count)) for bound, count in zip((*BOUNDS, "+Inf"), status.latency.up_to, strict=True)]
    yield HistogramMetricFamily(
        f"{PREFIX}publish_latency_seconds",
        "From the spool to Kafka's acknowledgement.",
        buckets,
        status.latency.sum,
    )
    yield from _of_ports(status)
    yield from _of_devices(status)


def _of_ports(status: Status) -> Iterator[Metric]:
    for name, (says, count) in PORT_COUNTERS.items():
        family = CounterMetricFamily(PREFIX + name, says, labels=["port"])
        for port, counters in status.ports.items():
            known = count(counters)
            if known is not None:
                family.add_metric([port], known)
        yield family
    rejects = CounterMetricFamily(f"{PREFIX}rejects", "What could not be decoded.", labels=["port", "reason"])
    is_open = GaugeMetricFamily(f"{PREFIX}port_open", "Whether the port is open.", labels=["port"])
    state = StateSetMetricFamily(f"{PREFIX}port_state", "Of the whole port, by its devices' cadence.", labels=["port"])
    for port, counters in status.ports.items():
        for reason, refused in counters.rejects.items():
            rejects.add_metric([port, reason], refused)
        is_open.add_metric([port], counters.connected)
        state.add_metric([port], _states(counters.state))
    yield from (rejects, is_open, state)


def _of_devices(status: Status) -> Iterator[Metric]:
    labels = ["port", "device"]
    frames = CounterMetricFamily(f"{PREFIX}device_frames", "Frames of a registered device.", labels=labels)
    last = GaugeMetricFamily(f"{PREFIX}device_last_frame_time_seconds", "When it last spoke.", labels=labels)
    skew = GaugeMetricFamily(f"{PREFIX}clock_skew_seconds", "How far its own clock is ahead of ours.", labels=labels)
    state = StateSetMetricFamily(f"{PREFIX}device_state", "By its cadence.", labels=labels)
    for port, counters in status.ports.items():
        for device, its in counters.devices.items():
            place = [port, device]
            frames.add_metric(place, its.frames)
            if its.last_frame:
                last.add_metric(place, its.last_frame.timestamp())
            if its.skew is not None:
                skew.add_metric(place, its.skew)
            state.add_metric(place, _states(its.state))
    yield from (frames, last, skew, state)


def _states(now: str) -> dict[str, bool]:
    return {state: state == now for state in STATES}
