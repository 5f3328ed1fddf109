"""Who is silent: from the registry's cadence, of each device and of the port behind it. Pure: the clock is handed in.

    frames   |    |    |                                   cadence 10 s
    state    on time........late......suspect.....silent   after 1.5, 3 and 6 times the cadence

A port is as late as the most punctual of its devices: when one of four speaks, the other three are silent themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LATE, SUSPECT, SILENT = 1.5, 3.0, 6.0
"""Times the cadence."""
STIR = (60.0, 3600.0)
"""Seconds from the first to the second attempt to end a silence, and, doubling, at most."""
STATES = ("on_time", "late", "suspect", "silent")


@dataclass(frozen=True)
class Change:
    """Something went from one state to another."""

    port: str
    device: str | None
    """None: the whole port."""
    state: str
    before: str
    seconds: float
    """Since its last frame, or since the watch began."""


class Watchdog:
    """Watches the devices of one port; `heard` tells of a frame, `changes` says what became of whom.

    Which devices are behind a port shows when they speak: one that never did is watched by `expected`.
    """

    def __init__(self, port: str, cadences: Mapping[str, float], now: float, expected: Sequence[str] = ()) -> None:
        """`cadences` are those of all devices of the registry, in seconds."""
        self._port = port
        self._cadences = cadences
        self._last: dict[str, float] = {device: now for device in expected if device in cadences}
        self._states: dict[str | None, str] = {}
        self._stir_at = 0.0
        self._pause = 0.0

    def register(self, cadences: Mapping[str, float]) -> None:
        """The registry was edited: who is no longer in it is no longer watched."""
        self._cadences = cadences
        self._last = {device: last for device, last in self._last.items() if device in cadences}

    def heard(self, device: str, now: float) -> None:
        if device in self._cadences:
            self._last[device] = now

    def state(self, device: str | None) -> str:
        """Of a device, or of the whole port."""
        return self._states.get(device, STATES[0])

    def stirs(self, now: float) -> bool:
        """Whether to do now what may end the port's silence: once when it begins, then with growing pauses."""
        if self.state(None) != "silent":
            self._pause = 0.0
            return False
        if self._pause and now < self._stir_at:
            return False
        self._pause = min(self._pause * 2, STIR[1]) if self._pause else STIR[0]
        self._stir_at = now + self._pause
        return True

    def changes(self, now: float) -> Iterator[Change]:
        """What is no longer as it was when this was last asked."""
        lateness = {device: (now - last) / self._cadences[device] for device, last in self._last.items()}
        if not lateness:
            return
        # The port first: its silence is the reason for all the others.
        punctual = min(lateness, key=lambda device: lateness[device])
        yield from self._changed(None, lateness[punctual], now - max(self._last.values()))
        for device, late in lateness.items():
            yield from self._changed(device, late, now - self._last[device])

    def _changed(self, device: str | None, lateness: float, seconds: float) -> Iterator[Change]:
        state, before = STATES[sum(lateness > limit for limit in (LATE, SUSPECT, SILENT))], self.state(device)
        if state != before:
            self._states[device] = state
            yield Change(self._port, device, state, before, seconds)
