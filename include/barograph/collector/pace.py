"""When to go on: at once while little comes, some milliseconds apart while much does.

little   frame -> turn            frame -> turn              each is on its way at once
much     frames . . . . -> turn   frames . . . . -> turn     larger chunks, fewer wake-ups, fewer commits
"""

from __future__ import annotations

from collections import deque


class Pace:
    """While more than `often` frames a second come, turns begin some time apart. Pure: no clock in here."""

    def __init__(self, often: int) -> None:
        self._often = often
        self._came: deque[float] = deque(maxlen=often + 1)
        self._begun = float("-inf")

    def turn(self, now: float, frames: int) -> None:
        """So much was done in a turn that began then."""
        self._begun = now
        self._came.extend([now] * min(frames, self._often + 1))

    def forget(self) -> None:
        """There is more to do than can wait."""
        self._came.clear()

    def pause(self, now: float, apart: float) -> float:
        """Seconds that the next turn should wait, so that it begins `apart` seconds after the last."""
        came = self._came
        if len(came) <= self._often or now - came[0] >= 1.0:
            return 0.0
        return max(0.0, self._begun + apart - now)
