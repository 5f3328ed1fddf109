"""What is asked of a measuring point: the metric's limits, and over them what the registry says about the point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from barograph.metrics import Metric
from barograph.metrics import metric as metric_named
from barograph.points import Flat, Neighbours, Point, Spike

MINUTE = 60.0
RATE_REACH = 600.0
"""Seconds after which the reading before says nothing about how fast a value changed."""
SPIKE_SECONDS = (30.0, 150.0)
"""How long a spike may last by default, whatever the cadence. Air and goods need minutes to be as they were."""
FLAT_SLACK = 1.25
"""A flat stretch may begin so many times its length back: readings do not come to the second."""
LONGEST_GAP = 1800.0
"""Seconds: by default no silence needs to be longer to be called one."""
FEW_CADENCES = 3
"""A device that speaks less often than so many times in LONGEST_GAP is not missed by default."""
COPIES = 60.0
"""Seconds within which copies of a frame are compared, and frames that collide moved apart."""

ANY = (float("-inf"), float("inf"))


@dataclass(frozen=True)
class Limits:
    """The tests of one measuring point; None: not asked for. Seconds, and units of the metric."""

    valid: tuple[float, float] | None = None
    expected: tuple[float | None, float | None] | None = None
    error_codes: tuple[float, ...] = ()
    resolution: float = 0.0
    spike: Spike | None = None
    rate: float | None = None
    recovery: float | None = None
    flat: Flat | None = None
    coarse: float | None = None
    """A value that is a multiple of this may be all that the sensor can say, and is never stuck."""
    gap: float | None = None
    warm_up: float | None = None
    neighbours: Neighbours | None = None

    @property
    def asked(self) -> bool:
        """Whether there is any test of the value."""
        tests = (self.valid, self.expected, self.spike, self.rate, self.flat, self.warm_up, self.neighbours)
        return bool(self.error_codes) or any(test is not None for test in tests)

    @property
    def looks_back(self) -> float:
        """Seconds before a reading that its flag depends on, without neighbours."""
        spike = (self.spike and self.spike.seconds) or 0.0
        rate = RATE_REACH + (self.recovery or 0.0) if self.rate else 0.0
        flat = self.flat.seconds * FLAT_SLACK if self.flat else 0.0
        start = LONGEST_GAP + self.warm_up if self.warm_up else 0.0
        # What a value is compared with must be no spike itself.
        return max(max(rate, flat) + spike, self.gap or 0.0, start) + COPIES

    @property
    def looks_ahead(self) -> float:
        return max((self.spike and self.spike.seconds) or 0.0, COPIES)

    @property
    def looks_around(self) -> float:
        """Seconds; readings further apart than this have nothing to do with each other."""
        return self.looks_back + self.looks_ahead

    @cached_property
    def of_any_range(self) -> Limits:
        """The same for points that differ in their ranges alone: each of its values is judged by its own."""
        return replace(self, valid=self.valid and ANY, expected=self.expected and ANY)


def limits(metric: str, cadence: float, point: Point | None = None) -> Limits:
    """What is asked of a metric there; a point that nobody registered has the metric's own limits."""
    return _of_metric(metric, cadence) if point is None else _limits(metric_named(metric), cadence, point)


@lru_cache(maxsize=4096)
def _of_metric(metric: str, cadence: float) -> Limits:
    return _limits(metric_named(metric), cadence, Point())


def _limits(metric: Metric, cadence: float, point: Point) -> Limits:
    codes = metric.error_codes if point.error_codes is None else tuple(point.error_codes)
    return Limits(
        valid=_valid(metric, point),
        expected=_expected(metric, point),
        error_codes=codes,
        resolution=metric.resolution if point.resolution is None else point.resolution,
        spike=_spike(metric, cadence, point),
        rate=_number(point.rate, metric.rate),
        recovery=_number(point.recovery, metric.recovery),
        flat=_flat(metric, point),
        coarse=_coarse(metric, point),
        gap=_number(point.gap, _gap(metric, cadence)),
        warm_up=_number(point.warm_up, metric.warm_up),
        neighbours=point.neighbours,
    )


def _number(asked: float | None, otherwise: float | None) -> float | None:
    """`off` is False."""
    return otherwise if asked is None else asked or None


def _valid(metric: Metric, point: Point) -> tuple[float, float] | None:
    low, high = metric.valid
    if point.valid_min is None and point.valid_max is None and low <= -1e308 and high >= 1e308:
        return None
    return (low if point.valid_min is None else point.valid_min, high if point.valid_max is None else point.valid_max)


def _expected(metric: Metric, point: Point) -> tuple[float | None, float | None] | None:
    low, high = metric.expected or (None, None)
    low = low if point.expected_min is None else point.expected_min
    high = high if point.expected_max is None else point.expected_max
    return None if low is None and high is None else (low, high)


def _coarse(metric: Metric, point: Point) -> float | None:
    """Who asks for a flat line, or says that the sensor is finer than others, is taken at his word."""
    if point.flat is not None or (point.resolution is not None and point.resolution < metric.resolution):
        return None
    return max(metric.resolution, point.resolution or 0.0)


def _gap(metric: Metric, cadence: float) -> float | None:
    if metric.gap is None or cadence * FEW_CADENCES > LONGEST_GAP:
        return None
    return min(metric.gap * cadence, LONGEST_GAP)


def _spike(metric: Metric, cadence: float, point: Point) -> Spike | None:
    asked = point.spike
    if asked is False or (not asked and metric.spike is None):
        return None
    suspect, fail = metric.spike or (None, None)
    asked = asked or Spike()
    if asked.suspect is not None or asked.fail is not None:
        # Half of a pair makes no sense with the other half of the metric's if they are not in order.
        suspect = asked.suspect if asked.suspect is not None else _within(suspect, most=asked.fail)
        fail = asked.fail if asked.fail is not None else _within(fail, least=asked.suspect)
    seconds = asked.seconds or min(max((asked.readings + 2) * cadence, SPIKE_SECONDS[0]), SPIKE_SECONDS[1])
    return asked.model_copy(update={"suspect": suspect, "fail": fail, "seconds": seconds})


def _within(limit: float | None, least: float | None = None, most: float | None = None) -> float | None:
    if limit is None or (least is not None and limit < least) or (most is not None and limit > most):
        return None
    return limit


def _flat(metric: Metric, point: Point) -> Flat | None:
    if point.flat is None:
        return Flat(seconds=metric.flat) if metric.flat else None
    return point.flat or None
