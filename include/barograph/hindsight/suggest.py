"""Which limit gives a wanted number of alarms a day: a search over limits, each tried with the judge itself.

Of most rules only what happens near the limit matters: a reading that is fine, between two that are, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from barograph.metrics import metric
from barograph.registry import Site
from barograph.rules.backtest import backtest, with_limit
from barograph.rules.book import Rules
from barograph.rules.judge import Step, judge
from barograph.rules.model import Range, Rule
from barograph.rules.readings import Judged
from barograph.rules.state import State
from barograph.rules.watches import Watches
from barograph.windows import Window, microseconds

Limit = float | Range

MOST = 300_000
"""Readings of a rule that has to hear them all; of others there may be as many as the memory holds."""
TURNED = ("limit", "score", "rate", "deviation")
"""Kinds whose limit is one of a measure that lies above, below, outside or inside it."""
STEPS = 500
"""At most so many limits lie between the lowest and the highest value."""


def watches_of(site: Site, book: Rules, begins: int | None) -> Watches:
    return Watches([site], {site.site: book}, site.site, begins=begins)


class Sample:
    """The readings of rules that a limit is looked for; of none where nobody asked for a rate."""

    def __init__(self, site: Site, book: Rules, window: Window, per_day: float | None) -> None:
        self._site, self._book, self._window, self._per_day = site, book, window, per_day
        self._rules = {rule.rule: rule for rule in book.rules if per_day and _sense(rule)}
        self._kept: dict[str, list[list[Judged]]] = {name: [] for name in self._rules}
        self.unlooked: list[str] = []
        """Rules with too many readings."""

    def keep(self, heard: Sequence[Judged]) -> None:
        for name, rule in list(self._rules.items()):
            watches = self._watches(rule)
            self._kept[name].append([each for each in heard if watches.hearing(each)])
            if not _near_only(rule) and sum(map(len, self._kept[name])) > MOST:
                self.unlooked.append(name)
                del self._rules[name], self._kept[name]

    def suggested(self) -> dict[str, Limit | None]:
        """Of each rule the limit, nearest to what is normal, at which it fires at most so often a day."""
        return {name: self._suggested(rule, list(chain(*self._kept[name]))) for name, rule in self._rules.items()}

    def _suggested(self, rule: Rule, heard: list[Judged]) -> Limit | None:
        heard = sorted(each for each in heard if each.value is not None and each.flag in rule.heeds)
        heard.sort(key=lambda each: (each.device, each.time))
        values = np.array([each.value for each in heard])
        limits = list(_limits_of(rule, values if _near_only(rule) else self._measures(rule, heard)))
        if not limits:
            return None
        low, high = 0, len(limits) - 1
        while low < high:
            middle = (low + high) // 2
            if self._rate(with_limit(rule, _sense(rule), limits[middle]), heard, values) <= (self._per_day or 0.0):
                high = middle
            else:
                low = middle + 1
        return limits[low]

    def _measures(self, rule: Rule, heard: list[Judged]) -> NDArray[np.float64]:
        """What the rule makes of the readings: that is what its limit is a limit of."""
        found: list[float] = []

        def told(step: Step) -> None:
            if step.measure is not None:
                found.append(step.measure)

        judge(State(), heard, self._watches(rule), microseconds(self._window.end), told=told)
        return np.array(found)

    def _rate(self, rule: Rule, heard: list[Judged], values: NDArray[np.float64]) -> float:
        start, end = microseconds(self._window.start), microseconds(self._window.end)
        near = _near(rule, values) if _near_only(rule) else np.arange(len(heard))
        return backtest([heard[place] for place in near], self._watches(rule), start, end).per_day

    def _watches(self, rule: Rule) -> Watches:
        return watches_of(self._site, self._book.model_copy(update={"rules": [rule]}), None)


def limit_of(rule: Rule) -> Limit | None:
    """The limit of its first level, for people."""
    return rule.limit if rule.counted else rule.outside or rule.inside or rule.limit


def worded(limit: Limit) -> str:
    """`8.5`, `2 to 8`"""
    return " to ".join(f"{number:.4g}" for number in (limit if isinstance(limit, tuple) else (limit,)))


def _sense(rule: Rule) -> str:
    """The one limit of its first level; empty where there is none that can be moved."""
    return rule.senses[0] if rule.kind in TURNED and rule.senses else ""


def _near_only(rule: Rule) -> bool:
    """Whether readings that are fine matter only as the end of those that are not: no clock and no door has a say."""
    within = any(band.within for band in rule.bands)
    return rule.forgetful and not (
        within or rule.clear_hold or rule.grace or rule.active or rule.pauses or rule.overrides
    )


def _near(rule: Rule, values: NDArray[np.float64]) -> NDArray[np.intp]:
    """The places of readings that are beyond, or between limit and clear limit, and of those beside them."""
    low = max(max(band.low, band.clear_low) for band in rule.bands)
    high = min(min(band.high, band.clear_high) for band in rule.bands)
    stirs = (values < low) | (values > high)
    beside = stirs.copy()
    beside[1:] |= stirs[:-1]
    beside[:-1] |= stirs[1:]
    return np.flatnonzero(beside)


def _limits_of(rule: Rule, measures: NDArray[np.float64]) -> Iterator[Limit]:
    """Limits that can be tried, each of which fires less often than those before it.

    A range keeps its middle: it is made wider (`outside`), or narrower (`inside`).
    """
    if not len(measures):
        return
    sense = _sense(rule)
    resolution = 0.0 if rule.kind == "rate" else metric(rule.metric).resolution
    if sense in ("above", "below"):
        yield from _steps(measures, resolution)[:: 1 if sense == "above" else -1]
        return
    low, high = getattr(rule, sense)
    middle, half = (low + high) / 2, (high - low) / 2
    widths = _steps(np.append(np.abs(measures - middle), half), resolution)[:: 1 if sense == "outside" else -1]
    # The clear limits of an `outside` lie within it.
    clear = rule.clear if isinstance(rule.clear, tuple) and sense == "outside" else (low, high)
    least = max(clear[0] - low, high - clear[1])
    for width in widths:
        if width > least:
            yield float(f"{middle - width:.10g}"), float(f"{middle + width:.10g}")


def _steps(values: NDArray[np.float64], resolution: float) -> list[float]:
    """Round numbers from the lowest value to the highest, in steps that the sensor can tell apart."""
    low, high = float(values.min()), float(values.max())
    step = max(resolution, (high - low) / STEPS, 1e-9)
    step = float(10.0 ** np.ceil(np.log10(step) - 1e-9))
    first, last = np.floor(low / step), np.ceil(high / step)
    return [float(f"{step * place:.10g}") for place in np.arange(first, last + 1)]
