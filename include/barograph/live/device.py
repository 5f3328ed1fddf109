"""One device: its course in as many steps as there are pixels, what was doubted, its windows, its port, its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from barograph.collector import health
from barograph.collector.health import Counters, DeviceCounters
from barograph.points import Calibration
from barograph.registry import Site
from barograph.settings import Settings
from barograph.state.tables import alarms
from barograph.windows import Window

if TYPE_CHECKING:
    from barograph.influx.series import Course

PIXELS_A_STEP = 2
SPARSE = 2
"""Readings a step: with fewer, each reading is drawn itself."""

FRAMES = timedelta(minutes=10)
MOST_FRAMES = 60
MOST_DOUBTED = 50
MOST_ALARMS = 50


def step_of(window: Window, pixels: int, cadence: float) -> timedelta:
    """How long a step is where so many pixels show a window; zero: every reading is drawn."""
    seconds = window.length.total_seconds() * PIXELS_A_STEP / max(1, pixels)
    return timedelta(0) if seconds < SPARSE * cadence else timedelta(seconds=max(1, round(seconds)))


def course(
    settings: Settings, site: str, device: str, metric: str, window: Window, pixels: int, cadence: float
) -> Course:
    """Raises ServiceUnavailable."""
    from barograph.influx import series

    return series.course(settings, site, device, metric, window, step_of(window, pixels, cadence))


@dataclass(frozen=True)
class Doubt:
    time: datetime
    metric: str
    reasons: str


def doubted(settings: Settings, site: str, device: str, window: Window) -> list[Doubt]:
    """Readings that a test of quality doubts, newest first. Raises ServiceUnavailable."""
    from barograph.influx import series

    return [Doubt(*each) for each in series.doubted(settings, site, device, window, MOST_DOUBTED)]


def windows(settings: Settings, site: str, device: str, at: datetime) -> dict[str, dict[str, Any]]:
    """The latest sliding window of each metric. Raises ServiceUnavailable."""
    from barograph.influx import series

    reach = timedelta(hours=6)
    return series.last_windows(settings, site, device, Window(at - reach, at + timedelta(minutes=1)))


@dataclass(frozen=True)
class AlarmSpan:
    metric: str
    severity: str
    message: str
    start: datetime
    end: datetime | None
    state: str


def alarm_spans(engine: Engine, device: str, window: Window) -> list[AlarmSpan]:
    """Alarms of a device that were open at some time of the window, newest first."""
    wanted = (
        select(alarms)
        .where(
            alarms.c.device == device,
            alarms.c.state.in_(("open", "cleared")),
            alarms.c.started < window.end,
            alarms.c.cleared.is_(None) | (alarms.c.cleared >= window.start),
        )
        .order_by(alarms.c.started.desc())
        .limit(MOST_ALARMS)
    )
    with engine.connect() as connection:
        rows = connection.execute(wanted).all()
    return [
        AlarmSpan(row.metric, row.severity, row.message or row.rule, row.started, row.cleared, row.state)
        for row in rows
    ]


@dataclass(frozen=True)
class AtPort:
    """Where a device is plugged in, as the collector of this machine has it."""

    name: str
    port: Counters
    device: DeviceCounters
    running: bool


def port_of(status_file: Path, device: str, at: datetime) -> AtPort | None:
    """None where no collector on this machine knows the device."""
    status = health.read(status_file)
    for name, port in status.ports.items() if status else ():
        if device in port.devices:
            return AtPort(name, port, port.devices[device], bool(status and status.running(at)))
    return None


def frames(settings: Settings, device: str, at: datetime) -> list[dict[str, Any]]:
    """What the device said in the last minutes, frame by frame as it is in the record, newest first."""
    from barograph.archive import Archive

    rows = Archive.of(settings).said_by(device, Window(at - FRAMES, at + timedelta(minutes=1)))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows.to_pylist():
        place = (row["topic"], row["partition"], row["offset"], row["frame"])
        frame = found.setdefault(place, {**row, "values": {}})
        frame["values"][row["metric"]] = row["value"]
    return sorted(found.values(), key=lambda frame: frame["time"], reverse=True)[:MOST_FRAMES]


@dataclass(frozen=True)
class InForce:
    """A calibration, and whether it is the one that counts now."""

    metric: str
    since: datetime
    form: str
    now: bool


def calibrations(site: Site, device: str, at: datetime) -> list[InForce]:
    """Of all measuring points of a device, the newest first."""
    found: list[InForce] = []
    told = site.device(device)
    zone = ZoneInfo(site.timezone)
    for metric, point in told.points.items() if told else ():
        times = [each.moment(zone) for each in point.calibration]
        current = max((time for time in times if time <= at), default=None)
        known = zip(point.calibration, times, strict=True)
        found += [InForce(metric, time, form(each), time == current) for each, time in known]
    return sorted(found, key=lambda each: each.since, reverse=True)


def form(calibration: Calibration) -> str:
    """As a person would write it: `1.02 · raw + 0.3`."""
    if calibration.points is not None:
        return f"through {len(calibration.points)} reference readings"
    if calibration.polynomial is not None:
        return " + ".join(_term(factor, power) for power, factor in enumerate(calibration.polynomial) if factor) or "0"
    gain = 1.0 if calibration.gain is None else calibration.gain
    offset = calibration.offset or 0.0
    return f"{gain:g} · raw {'−' if offset < 0 else '+'} {abs(offset):g}"


def _term(factor: float, power: int) -> str:
    return f"{factor:g}" if power == 0 else f"{factor:g} · raw{'' if power == 1 else f'^{power}'}"


def spans_of(spans: Sequence[AlarmSpan], metric: str) -> list[AlarmSpan]:
    return [span for span in spans if span.metric == metric]
