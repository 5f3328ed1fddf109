"""The collector's figures and events as points, and points as messages of the topic `operations`. Pure.

[{"time":"2026-11-22T08:00:10.000000Z","measurement":"ports",
  "tags":{"collector":"till-2","port":"cold-wall"},"fields":{"bytes":48210,"frames":1205,"connected":true}}, ...]

Counters are since the collector's start, as Prometheus has them. The server's half is ingest/operations.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from math import isfinite
from typing import Any

from barograph.collector.events import Event
from barograph.collector.health import Counters, DeviceCounters, Status
from barograph.logs import printable
from barograph.windows import iso

Point = dict[str, Any]

MOST_POINTS = 250
"""In one message: some 50 kB."""
LONGEST = 500
"""Characters of a text; what is longer is cut."""

TAGS = ("port", "device")
"""Facts of an event that say where it happened; the others are its fields."""
PORT = (
    "connected", "bytes", "frames", "readings", "partial", "unregistered", "clock_off", "opens", "losses", "timeouts",
    "overruns", "line_errors",
)  # fmt: skip
COLLECTOR = (
    "broker_up", "published", "spool_depth", "spool_bytes", "spool_lost", "latency_p50", "latency_p99", "clock_steps",
    "telemetry_dropped",
)  # fmt: skip


def figures(status: Status) -> Iterator[Point]:
    """All that the status says, as points of its own time."""
    own = _taken(status, COLLECTOR) | {"spool_age": status.spool_age, "ports": len(status.ports), "boot": status.boot}
    yield _point(status.updated, "collector", {"collector": status.name}, own)
    for name, port in status.ports.items():
        tags = {"collector": status.name, "port": name}
        yield _point(status.updated, "ports", tags, {**_taken(port, PORT), "state": _state(port)})
        for reason, count in port.rejects.items():
            yield _point(status.updated, "rejects", {**tags, "reason": reason}, {"count": count})
        for device, its in port.devices.items():
            yield _point(status.updated, "devices", {**tags, "device": device}, _of_device(its, status.updated))


def happened(event: Event, collector: str) -> Point:
    """An event as a point of measurement `events`; facts that are no numbers become texts."""
    tags = {"collector": collector, "event": event.name, "level": event.level}
    tags |= {name: str(event.facts[name]) for name in TAGS if event.facts.get(name)}
    fields = {name: fact for name, fact in event.facts.items() if name not in TAGS}
    # A point needs a field, and an event may have no facts.
    return _point(event.time, "events", tags, {"count": 1, **fields})


def messages(points: Iterable[Point]) -> Iterator[bytes]:
    """As they travel: arrays of points."""
    waiting = list(points)
    for start in range(0, len(waiting), MOST_POINTS):
        yield json.dumps(waiting[start : start + MOST_POINTS], separators=(",", ":"), allow_nan=False).encode()


def _of_device(its: DeviceCounters, now: datetime) -> dict[str, object]:
    silent = (now - its.last_frame).total_seconds() if its.last_frame else None
    return {"frames": its.frames, "state": its.state, "skew": its.skew, "silent": silent}


def _state(port: Counters) -> str:
    return port.state if port.connected else "closed"


def _taken(told: Status | Counters, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(told, name) for name in names}


def _point(time: datetime, measurement: str, tags: dict[str, str], fields: dict[str, object]) -> Point:
    """What is not known is left out, and what is no number though it should be one."""
    known = {name: _plain(value) for name, value in fields.items() if value is not None and not _is_nan(value)}
    return {"time": iso(time), "measurement": measurement, "tags": tags, "fields": known}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and not isfinite(value)


def _plain(value: object) -> object:
    """Numbers as they are; of anything else a line, since InfluxDB's lines have no line ends in them."""
    if isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else ", ".join(value) if isinstance(value, list) else str(value)
    return printable(" ".join(text.split()))[:LONGEST]
