"""What the collector says about itself: counters of each port, and a status file that others may read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

from barograph.collector.latency import Latency

FRESH = timedelta(seconds=10)
"""An older status is of a collector that hangs or is gone."""


@dataclass(slots=True)
class DeviceCounters:
    """Of one registered device behind a port. A dataclass, as the next: they change with every frame."""

    frames: int = 0
    last_frame: datetime | None = None
    state: str = "on_time"
    """By its cadence: on_time, late, suspect, silent."""
    skew: float | None = None
    """Seconds that its own clock was ahead of ours in its last frame; None where it has none."""


@dataclass(slots=True)
class Counters:
    """Of one port, since the collector's start."""

    url: str
    connected: bool = False
    bytes: int = 0
    lines: int = 0
    partial: int = 0
    """Half lines: at the opening of the port, and at its loss."""
    frames: int = 0
    readings: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    """By reason."""
    unregistered: int = 0
    """Frames of devices that the registry doesn't have: collected all the same."""
    clock_off: int = 0
    """Frames whose device's clock was further off than `max_skew`: their time is when they came."""
    opens: int = 0
    losses: int = 0
    error: str = ""
    """Why the port is not open."""
    last_frame: datetime | None = None
    timeouts: int = 0
    """Requests without an answer, where the port is polled."""
    overruns: int | None = None
    """Bytes that the driver lost because they were not taken in time; None where it does not count them."""
    line_errors: int | None = None
    """Bytes with a wrong stop or parity bit, the same."""
    state: str = "on_time"
    """Of the whole port, by the cadence of its devices: on_time, late, suspect, silent."""
    devices: dict[str, DeviceCounters] = field(default_factory=dict)
    """The registered ones that spoke here, or were expected to."""

    def device(self, name: str) -> DeviceCounters:
        known = self.devices.get(name)
        return self.devices.setdefault(name, DeviceCounters()) if known is None else known


class Status(BaseModel):
    """As in run/collector.json."""

    name: str = ""
    """What this collector is called in metrics."""
    pid: int
    boot: str
    started: datetime
    updated: datetime
    reloaded: datetime | None = None
    """When the sites' files were last read again."""
    refused: str = ""
    """Why nothing changed then."""
    broker_up: bool | None
    published: int
    """Frames and rejects that Kafka acknowledged."""
    spool_depth: int
    """Frames and rejects that Kafka does not have yet."""
    spool_bytes: int
    spool_quota: int
    spool_lost: int
    """Frames and rejects that did not fit."""
    waiting_since: datetime | None = None
    """When the oldest frame was read that Kafka does not have yet."""
    latency: Latency = Latency()
    """From the spool to Kafka's acknowledgement; what was sent again counts with its full age."""
    latency_p50: float | None = None
    """Of the last ten seconds: within which time half of the frames were acknowledged."""
    latency_p99: float | None = None
    clock_steps: int = 0
    """How often the machine's clock was set."""
    events: Counter[str] = Counter()
    """How often each was told."""
    telemetry_dropped: int = 0
    """Points for the bucket `operations` that were given up: they are not spooled as readings are."""
    metrics: str = ""
    """Where Prometheus finds all this; empty where that is turned off, or `metrics_error` says why not."""
    metrics_error: str = ""
    ports: dict[str, Counters]

    @property
    def spool_age(self) -> float:
        """Seconds that the oldest waiting frame has waited."""
        return max(0.0, (self.updated - self.waiting_since).total_seconds()) if self.waiting_since else 0.0

    def running(self, now: datetime) -> bool:
        return now - self.updated < FRESH


def write(path: Path, status: Status | str) -> None:
    """Replace the file at once: a reader sees the old one or the new one. `status` may be its JSON."""
    beside = path.with_suffix(".tmp")
    text = status if isinstance(status, str) else status.model_dump_json(indent=2) + "\n"
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def read(path: Path) -> Status | None:
    """None where no collector has written yet, or something else wrote there."""
    try:
        return Status.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
