"""Deviation from what is expected: a set point, another metric of the device, or the neighbours in its zone."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from barograph.registry import Name
from barograph.rules.model import SECOND, Rule

if TYPE_CHECKING:
    from barograph.rules.readings import Judged
    from barograph.rules.watches import Bound


class Deviation(Rule):
    """The value less a reference: `neighbours` (their median), a number, or a metric of the same device."""

    kind: Literal["deviation"]
    reference: float | Name
    fresh: float = Field(default=300.0, gt=0, le=86_400)
    """Seconds that a reading of the reference may be old; with older ones nothing is said."""
    neighbours: int = Field(default=2, ge=1, le=1_000)
    """With fewer neighbours nothing is said."""

    def other_inputs(self, point: Bound) -> Iterable[tuple[str, str]]:
        if self.reference == "neighbours":
            return [(device, self.metric) for device in point.neighbours]
        return [(point.device, self.reference)] if isinstance(self.reference, str) else []

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """Remembers the last reading of each reference: {device: [time, value]}."""
        if reading.value is None:
            return memory, None
        if isinstance(self.reference, float):
            return None, reading.value - self.reference
        oldest = reading.time - round(self.fresh * SECOND)
        others = {device: told for device, told in (memory or {}).items() if told[0] >= oldest}
        if (reading.device, reading.metric) != (point.device, self.metric):
            return others | {reading.device: [reading.time, reading.value]}, None
        wanted = self.neighbours if self.reference == "neighbours" else 1
        if len(others) < wanted:
            return others, None
        return others, reading.value - median(value for _, value in others.values())
