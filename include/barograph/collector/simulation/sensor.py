"""One simulated device: what it measures at each step of its raster, whoever asks, whenever they ask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from barograph.collector.simulation.climate import (
    CABINETS,
    DAY,
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
from barograph.metrics import BY_NAME, metric
from barograph.readings import Value
from barograph.registry import Device, Port
from barograph.windows import EPOCH

NULL_EVERY = 800
"""One of this many values of the flaky sensor is its null marker."""


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
        resolution = about.resolution or 0.01
        return round(round(value / resolution) * resolution, 6)

    def _level(self, name: str, t: float) -> tuple[float, float]:
        """What is true, and how noisy the sensor is about it."""
        cabinet = CABINETS.get(self.device.kind)
        if name == "temperature":
            return (self._cabinet(t) if cabinet else self._room(t)), 0.06
        if name == "humidity":
            return self._humidity(t), 0.5
        if name == "pressure":
            return self._shop.pressure(t), 0.05
        if name == "light" and self.device.kind == "outdoor":
            return self._shop.daylight(t), 20
        if name == "light":
            return (420 + 30 * self._shop.warmth(t) if self._shop.is_open(t) else 3), 6
        if name == "co2":
            return 430 + 520 * self._shop.bustle(t), 12
        if name == "voltage":
            return 3.6 - 0.4 * (t % (4 * WEEK)) / (4 * WEEK), 0.004
        if name not in BY_NAME:
            return 20 + 2 * self._shop.warmth(t), 0.0
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
        if self.device.kind == "outdoor":
            return self._shop.outside(t)
        if self.device.kind == "dock":
            return self._shop.outside(t) + 4 + 1.5 * self._door.warmth(t)
        room = ROOMS.get(self.device.zone, OTHER_ROOM)
        slow = math.sin(t / (1.9 * DAY) + 6 * self._phase)
        return room.temperature + room.rhythm / 2 * self._shop.warmth(t) + 0.4 * slow + 0.6 * self._shop.bustle(t)

    def _humidity(self, t: float) -> float:
        slow = math.sin(t / (1.6 * DAY) + 5 * self._phase)
        if self.device.kind in CABINETS:
            return 62 + 3 * slow + 12 * self._door.warmth(t) - 4 * swing(t, CABINETS["fridge"].period, self._phase)
        if self.device.kind in ("dock", "outdoor"):
            return 68 - 10 * self._shop.warmth(t) + 6 * slow
        room = ROOMS.get(self.device.zone, OTHER_ROOM)
        return room.humidity - 3 * self._shop.warmth(t) + 5 * slow + 4 * self._shop.bustle(t)
