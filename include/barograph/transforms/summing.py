"""What readings are summed up over: sliding windows and rollups, and whose values count. The settings say it once."""

from __future__ import annotations

from dataclasses import dataclass

from barograph.readings import GOOD, SUSPECT

PERIODS = ("minute", "hour", "day")

STATISTICS_OF = {"good": (GOOD,), "good_and_suspect": (GOOD, SUSPECT)}
"""Flags of the values that enter statistics."""

MINUTE = 60
ENOUGH = 3
"""A minute with fewer readings is no summary: rollups by minute are only made where the cadence gives as many."""


@dataclass(frozen=True)
class Summing:
    size: int = 60
    slide: int = 5
    """Seconds; `slide` divides `size`, so that every reading lies in size / slide windows."""
    rollups: tuple[str, ...] = PERIODS
    statistics_of: str = "good"

    @property
    def flags(self) -> tuple[int, ...]:
        return STATISTICS_OF[self.statistics_of]

    def shape(self, cadence: float) -> tuple[int, int]:
        """Size and slide of the windows of a device with this cadence.

        One that says nothing new in two slides has windows that slide by its cadence, or by the next part of `size`
        that is longer: every 5 s, on a sensor of 30 s, would give each window six times.
        """
        if cadence <= 2 * self.slide:
            return self.size, self.slide
        whole = max(self.slide, round(cadence))
        if whole >= self.size:
            return whole, whole
        return self.size, next(slide for slide in range(whole, self.size + 1) if self.size % slide == 0)

    def periods(self, cadence: float) -> tuple[str, ...]:
        """Which of `rollups` are made for a device with this cadence."""
        return tuple(period for period in self.rollups if period != "minute" or cadence * ENOUGH <= MINUTE)


SHIPPED = Summing()
