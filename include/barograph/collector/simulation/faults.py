"""What can go wrong with a device or its wire, each as it is written in a scenario. To add one, add a class here.

A fault is in force in spells: from `at` on, for `for` seconds, again `every` so many. Chance is a die of the seed.

values   stuck, drift, spike, power_on      what the sensor says is wrong, and the frame is whole
clock    clock_skew, clock_step             what the device's own clock says
bytes    half, noise, wrong_baud            the frame is damaged on its way
order    duplicate, reorder                 whole frames, twice or too late
absence  silence, babble, unplug            no frame at all
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from barograph.collector.simulation.climate import Dice
from barograph.collector.simulation.wire import heard_at, with_noise
from barograph.readings import Value
from barograph.registry import Name, Slug, Strict

Values = Mapping[str, Value]

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def _seconds(given: object) -> object:
    """`90`, `90s`, `1.5m`, `2h`, `1d`."""
    if isinstance(given, bool):
        raise ValueError("must be a time such as 90, 90s, 5m, 2h or 1d")
    if not isinstance(given, str):
        return given
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", given.strip())
    if not found:
        raise ValueError("must be a time such as 90, 90s, 5m, 2h or 1d")
    return float(found[1]) * UNITS[found[2]]


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=400 * 86_400, allow_inf_nan=False)]
"""A number of seconds, or `90s`, `5m`, `2h`, `1d`."""
Some = Annotated[Seconds, Field(gt=0)]
Chance = Annotated[float, Field(gt=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Spells(Strict):
    """Who has it, and when. Without `for` it lasts; without `device` and `port` everybody has it."""

    at: Seconds = 0.0
    """Since the scenario's start."""
    length: Some | None = Field(default=None, alias="for")
    every: Some | None = None
    device: Name | None = None
    port: Slug | None = None

    @model_validator(mode="after")
    def _ends(self) -> Spells:
        if self.every is not None and (self.length is None or self.length >= self.every):
            raise ValueError("`every` needs a `for` that is shorter: how long each time")
        return self

    def begun(self, t: float) -> float | None:
        """When the spell began that is in force at `t` seconds; None if none is."""
        since = t - self.at
        if since < 0:
            return None
        begin = self.at + (since // self.every * self.every if self.every else 0.0)
        return begin if self.length is None or t - begin < self.length else None

    def concerns(self, device: str, port: str) -> bool:
        return self.device in (None, device) and self.port in (None, port)


class ValueFault(Spells):
    """The frame is whole, and what it says is wrong."""

    metric: Name | None = None
    """Which value; the temperature, or the first one, unless said."""

    def bent(self, value: float, since: float, throw: float) -> float:
        """The value `since` seconds after the spell began; `throw` is even between 0 and 1."""
        raise NotImplementedError

    def chosen(self, values: Values) -> str | None:
        usual = "temperature" if "temperature" in values else next(iter(values), None)
        name = self.metric or usual
        return name if name is not None and isinstance(values.get(name), int | float) else None


class Stuck(ValueFault):
    """The value of the spell's beginning, again and again: a loose wire, a hanging converter."""

    fault: Literal["stuck"]

    def bent(self, value: float, since: float, throw: float) -> float:
        return value  # the script hands in that of the spell's beginning


class Drift(ValueFault):
    """Further off with every hour: an old humidity sensor."""

    fault: Literal["drift"]
    per_hour: Number

    def bent(self, value: float, since: float, throw: float) -> float:
        return value + self.per_hour * since / 3600


class Spike(ValueFault):
    """Off by so much, now and then, up or down: a motor starts beside the cable."""

    fault: Literal["spike"]
    by: Number
    chance: Chance = 0.05

    def bent(self, value: float, since: float, throw: float) -> float:
        if throw >= self.chance:
            return value
        return value + (self.by if throw < self.chance / 2 else -self.by)


class PowerOn(ValueFault):
    """What the sensor says before it has measured: 85.0 of a DS18B20."""

    fault: Literal["power_on"]
    value: Number = 85.0

    def bent(self, value: float, since: float, throw: float) -> float:
        return self.value


class ClockFault(Spells):
    def ahead(self, since: float) -> float:
        """Seconds that the device's clock is ahead."""
        raise NotImplementedError


class ClockSkew(ClockFault):
    """A clock that runs too fast or too slow, by parts per million: 20 is a good quartz, 500 a bad one."""

    fault: Literal["clock_skew"]
    ppm: Number

    def ahead(self, since: float) -> float:
        return since * self.ppm / 1e6


class ClockStep(ClockFault):
    """A clock that was set: ahead (3600) or back (-3600), as summer time does."""

    fault: Literal["clock_step"]
    seconds: Number

    def ahead(self, since: float) -> float:
        return self.seconds


class ByteFault(Spells):
    """The frame is damaged on its way."""

    def damaged(self, said: bytes, dice: Dice, baud: int) -> bytes:
        raise NotImplementedError


class Half(ByteFault):
    """A part of the frame: its head without the end, or its tail without the beginning."""

    fault: Literal["half"]
    keep: Literal["head", "tail"] = "head"
    chance: Chance = 1.0

    def damaged(self, said: bytes, dice: Dice, baud: int) -> bytes:
        if dice.throw(0) >= self.chance or len(said) < 2:
            return said
        cut = 1 + math.floor(dice.throw(1) * (len(said) - 1))
        return said[:cut] if self.keep == "head" else said[cut:]


class Noise(ByteFault):
    """Each bit is turned round with this probability: a long cable beside a motor. 1e-3 damages most frames."""

    fault: Literal["noise"]
    rate: Chance

    def damaged(self, said: bytes, dice: Dice, baud: int) -> bytes:
        return with_noise(said, self.rate, dice)


class WrongBaud(ByteFault):
    """The device speaks at another rate than its port listens: what a UART makes of that, bit by bit."""

    fault: Literal["wrong_baud"]
    baud: int = Field(ge=50, le=4_000_000)

    def damaged(self, said: bytes, dice: Dice, baud: int) -> bytes:
        return heard_at(said, self.baud, baud)


class OrderFault(Spells):
    chance: Chance = 1.0


class Duplicate(OrderFault):
    """The frame is said again at once: some boards do, after a brown-out."""

    fault: Literal["duplicate"]


class Reorder(OrderFault):
    """The frame comes behind the next one: a radio receiver that tries again."""

    fault: Literal["reorder"]


class Absence(Spells):
    pass


class Silence(Absence):
    """Nothing is said: an empty battery."""

    fault: Literal["silence"]


class Babble(Absence):
    """Random bytes instead of frames: a board whose supply is too low to think."""

    fault: Literal["babble"]
    longest: int = Field(default=60, ge=1, le=4096)
    """Bytes at a time, at most."""


class Unplug(Absence):
    """The port is gone, and comes back after `for` under another name of the system."""

    fault: Literal["unplug"]
    name: str | None = Field(default=None, alias="as", min_length=1, max_length=200)
    """The name of its link from then on, where it has one; the same unless said."""

    @model_validator(mode="after")
    def _comes_back(self) -> Unplug:
        if self.length is None:
            raise ValueError("needs a `for`: after how long it is plugged in again")
        if self.device is not None:
            raise ValueError("is of a `port`, with all devices behind it")
        return self


Fault = Annotated[
    Stuck | Drift | Spike | PowerOn | ClockSkew | ClockStep | Half | Noise | WrongBaud
    | Duplicate | Reorder | Silence | Babble | Unplug,
    Field(discriminator="fault"),
]  # fmt: skip

FAULTS: dict[str, type[Spells]] = {
    str(model.model_fields["fault"].annotation.__args__[0]): model  # type: ignore[union-attr]
    for model in (
        Stuck, Drift, Spike, PowerOn, ClockSkew, ClockStep, Half, Noise, WrongBaud,
        Duplicate, Reorder, Silence, Babble, Unplug,
    )
}  # fmt: skip
