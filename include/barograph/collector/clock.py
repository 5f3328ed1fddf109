"""The collector's clock: the machine's, but it never runs backwards.

    machine   10:00:00 ... 10:00:10, set back, 09:59:40 ...
    ours      10:00:00 ... 10:00:10            10:00:10, at 9/10 of its speed until both agree again

A clock that is set forward is followed at once: the gap is honest. One that is set back would give readings of the same
device the same times twice, and stopping would give many of them one time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from barograph.collector.events import Tell, told

STEP = 1.0
"""Seconds between two looks that are a step of the machine's clock, and not its drift."""
SLOWED = 0.9


class SteadyClock:
    """Safe to ask from several threads. `steps` counts how often the machine's clock was set."""

    def __init__(self, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._told = self._seen = wall()
        self._at = monotonic()
        self.steps = 0
        self.tell: Tell = told
        """Gets `clock_stepped`."""

    def __call__(self) -> datetime:
        with self._lock:
            wall, at = self._wall(), self._monotonic()
            passed = at - self._at
            step = (wall - self._seen).total_seconds() - passed
            self._seen, self._at = wall, at
            self._told = max(wall, self._told + timedelta(seconds=passed * SLOWED))
            now, ahead = self._told, (self._told - wall).total_seconds()
            stepped = abs(step) > STEP
            self.steps += stepped
        if stepped:
            # Whoever is told may ask what time it is.
            self.tell("clock_stepped", "warning", seconds=round(step, 3), ahead=round(ahead, 3))
        return now
