"""How long frames take from the spool to Kafka's acknowledgement, as a histogram: two additions for a record."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from pydantic import BaseModel

BOUNDS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0)
"""Seconds, upper ends; one more bucket has what took longer."""


class Latency(BaseModel):
    counts: list[int] = [0] * (len(BOUNDS) + 1)
    """Frames, by bucket."""
    sum: float = 0.0

    def took(self, seconds: float, frames: int) -> None:
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BOUNDS, seconds)] += frames
        self.sum += seconds * frames

    def since(self, before: Latency) -> Latency:
        """What came after `before`."""
        counts = [now - then for now, then in zip(self.counts, before.counts, strict=True)]
        return Latency(counts=counts, sum=self.sum - before.sum)

    @property
    def frames(self) -> int:
        return sum(self.counts)

    @property
    def up_to(self) -> Sequence[int]:
        """Frames that took no longer than each bound, and all."""
        return list(accumulate(self.counts))

    def quantile(self, share: float) -> float | None:
        """Within which time so large a share was acknowledged, linear inside a bucket; None where there was nothing."""
        wanted = share * self.frames
        below = 0
        for count, lower, upper in zip(self.counts, (0.0, *BOUNDS), (*BOUNDS, BOUNDS[-1]), strict=True):
            if count and below + count >= wanted:
                return lower + (upper - lower) * (wanted - below) / count
            below += count
        return None
