"""Kinds that look at a period which moves with the readings: time outside, mean kinetic temperature, bad readings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from barograph.readings import FLAGS
from barograph.rules.model import FLAG_OF, SECOND, Flag, Rule

if TYPE_CHECKING:
    from barograph.rules.readings import Judged
    from barograph.rules.watches import Bound

SLOTS = 96
"""A period moves in so many steps, where sums are kept and not readings."""
ZERO = 273.15
GAS = 8.314462618e-3
"""kJ/(mol K)"""


class Cumulative(Rule):
    """Seconds within the last `period` that the value was beyond the limit: from each such reading to the next one.

    What follows a reading for longer than `gap` is known to nobody and counts for nothing.
    """

    counted: ClassVar[bool] = True

    kind: Literal["cumulative"]
    period: float = Field(ge=60, le=366 * 86_400)

    @model_validator(mode="after")
    def _possible(self) -> Cumulative:
        for level in self.every_level:
            if level.least is not None and not 0 < level.least <= self.period:
                raise ValueError(
                    f"least ({level.least:g}) must be seconds, and not more than `period` ({self.period:g})"
                )
        return self

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """Remembers the time of the reading before if it was beyond, and stretches [start, end] that were."""
        if reading.value is None:
            return memory, None
        since, stretches = memory or (None, [])
        if since is not None and reading.time - since <= point.gap:
            joins = bool(stretches) and stretches[-1][1] == since
            began = stretches[-1][0] if joins else since
            stretches = [*(stretches[:-1] if joins else stretches), [began, reading.time]]
        first = reading.time - round(self.period * SECOND)
        stretches = [[max(start, first), end] for start, end in stretches if end > first]
        outside = sum(end - start for start, end in stretches) / SECOND
        beyond = self.counts.beyond(reading.value)
        return ([reading.time if beyond else None, stretches] if beyond or stretches else None), outside


class MeanKineticTemperature(Rule):
    """The one temperature that would have done as much harm as all those of the last `period` (USP <1079>).

    Each reading stands for the time to the next one, at most `gap`. Nothing is said before half the period is known.
    """

    kind: Literal["mkt"]
    period: float = Field(ge=600, le=366 * 86_400)
    activation: float = Field(default=83.144, gt=0, le=1_000)
    """Energy of activation, kJ/mol."""
    coverage: float = Field(default=0.5, ge=0, le=1)
    """The share of the period that must be known."""

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """Remembers the reading before, and of each slot [number, seconds, weighted harm]."""
        if reading.value is None or reading.value <= -ZERO:
            return memory, None
        last, slots = memory or (None, [])
        size = round(self.period * SECOND / SLOTS)
        if last is not None:
            seconds = min(reading.time - last[0], point.gap) / SECOND
            number, harm = last[0] // size, seconds * math.exp(-self.activation / (GAS * (last[1] + ZERO)))
            if slots and slots[-1][0] == number:
                slots = [*slots[:-1], [number, slots[-1][1] + seconds, slots[-1][2] + harm]]
            else:
                slots = [*slots, [number, seconds, harm]]
        slots = [slot for slot in slots if slot[0] > reading.time // size - SLOTS]
        known = sum(slot[1] for slot in slots)
        remembered = [[reading.time, reading.value], slots]
        if not known or known < self.coverage * self.period:
            return remembered, None
        return remembered, self.activation / GAS / -math.log(sum(slot[2] for slot in slots) / known) - ZERO


class Quality(Rule):
    """The share of bad readings among those of the last `period`: 0.2 is a fifth."""

    counted: ClassVar[bool] = True
    needs_limit: ClassVar[bool] = False

    kind: Literal["quality"]
    period: float = Field(default=3_600.0, ge=60, le=31 * 86_400)
    readings: int = Field(default=10, ge=1, le=1_000_000)
    """With fewer than so many in the period, nothing is said."""
    bad: list[Flag] = Field(default=["suspect", "fail", "missing"], min_length=1)

    @model_validator(mode="after")
    def _a_share(self) -> Quality:
        for level in self.every_level:
            if level.least is not None and not 0 < level.least <= 1:
                raise ValueError(f"least ({level.least:g}) must be a share: more than 0, at most 1")
        return self

    @property
    def heeds(self) -> frozenset[int]:
        return super().heeds if self.flags else frozenset(FLAGS)

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """Remembers of each slot [number, readings, bad ones]."""
        size = round(self.period * SECOND / SLOTS)
        number, bad = reading.time // size, int(reading.flag in self._bad)
        slots = [slot for slot in memory or [] if slot[0] > number - SLOTS]
        if slots and slots[-1][0] == number:
            slots = [*slots[:-1], [number, slots[-1][1] + 1, slots[-1][2] + bad]]
        else:
            slots = [*slots, [number, 1, bad]]
        total = sum(slot[1] for slot in slots)
        return slots, (sum(slot[2] for slot in slots) / total if total >= self.readings else None)

    @property
    def _bad(self) -> frozenset[int]:
        return frozenset(FLAG_OF[word] for word in self.bad)
