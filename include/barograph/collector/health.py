"""What the collector says about itself: counters of each port, and a status file that others may read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

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
    state: str = "on_time"
    """Of the whole port, by the cadence of its devices: on_time, late, suspect, silent."""
    devices: dict[str, DeviceCounters] = field(default_factory=dict)
    """The registered ones that spoke here, or were expected to."""

    def device(self, name: str) -> DeviceCounters:
        known = self.devices.get(name)
        return self.devices.setdefault(name, DeviceCounters()) if known is None else known


class Status(BaseModel):
    """As in run/collector.json."""

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
    ports: dict[str, Counters]

    def running(self, now: datetime) -> bool:
        return now - self.updated < FRESH


def write(path: Path, status: Status) -> None:
    """Replace the file at once: a reader sees the old one or the new one."""
    beside = path.with_suffix(".tmp")
    beside.write_text(status.model_dump_json(indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def read(path: Path) -> Status | None:
    """None where no collector has written yet, or something else wrote there."""
    try:
        return Status.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
