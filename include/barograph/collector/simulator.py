"""Twelve sensors of a shop that does not exist: the same for the same seed, in history and live.

history(site, window, seed)        -> frames -> publish_history -> Kafka
sensors(site, seed, failing_since) -> barograph.collector.sensors -> ptys
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from barograph.collector.climate import (
    CABINETS,
    DAY,
    HOUR,
    MINUTE,
    OTHER_ROOM,
    ROOMS,
    WEEK,
    Dice,
    Door,
    Failure,
    Shop,
    defrost,
    swing,
)
from barograph.errors import DocumentError, ServiceUnavailable
from barograph.kafka import Delivery, Message, Producer
from barograph.metrics import metric
from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, Value, encoded
from barograph.registry import Device, Port, Site
from barograph.settings import Settings
from barograph.windows import EPOCH, Window

PORTS = {"fridge": "cold-wall", "freezer": "freezers", "room": "shop-floor", "dock": "dock"}
"""Which kind of device hangs on which port of the demo site."""

LIVE_FAILURE = (5.0, 20 * MINUTE, 100.0)
"""Seconds after the start, length, tau: 8 °C is crossed within a minute, for an impatient newcomer."""
HISTORY_FAILURES = ((1 * DAY + 13 * HOUR, 70 * MINUTE), (4 * DAY + 2 * HOUR, 150 * MINUTE))
"""Each week, about: when, and how long."""
BATTERY_DEAD = (2 * DAY + 3 * HOUR, 5.5 * HOUR)
NULL_EVERY = 800
"""One of this many values of the flaky sensor is its null marker."""
MESSAGES_AT_ONCE = 50


@dataclass(frozen=True)
class Incidents:
    """What goes wrong with one device."""

    failures: tuple[Failure, ...] = ()
    weekly: tuple[Failure, ...] = ()
    silent: tuple[float, float] | None = None
    flaky: bool = False

    def excess(self, t: float, reach: float) -> float:
        begun = math.floor(t / WEEK) * WEEK
        told = sum(failure.excess(t, reach) for failure in self.failures)
        return told + sum(
            # Last week's may still be felt at the beginning of this one.
            failure.excess(t - week, reach)
            for failure in self.weekly
            for week in (begun - WEEK, begun)
        )

    def is_silent(self, t: float) -> bool:
        return self.silent is not None and 0 <= t % WEEK - self.silent[0] < self.silent[1]


class Sensor:
    """One simulated device: what it measures at the steps of its raster."""

    def __init__(self, device: Device, port: Port, seed: int, place: float, shop: Shop, incidents: Incidents) -> None:
        """`place` (0 to 1) spreads the devices over the cadence, as boards that were switched on one by one."""
        self.device = device
        self.port = port
        self._shop = shop
        self._incidents = incidents
        self._offset = place * device.cadence
        self._phase = Dice(seed, device.device, "phase").throw(0)
        self._dice = {name: Dice(seed, device.device, name) for name in (*device.points, "null")}
        self._door = Door(seed, device.device, shop, keenness=0.8 if device.kind == "fridge" else 0.35)

    def step(self, moment: datetime) -> int:
        """The first step at or after a moment."""
        return math.ceil(((moment - EPOCH).total_seconds() - self._offset) / self.device.cadence)

    def time(self, step: int) -> datetime:
        return EPOCH + timedelta(seconds=step * self.device.cadence + self._offset)

    def values(self, step: int) -> dict[str, Value] | None:
        """None while it is silent; a value is None where the sensor shows its null marker."""
        t = step * self.device.cadence + self._offset
        if self._incidents.is_silent(t):
            return None
        return {name: self._value(name, t, step) for name in self.device.points}

    def _value(self, name: str, t: float, step: int) -> Value:
        if name == "door":
            return self._door.is_open(t)
        if self._incidents.flaky and name == "temperature" and self._dice["null"].throw(step) * NULL_EVERY < 1:
            return None
        about = metric(name)
        level, noise = self._level(name, t)
        value = level + noise * self._dice[name].noise(step)
        value = min(max(value, about.valid[0]), about.valid[1])
        return round(round(value / about.resolution) * about.resolution, 6)

    def _level(self, name: str, t: float) -> tuple[float, float]:
        """What is true, and how noisy the sensor is about it."""
        cabinet = CABINETS.get(self.device.kind)
        if name == "temperature":
            return (self._cabinet(t) if cabinet else self._room(t)), 0.06
        if name == "humidity":
            return self._humidity(t), 0.5
        if name == "light":
            return (420 + 30 * self._shop.warmth(t) if self._shop.is_open(t) else 3), 6
        if name == "co2":
            return 430 + 520 * self._shop.bustle(t), 12
        if name == "voltage":
            return 3.6 - 0.4 * (t % (4 * WEEK)) / (4 * WEEK), 0.004
        low, high = metric(name).valid
        return low + (high - low) * (0.5 + 0.01 * self._shop.warmth(t)), 0.0

    def _cabinet(self, t: float) -> float:
        cabinet = CABINETS[self.device.kind]
        normal = cabinet.setpoint + 0.2 * self._shop.warmth(t) + self._phase - 0.5
        excess = self._incidents.excess(t, cabinet.ambient - cabinet.setpoint)
        # Without its compressor a cabinet does not swing; a warm one hardly feels its door.
        alive = math.exp(-excess / 2)
        moving = cabinet.swing * swing(t, cabinet.period * (0.8 + 0.4 * self._phase), self._phase)
        moving += cabinet.door_rise * min(self._door.warmth(t), 1.2)
        moving += cabinet.defrost_rise * defrost(t, self._phase)
        return normal + excess + alive * moving

    def _room(self, t: float) -> float:
        if self.device.kind == "dock":
            return self._shop.outside(t) + 4 + 1.5 * self._door.warmth(t)
        room = ROOMS.get(self.device.zone, OTHER_ROOM)
        slow = math.sin(t / (1.9 * DAY) + 6 * self._phase)
        return room.temperature + room.rhythm / 2 * self._shop.warmth(t) + 0.4 * slow + 0.6 * self._shop.bustle(t)

    def _humidity(self, t: float) -> float:
        slow = math.sin(t / (1.6 * DAY) + 5 * self._phase)
        if self.device.kind in CABINETS:
            return 62 + 3 * slow + 12 * self._door.warmth(t) - 4 * swing(t, CABINETS["fridge"].period, self._phase)
        if self.device.kind == "dock":
            return 68 - 10 * self._shop.warmth(t) + 6 * slow
        room = ROOMS.get(self.device.zone, OTHER_ROOM)
        return room.humidity - 3 * self._shop.warmth(t) + 5 * slow + 4 * self._shop.bustle(t)


def sensors(site: Site, seed: int, failing_since: datetime | None = None) -> list[Sensor]:
    """The devices of a site, simulated. The first fridge fails right after `failing_since`. Raises DocumentError."""
    shop = Shop(site.timezone)
    told = _incidents(site, seed, failing_since)
    return [
        Sensor(device, _port(site, device), seed, place / len(site.devices), shop, told.get(device.device, Incidents()))
        for place, device in enumerate(site.devices)
    ]


def history(site: Site, window: Window, seed: int) -> Iterator[Frame]:
    """All frames of a window in the order of their times. A step's number is its seq: publishing twice adds nothing."""
    made = sensors(site, seed)
    boot = f"history-{seed}"
    cadence = min(sensor.device.cadence for sensor in made)
    for begin in count():
        start = window.start + timedelta(seconds=begin * cadence)
        stretch = Window(start, start + timedelta(seconds=cadence)).clipped(window) if start < window.end else None
        if stretch is None:
            return
        due = [
            (sensor.time(step), number, step)
            for number, sensor in enumerate(made)
            for step in range(sensor.step(stretch.start), sensor.step(stretch.end))
        ]
        for moment, number, step in sorted(due):
            sensor = made[number]
            values = sensor.values(step)
            if values is not None:
                yield Frame(
                    sensor.device.device,
                    values,
                    time=moment,
                    seq=step,
                    boot=boot,
                    port=sensor.port.port,
                    historical=True,
                )


