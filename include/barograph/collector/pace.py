"""When the loop turns: at once while little comes, some milliseconds apart while much does.

    little   frame -> turn            frame -> turn              each is on its way at once
    much     frames . . . . -> turn   frames . . . . -> turn     larger chunks, fewer wake-ups, fewer commits

What is read is on disk within its turn either way. Times are corrected for the wire, so a saturated line keeps its own.
"""

from __future__ import annotations

import math

PAUSE = 0.05
"""Seconds from turn to turn while much comes."""
MUCH = 8_000
"""Bytes within about a second; thirty boards that say a hundred bytes each second are not much."""
HALF_FULL = 2048
"""A port that had so much to say at once may have more: a driver's buffer holds 4096 bytes."""


class Pace:
    """Pure: the clock is handed in."""

    def __init__(self) -> None:
        self._recent = 0.0
        self._at = 0.0
        self._next = 0.0

    def read(self, size: int, most: int, now: float) -> None:
        """A turn that began at `now` read so many bytes, of one port at most so many."""
        self._recent = self._recent * math.exp(self._at - now) + size
        self._at = now
        self._next = now + PAUSE if self._recent > MUCH and most < HALF_FULL else now

    def pause(self, now: float) -> float:
        """Seconds that the next turn should wait."""
        return max(0.0, self._next - now)
