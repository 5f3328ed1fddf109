"""The weather inside a simulated shop: a pure function of (device, seed, time), so that history and live join.

Nothing is integrated step by step: each influence is a formula of the time since it began.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

MASK = (1 << 64) - 1
ROOT_OF_3 = math.sqrt(3.0)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
WEEK = 7 * DAY
OPENING = (8.0, 20.0)
SUNDAY = 6

DOOR_SLOT = 10 * MINUTE
"""A door is opened at most once in each of these."""
DOOR_MEMORY = 6
"""Slots back that a cabinet still feels an opening."""
DEFROST_EVERY, DEFROST_LENGTH = 8 * HOUR, 15 * MINUTE


class Dice:
    """Random numbers without a state: the n-th throw of one device's die is always the same."""

    def __init__(self, *about: object) -> None:
        digest = hashlib.blake2b("/".join(map(str, about)).encode(), digest_size=8).digest()
        self._key = int.from_bytes(digest, "big")

    def throw(self, n: int) -> float:
        """Even between 0 and 1."""
        return self._bits(n) / (MASK + 1)

    def noise(self, n: int) -> float:
        """About normal, with deviation 1."""
        bits = self._bits(n)
        four = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
        return (four / 0xFFFF - 2.0) * ROOT_OF_3

    def _bits(self, n: int) -> int:
        mixed = (self._key + n * 0x9E3779B97F4A7C15) & MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)


@dataclass(frozen=True)
class Failure:
    """A compressor that does nothing from `start` on for `length` seconds; `tau` is how fast it gets warm."""

    start: float
    length: float
    tau: float

    def excess(self, t: float, reach: float) -> float:
        """Degrees above what was, on the way up to `reach` and, once repaired, down again."""
        since = t - self.start
        if since <= 0:
            return 0.0
        up = reach * (1 - math.exp(-min(since, self.length) / self.tau))
        return up * math.exp(-max(0.0, since - self.length) / (20 * MINUTE))


@dataclass(frozen=True)
class Cabinet:
    """A fridge or freezer: what it is set to, and how it swings around that."""

    setpoint: float
    swing: float
    period: float
    door_rise: float
    ambient: float = 21.0
    defrost_rise: float = 0.0


CABINETS = {
    "fridge": Cabinet(setpoint=4.0, swing=0.8, period=25 * MINUTE, door_rise=2.2),
    "freezer": Cabinet(setpoint=-19.5, swing=0.7, period=35 * MINUTE, door_rise=2.5, defrost_rise=6.0),
}


@dataclass(frozen=True)
class Room:
    temperature: float
    humidity: float
    rhythm: float
    """Degrees between the coolest and the warmest hour."""


ROOMS = {
    "sales": Room(20.5, 45, 2.0),
    "storage": Room(17.0, 58, 1.2),
    "office": Room(21.5, 42, 2.5),
    "kitchen": Room(23.0, 52, 3.5),
}
OTHER_ROOM = Room(20.0, 50, 2.0)


class Shop:
    """The local hour, whether people are in, and how it is outside."""

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._offset = lru_cache(maxsize=64)(self._offset_of_hour)

    def hour(self, t: float) -> float:
        return (t + self._offset(int(t // HOUR))) % DAY / HOUR

    def is_open(self, t: float) -> bool:
        # 1 January 1970 was a Thursday.
        weekday = (int((t + self._offset(int(t // HOUR))) // DAY) + 3) % 7
        return weekday != SUNDAY and OPENING[0] <= self.hour(t) < OPENING[1]

    def bustle(self, t: float) -> float:
        """How busy it is: 0 closed to 1 in the late afternoon, without jumps."""
        if not self.is_open(t):
            return 0.0
        through = (self.hour(t) - OPENING[0]) / (OPENING[1] - OPENING[0])
        return math.pow(math.sin(math.pi * through), 0.7) * (0.6 + 0.4 * through)

    def warmth(self, t: float) -> float:
        """The day's rhythm: -1 in the early morning, 1 in the afternoon."""
        return math.cos((self.hour(t) - 15.0) / 24.0 * 2 * math.pi)

    def outside(self, t: float) -> float:
        season = -math.cos((t / DAY % 365.25 - 20) / 365.25 * 2 * math.pi)
        weather = math.sin(t / (2.7 * DAY)) + math.sin(t / (1.1 * DAY) + 1)
        return 10 + 9 * season + 3 * self.warmth(t) + 1.5 * weather

    def pressure(self, t: float) -> float:
        return 1013 + 9 * math.sin(t / (2.9 * DAY)) + 4 * math.sin(t / (0.9 * DAY) + 2)

    def daylight(self, t: float) -> float:
        """Lux under the sky."""
        season = -math.cos((t / DAY % 365.25 - 10) / 365.25 * 2 * math.pi)
        height = math.cos((self.hour(t) - 12.5) / 24 * 2 * math.pi) + 0.35 * season
        return max(0.0, height) * 40_000

    def _offset_of_hour(self, hour: int) -> float:
        local = datetime.fromtimestamp(hour * HOUR, UTC).astimezone(self._zone).utcoffset()
        return local.total_seconds() if local else 0.0


class Door:
    """Opened by customers in opening hours, at random but repeatable moments."""

    def __init__(self, seed: int, device: str, shop: Shop, keenness: float) -> None:
        self._dice = Dice(seed, device, "door")
        self._shop = shop
        self._keenness = keenness
        self.opening = lru_cache(maxsize=64)(self._opening)

    def is_open(self, t: float) -> bool:
        opened = self.opening(int(t // DOOR_SLOT))
        return opened is not None and opened[0] <= t < opened[0] + opened[1]

    def warmth(self, t: float) -> float:
        """0 for long closed, towards 1 while open; the cold comes back within some minutes."""
        slot = int(t // DOOR_SLOT)
        felt = 0.0
        for each in range(slot - DOOR_MEMORY, slot + 1):
            opened = self.opening(each)
            if opened is None or t <= opened[0]:
                continue
            since = t - opened[0]
            entered = 1 - math.exp(-min(since, opened[1]) / 25)
            felt += entered * math.exp(-max(0.0, since - opened[1]) / (7 * MINUTE))
        return felt

    def _opening(self, slot: int) -> tuple[float, float] | None:
        begin = slot * DOOR_SLOT
        if self._dice.throw(4 * slot) >= self._keenness * self._shop.bustle(begin):
            return None
        start = begin + self._dice.throw(4 * slot + 1) * (DOOR_SLOT - MINUTE)
        return start, 10 + 40 * self._dice.throw(4 * slot + 2)


def swing(t: float, period: float, phase: float) -> float:
    """A compressor's saw: 40 % of the time cooling from 1 to -1, then slowly warm again."""
    place = (t / period + phase) % 1.0
    return 1 - 5 * place if place < 0.4 else -1 + (place - 0.4) / 0.3


def defrost(t: float, phase: float) -> float:
    """0, to 1 at the end of a defrost cycle, and back."""
    since = (t + phase * DEFROST_EVERY) % DEFROST_EVERY
    if since < DEFROST_LENGTH:
        return since / DEFROST_LENGTH
    return math.exp(-(since - DEFROST_LENGTH) / (8 * MINUTE))