def publish_history(
    settings: Settings,
    site: Site,
    window: Window,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Send a site's history through Kafka, packed; says how many frames. Raises ServiceUnavailable.

    `progress` is called with the frames that Kafka has, and with how many there will be, about.
    """
    total = sum(int(window.length.total_seconds() / device.cadence) for device in site.devices)
    topic = settings.kafka.topics[0]
    sent = 0
    producer = Producer(settings, client_id="barograph-history")
    try:
        producer.require(topic)
        for packs in _batched(_packs(history(site, window, seed)), MESSAGES_AT_ONCE):
            outcomes = producer.deliver([Message(topic, encoded(pack), pack[0].device) for pack in packs])
            if any(outcome is not Delivery.ACKED for outcome in outcomes):
                raise ServiceUnavailable(
                    f"Kafka took only a part of the history: {sent} of about {total} frames are sure. "
                    "Publish it again: what is there already counts as duplicate."
                )
            sent += sum(len(pack) for pack in packs)
            if progress:
                progress(sent, total)
    finally:
        producer.close()
    return sent


def _packs(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Up to 500 frames of one device each; a device's frames keep their order."""
    open_packs: dict[str, list[Frame]] = {}
    for frame in frames:
        pack = open_packs.setdefault(frame.device, [])
        pack.append(frame)
        if len(pack) == MAX_FRAMES_PER_MESSAGE:
            yield open_packs.pop(frame.device)
    yield from open_packs.values()


def _batched(packs: Iterator[list[Frame]], size: int) -> Iterator[list[list[Frame]]]:
    batch: list[list[Frame]] = []
    for pack in packs:
        batch.append(pack)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _port(site: Site, device: Device) -> Port:
    for port in site.ports:
        if port.device == device.device or port.port == PORTS.get(device.kind):
            return port
    raise DocumentError(
        f"The simulator does not know on which port of site {site.site} the {device.kind} {device.device} is. "
        f"It needs one of the ports {', '.join(sorted(PORTS.values()))}, or a port with `device: {device.device}`."
    )


def _incidents(site: Site, seed: int, failing_since: datetime | None) -> dict[str, Incidents]:
    kinds: dict[str, list[str]] = {}
    for device in site.devices:
        kinds.setdefault(device.kind, []).append(device.device)
    told: dict[str, Incidents] = {}
    fridges, freezers, rooms = (kinds.get(kind, []) for kind in ("fridge", "freezer", "room"))
    dice = Dice(seed, site.site, "incidents")
    for number, (when, length) in enumerate(HISTORY_FAILURES):
        if len(fridges) > 1:
            # The first fridge is kept for the live failure.
            fails = fridges[1 + (seed + number) % (len(fridges) - 1)]
            start = when + dice.throw(number) * 5 * HOUR
            earlier = told.get(fails, Incidents()).weekly
            told[fails] = Incidents(weekly=(*earlier, Failure(start, length, tau=50 * MINUTE)))
    if fridges and failing_since is not None:
        after, length, tau = LIVE_FAILURE
        start = (failing_since - EPOCH).total_seconds() + after
        told[fridges[0]] = Incidents(failures=(Failure(start, length, tau),))
    if freezers:
        told[freezers[seed % len(freezers)]] = Incidents(flaky=True)
    if rooms:
        told[rooms[seed % len(rooms)]] = Incidents(silent=BATTERY_DEAD)
    return told
