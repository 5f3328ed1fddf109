"""Kinds that look at the last few readings: so many of the last ones beyond a limit, and how fast the value changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from barograph.rules.model import SECOND, Rule

if TYPE_CHECKING:
    from barograph.rules.readings import Judged
    from barograph.rules.watches import Bound

KEPT = 32
"""Readings that are remembered of the time over which a rate is looked at; those between are passed over."""


class CountOfLast(Rule):
    """How many of the last `of` readings are beyond the limit: `least: 3, of: 5`."""

    counted: ClassVar[bool] = True

    kind: Literal["n_of_m"]
    of: int = Field(ge=2, le=1_000)

    @model_validator(mode="after")
    def _enough(self) -> CountOfLast:
        for level in self.every_level:
            if level.least is not None and not 1 <= level.least <= self.of:
                raise ValueError(f"least ({level.least:g}) must be 1 to `of` ({self.of})")
        return self

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        if reading.value is None:
            return memory, None
        last = [*(memory or []), int(self.counts.beyond(reading.value))][-self.of :]
        # Nothing beyond the limit is nothing to remember.
        return (last if any(last) else None), float(sum(last))


class Rate(Rule):
    """The change per minute, from the first reading within the last `over` seconds to this one."""

    kind: Literal["rate"]
    over: float = Field(default=300.0, ge=1, le=86_400)

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        if reading.value is None:
            return memory, None
        over = round(self.over * SECOND)
        kept = [each for each in memory or [] if each[0] >= reading.time - over]
        rate = None
        # Over less than half the time, noise would be taken for change.
        if kept and reading.time - kept[0][0] >= over // 2:
            rate = (reading.value - kept[0][1]) / (reading.time - kept[0][0]) * 60 * SECOND
        if not kept or reading.time - kept[-1][0] >= over // KEPT:
            kept = [*kept, [reading.time, reading.value]]
        return kept, rate
