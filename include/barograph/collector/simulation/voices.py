"""Who speaks in a scenario: each of its devices as something that has a value at every step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from barograph.collector.formats import Format
from barograph.collector.polling import requests
from barograph.collector.rendering import Unrenderable
from barograph.collector.simulation.climate import MINUTE, Failure, Shop
from barograph.collector.simulation.playback import Recording, read_rows
from barograph.collector.simulation.scenario import KINDS, Outlet, Prepared, Simulated
from barograph.collector.simulation.sensor import Incidents, Sensor
from barograph.collector.simulation.speech import Speech
from barograph.errors import DocumentError
from barograph.metrics import BY_NAME
from barograph.readings import Value
from barograph.registry import Device, Point, Port
from barograph.windows import EPOCH

AROUND = 1000
"""Where a counter begins again."""


class Source(Protocol):
    """Sensor, Counter, Waves, Recording: a device, and its values at the steps of a raster of its own."""

    device: Device
    port: Port

    def step(self, moment: datetime) -> int:
        """The first step at or after a moment."""

    def time(self, step: int) -> datetime | None:
        """None behind the last one."""

    def values(self, step: int) -> dict[str, Value] | None:
        """None while it is silent."""


@dataclass(frozen=True)
class Voice:
    source: Source
    speech: Speech
    request: bytes | None = None
    """What it answers to, where it only speaks when it is asked."""

    @property
    def device(self) -> str:
        return self.source.device.device

    @property
    def port(self) -> Port:
        return self.source.port


class Counter(Sensor):
    """Says how often it has spoken."""

    def values(self, step: int) -> dict[str, Value] | None:
        return dict.fromkeys(self.device.points, (step - self.first) % AROUND)

    def begin(self, start: datetime) -> Counter:
        self.first = self.step(start)
        return self


class Waves(Sensor):
    """Says anything, slowly going up and down in the given ranges."""

    ranges: Mapping[str, tuple[float, float]] = {}

    def values(self, step: int) -> dict[str, Value] | None:
        t = step * self.device.cadence
        return {
            name: round(low + (high - low) * (0.5 + 0.5 * math.sin(t / (7 * MINUTE) + 6 * self._phase)), 2)
            if high - low > 1
            else low
            for name, (low, high) in self.ranges.items()
        }


def voices(prepared: Prepared, start: datetime) -> list[Voice]:
    """The devices of a scenario. Raises DocumentError for one that its format cannot say."""
    scenario = prepared.scenario
    shop = Shop(scenario.timezone)
    return [
        _voice(prepared, device, place / len(scenario.devices), shop, start)
        for place, device in enumerate(scenario.devices)
    ]


def _voice(prepared: Prepared, told: Simulated, place: float, shop: Shop, start: datetime) -> Voice:
    outlet = prepared.outlet(told)
    declared = prepared.formats[outlet.port]
    try:
        request, named = _asked(outlet, told, declared)
        speech = Speech(declared, named, told.device if outlet.poll and outlet.poll.devices else outlet.device)
        source = _source(prepared, told, named, outlet, speech, place, shop, start)
        first = source.values(source.step(start))
        if first is not None:
            speech.say(first, start)
    except Unrenderable as error:
        raise DocumentError(
            f"Device {told.device} cannot be simulated in format {outlet.format} on port {outlet.port}: {error}. "
            "Another `device` or `metrics` may help; `kind: any` says what the format has."
        ) from error
    return Voice(source, speech, request)


def _asked(outlet: Outlet, told: Simulated, declared: Format) -> tuple[bytes | None, str]:
    """The request that a device answers to, and what its frames call it: often with the address in it."""
    device = told.device
    if outlet.poll is None:
        return None, device
    for request in requests(outlet.poll):
        if request.device in (None, device):
            address = outlet.poll.devices.get(device, "")
            for name in (device, *_with(device, address)):
                if Speech(declared, name, device if request.device else outlet.device).is_heard(tuple(told.metrics)):
                    return request.said, name
            return request.said, device
    raise DocumentError(
        f"Device {device} of port {outlet.port} is never asked. `poll` has {', '.join(outlet.poll.devices)}."
    )


def _with(device: str, address: str) -> list[str]:
    try:
        return [f"{device}-{int(address, 16)}"]
    except ValueError:
        return [f"{device}-{address}"] if address else []


def _incidents(told: Simulated, start: datetime) -> Incidents:
    began = (start - EPOCH).total_seconds()
    return Incidents(tuple(Failure(began + each.at, each.length, each.tau) for each in told.fails))


def _source(
    prepared: Prepared,
    told: Simulated,
    named: str,
    outlet: Outlet,
    speech: Speech,
    place: float,
    shop: Shop,
    start: datetime,
) -> Source:
    port = outlet.as_port
    if told.csv is not None:
        rows = read_rows(prepared.folder / told.csv.file, told.csv)
        return Recording(Device(device=named, zone=told.zone, cadence=told.cadence), port, rows, start, told.csv.every)
    kind = told.kind or "any"
    wanted = tuple(told.metrics) or speech.can_say(KINDS[kind])
    ranges: Mapping[str, tuple[float, float]] = {}
    made: type[Sensor] = Sensor
    if kind == "counter":
        made, wanted = Counter, wanted or speech.can_say(("temperature",)) or tuple(speech.ranges(()))[:1]
    elif kind == "any" or not wanted:
        made, ranges = Waves, speech.ranges(tuple(told.metrics))
        wanted = tuple(ranges)
    elif not told.metrics:
        # What its frames say all the same should not be 0 hPa.
        wanted = (*wanted, *(name for name in speech.besides(wanted) if name in BY_NAME))
    device = Device(
        device=named, zone=told.zone, kind=kind, cadence=told.cadence, points={name: Point() for name in wanted}
    )  # fmt: skip
    sensor = made(device, port, prepared.scenario.seed, place, shop, _incidents(told, start))
    if isinstance(sensor, Counter):
        return sensor.begin(start)
    if isinstance(sensor, Waves):
        sensor.ranges = ranges
    return sensor
