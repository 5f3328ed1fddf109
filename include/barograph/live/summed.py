"""A device's course as its windows or rollups have it: which of them fit a chart, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from barograph.live.device import PIXELS_A_STEP
from barograph.settings import Settings
from barograph.transforms.summing import Summing
from barograph.windows import Window

if TYPE_CHECKING:
    from barograph.influx.series import Course

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PERIODS = {"hour": "an hour", "day": "a day"}


@dataclass(frozen=True)
class Drawn:
    """What a chart of summaries is made of."""

    period: str
    """window, hour or day."""
    size: timedelta
    """How long each of them is."""
    step: timedelta
    """From one to the next."""
    joined: timedelta = timedelta(0)
    """Where there are more windows than pixels: those that end in so much time are one step."""

    @property
    def said(self) -> str:
        """For those who look at the chart."""
        if self.period != "window":
            return (
                f"Each step is {PERIODS[self.period]}. Those of a day come when it is settled, in the night after it."
            )
        size, slide = (each.total_seconds() for each in (self.size, self.step))
        if self.joined:
            return f"Each step is about {self.joined / self.step:.0f} windows of {size:g} s."
        return f"Windows of {size:g} s, every {slide:g} s."


def drawn(settings: Settings, window: Window, pixels: int, cadence: float, at: datetime) -> Drawn:
    """Windows where InfluxDB still has them, else hours, else days: at most one a pixel."""
    kept = at - timedelta(days=settings.influx.windows_days)
    if window.start < kept:
        hours = "hour" in settings.windows.rollups and window.length / HOUR <= pixels
        return Drawn("hour", HOUR, HOUR) if hours else Drawn("day", DAY, DAY)
    seconds = window.length.total_seconds()
    shape = Summing(settings.windows.size, settings.windows.slide).shape(cadence)
    size, slide = (timedelta(seconds=each) for each in shape)
    if seconds / slide.total_seconds() <= pixels:
        return Drawn("window", size, slide)
    return Drawn("window", size, slide, max(slide, timedelta(seconds=round(seconds * PIXELS_A_STEP / pixels))))


def course(settings: Settings, site: str, device: str, metric: str, window: Window, how: Drawn, line: str) -> Course:
    """Least, `line` (mean or median) and most of each step. Raises ServiceUnavailable."""
    from barograph.influx import series

    if how.period != "window":
        return series.rollups(settings, site, device, metric, window, how.period, how.step, line)
    return series.windows(settings, site, device, metric, window, how.size, how.step, how.joined, line)
