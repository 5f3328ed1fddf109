"""When to go on: at once while little comes, some milliseconds apart while much does.

    little   frame -> turn            frame -> turn              each is on its way at once
    much     frames . . . . -> turn   frames . . . . -> turn     larger chunks, fewer wake-ups, fewer commits

What is read is on disk within its turn either way.
"""

from __future__ import annotations

from collections import deque


class Pace:
    """Up to `often` turns within a second follow each other at once, more of them `apart`. Pure: no clock in here."""

    def __init__(self, often: int, apart: float) -> None:
        self._apart = apart
        self._begun: deque[float] = deque(maxlen=often)

    def turn(self, now: float) -> None:
        """Something was done in a turn that began then."""
        self._begun.append(now)

    def forget(self) -> None:
        """There is more to do than can wait."""
        self._begun.clear()

    def pause(self, now: float) -> float:
        """Seconds that the next turn should wait."""
        begun = self._begun
        if len(begun) < (begun.maxlen or 0) or now - begun[0] >= 1.0:
            return 0.0
        return max(0.0, begun[-1] + self._apart - now)
