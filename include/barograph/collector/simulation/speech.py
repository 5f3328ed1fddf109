"""How one device says its values in its format: the bytes of each frame, and what they mean to who reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from barograph.collector.decoding import decoder
from barograph.collector.formats import Format
from barograph.collector.frames import Cut, cutter
from barograph.collector.rendering import Unrenderable, metrics_of, spoken
from barograph.errors import FrameError
from barograph.metrics import BY_NAME
from barograph.readings import Frame, Value

LONGEST = 65_536
MANY = 16
TRIES = 150
"""Values that are tried for them."""
"""Values that a device says at most, if nobody asked for more."""
ANOTHER = timedelta(days=40, hours=5, minutes=7, seconds=11)
"""Between two moments that no clock shows alike."""
USUAL = {
    "temperature": (15.0, 25.0),
    "humidity": (40.0, 60.0),
    "pressure": (990.0, 1025.0),
    "light": (200.0, 500.0),
    "co2": (420.0, 900.0),
    "voltage": (3.1, 3.6),
}
CANDIDATES = (
    (15.0, 25.0),
    (0.0, 1.0),
    (20.0, 20.0),
    (1.0, 1.0),
    (0.0, 0.0),
    (2.0, 2.0),
    (100.0, 100.0),
    (500.0, 500.0),
)
"""Ranges that are tried for a value that we know nothing of, in this order."""


@dataclass(frozen=True)
class Said:
    """A frame as it goes on the wire."""

    content: bytes
    values: dict[str, Value]
    """What the bytes mean: a format with whole degrees rounds."""
    time: datetime | None = None
    """By the device's own clock, if the frame says it."""


class Speech:
    """Of one device in one format. `around` is whose frames are that do not say it."""

    def __init__(self, declared: Format, device: str, around: str | None) -> None:
        self._declared = declared
        self._device = device
        self._around = around
        self._decode = decoder(declared)

    def say(self, values: dict[str, Value], clock: datetime) -> list[Said]:
        """One frame, or as many as the format needs. Raises Unrenderable for what it cannot say, or not so."""
        found: list[Said] = []
        silent = b""  # lines that are no frame, such as the header of a table, go with the next one
        for each in spoken(self._declared, self._device, values, clock):
            silent += each
            for frame in self._read(silent):
                found.append(Said(silent, dict(frame.values), frame.time))
                silent = b""
        if not found:
            raise Unrenderable("what it would say is no frame")
        if silent:
            found[-1] = replace(found[-1], content=found[-1].content + silent)
        return found

    @cached_property
    def knows_time(self) -> bool:
        """Whether its frames say what its clock shows."""
        values = self.measured(())
        one, other = (
            self.say(values, datetime.fromisoformat("2026-01-05T01:02:03.456+00:00") + more)
            for more in (timedelta(), ANOTHER)
        )
        return [each.time for each in one] != [each.time for each in other]

    def measured(self, metrics: tuple[str, ...]) -> dict[str, Value]:
        """A value for each metric, all of which it can say together. Raises Unrenderable."""
        return {metric: low for metric, (low, _) in self.ranges(metrics).items()}

    def ranges(self, metrics: tuple[str, ...]) -> dict[str, tuple[float, float]]:
        """In which range it can say each; of all that the format has, where none are given. Raises Unrenderable.

        Metrics that nobody asked for by name, and that have no room beside the others, are left out.
        """
        wanted = metrics or self._usual()
        found: dict[str, tuple[float, float]] = {}
        why = "it has no values"
        for metric in wanted:
            if len(found) == MANY and not metrics:
                break
            for low, high in (*([USUAL[metric]] if metric in USUAL else []), *CANDIDATES):
                try:
                    for value in {low, (low + high) / 2, high}:
                        self._same({**{name: each[0] for name, each in found.items()}, metric: value})
                except Unrenderable as error:
                    why = str(error)
                else:
                    found[metric] = (low, high)
                    break
            if metric in metrics and metric not in found:
                raise Unrenderable(f"{metric}: {why}")
        if not found:
            raise Unrenderable(why)
        return found

    def _usual(self) -> tuple[str, ...]:
        """What a format has, first what we have a name for."""
        has = metrics_of(self._declared)
        known = [name for name in BY_NAME if name in has]
        return (*known, *sorted(has - set(known)))[:TRIES] or ("temperature",)

    def besides(self, metrics: tuple[str, ...]) -> list[str]:
        """What its frames say too, because they have a fixed place for it."""
        said = self.say(dict(self.measured(metrics)), datetime.fromisoformat("2026-01-05T01:02:03+00:00"))
        return [
            name for each in said for name, value in each.values.items() if name not in metrics and value is not None
        ]

    def is_heard(self, metrics: tuple[str, ...]) -> bool:
        """Whether its frames are read as its own."""
        for metric in metrics or self._usual()[:MANY]:
            try:
                self.ranges((metric,))
            except Unrenderable:
                continue
            return True
        return False

    def can_say(self, metrics: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the metrics that the format has a place for."""
        has = metrics_of(self._declared)
        return tuple(metric for metric in metrics if metric in has) if has else metrics

    def _same(self, values: dict[str, Value]) -> None:
        told: dict[str, Value] = {}
        for each in self.say(values, datetime.fromisoformat("2026-01-05T01:02:03+00:00")):
            told.update(each.values)
        for metric, value in values.items():
            heard = told.get(metric)
            if heard is None or value is None or abs(heard - value) > 0.02 * max(abs(value), 20):
                raise Unrenderable(f"{metric} {value} would be read as {heard}")

    def _read(self, content: bytes) -> list[Frame]:
        cuts = cutter(self._declared.frame, LONGEST)
        frames: list[Frame] = []
        for each in [*cuts.feed(content), *cuts.silence(), *cuts.end()]:
            if isinstance(each, Cut):
                try:
                    frames += self._decode(each.payload, self._around).frames
                except FrameError as error:
                    raise Unrenderable(f"what it would say is refused: {error}") from error
        for frame in frames:
            if frame.device != self._device:
                raise Unrenderable(f"its frames would be read as those of {frame.device}")
        return frames
