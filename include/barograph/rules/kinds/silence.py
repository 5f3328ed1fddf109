"""Missing data: a device that says nothing, one that was never heard, and the port or collector that is behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from barograph.readings import FLAGS
from barograph.registry import Name
from barograph.rules.levels import Band
from barograph.rules.model import SECOND, Due, Level, Rule
from barograph.rules.readings import FRAMES

if TYPE_CHECKING:
    from barograph.rules.readings import Judged
    from barograph.rules.watches import Bound

SOONER = {"port": 0.6, "collector": 0.5}
"""They are silent after this share of the time that is allowed to their devices: known before theirs is up, it is the
one alarm that people get."""


class Missing(Rule):
    """Seconds without a reading: nothing at all from the device, or none of one metric.

    Unless `least` is said, `cadences` of the device as registered. A reading of any flag is a sign of life. Time in
    which the rule does not look, and pauses, are no silence.
    """

    counted: ClassVar[bool] = True
    needs_limit: ClassVar[bool] = False
    holds: ClassVar[bool] = False
    waits: ClassVar[bool] = True

    kind: Literal["missing"]
    metric: Name = FRAMES
    cadences: float = Field(default=10.0, gt=1, le=10_000)
    roots: bool = True
    """Whether a port, or a collector, on which all devices are silent is one alarm, and theirs are folded under it."""

    @property
    def heeds(self) -> frozenset[int]:
        return super().heeds if self.flags else frozenset(FLAGS)

    def at(self, cadence: float) -> Missing:
        """The same for a device of that cadence: what it says in cadences is said in seconds."""
        return self if self.least is not None else self.model_copy(update={"least": self.cadences * cadence})

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """Remembers since when it is silent, and on which port it was heard."""
        return [reading.time, reading.port], 0.0

    def due(self, memory: Any, waiting: Iterable[float], point: Bound) -> Due | None:
        if memory is None:
            return None  # Never heard, and not expected.
        since = memory[0]
        return min((Due(point.later(since, seconds), seconds, since) for seconds in waiting), default=None)

    def rested(self, memory: Any, at: int) -> Any:
        return [at, *memory[1:]] if memory else [at, None]

    def details(self, memory: Any) -> dict[str, Any]:
        return {"port": memory[1]} if memory and memory[1] else {}

    def _says_something(self, level: Any) -> bool:
        return True

    def _levels(self) -> Iterator[Level]:
        if self.least is None:
            return iter([])  # Not yet bound to a device.
        return super()._levels()


class Silence(Missing):
    """The same of a port or a collector: silent when all are that it has heard of. Made from a Missing, not written."""

    sooner: float = 0.6

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """Remembers [since when, seconds allowed] of the device that may be silent longest, and the first two devices.

        A sum that only grows needs no list of all: who may be silent longest from now on is who decides.
        """
        since, allowed, devices = memory or (reading.time, 0.0, [])
        own = point.allowed(reading.device)
        if own is not None and reading.time + own * SECOND >= since + allowed * SECOND:
            since, allowed = reading.time, own
        if len(devices) < 2 and reading.device not in devices:
            devices = [*devices, reading.device]
        return [since, allowed, devices], 0.0

    def due(self, memory: Any, waiting: Iterable[float], point: Bound) -> Due | None:
        since, allowed, devices = memory or (0, 0.0, [])
        if len(devices) < 2 or not any(True for _ in waiting):
            return None
        seconds = allowed * self.sooner
        return Due(point.later(since, seconds), seconds, since)

    def rested(self, memory: Any, at: int) -> Any:
        return [at, *memory[1:]] if memory else [at, 0.0, []]

    def crossed(self, band: Band, measure: float | None) -> float | None:
        return measure

    def details(self, memory: Any) -> dict[str, Any]:
        return {"heard": memory[2]} if memory else {}

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Any silence that is due."""
        return (self._band(Level.model_construct(least=1e-6, severity=self.severity)),)
