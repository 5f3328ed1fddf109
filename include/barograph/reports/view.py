"""What a chart is drawn of: some series that belong together, and all that stands around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from barograph.metrics import Metric
from barograph.reports.canvas import padded
from barograph.reports.data import Alarm, Series
from barograph.reports.words import Voice
from barograph.windows import Window


@dataclass(frozen=True, eq=False)
class Member:
    """`label` is outside text."""

    label: str
    series: Series


@dataclass(frozen=True, eq=False)
class View:
    """One metric of one device, or of all devices of a zone."""

    voice: Voice
    """Says things in the report's language, and knows its window and time zone."""
    zone: str
    """Outside text."""
    metric: Metric
    members: tuple[Member, ...]
    """One for a chart of a device; all of the zone, in the order of the registry, for a chart of a zone."""
    others: tuple[Member, ...] = ()
    """Of a zone's devices a second metric, in the same order; empty where they have none in common."""
    alarms: tuple[Alarm, ...] = ()
    shades: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    """When a door was open or a defrost ran: name -> when."""
    extent: tuple[float, float] | None = None
    """The lowest and highest value of the axis, so that all charts of a zone can be compared."""
    calendar: tuple[date, ...] = ()
    """The days of each series' `hours`: those of the report are the last."""

    @property
    def window(self) -> Window:
        return self.voice.window

    @property
    def title(self) -> str:
        label = self.voice.label(self.metric)
        return f"{label}, {self.metric.unit}" if self.metric.unit else label

    @property
    def days(self) -> int:
        """Days of the report."""
        return len(self.voice.period)


def extent(series: Iterable[Series]) -> tuple[float, float]:
    """What charts show: the usable values and the limits. A value that cannot be is marked at the edge."""
    bounds: list[float] = []
    metric: Metric | None = None
    for one in series:
        metric = one.metric
        bounds += [limit for limit in (one.low, one.high) if limit is not None]
        values = one.values[one.usable]
        bounds += [float(values.min()), float(values.max())] if len(values) else []
    if not bounds or metric is None:
        return 0.0, 1.0
    least = max(10 * metric.resolution, 1e-6 * max(abs(bound) for bound in bounds), 1e-9)
    return padded(min(bounds), max(bounds), least)
