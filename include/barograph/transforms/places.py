"""Where a device stands and what is expected of it: of those in the registry, and of those that nobody registered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from barograph.metrics import METRICS
from barograph.registry import UNREGISTERED, Device, Site
from barograph.transforms.calibration import Correction, corrections
from barograph.transforms.quality.limits import Limits, limits
from barograph.transforms.summing import SHIPPED, Summing
from barograph.windows import Window, microseconds

SECOND = 1_000_000
REFINEMENT = 1
"""Count up when refining the same record with the same registry gives something else than it did."""


@dataclass(frozen=True)
class Place:
    site: str
    zone: str
    cadence: float
    """Seconds between two frames."""
    limits: Mapping[str, Limits] = field(default_factory=dict)
    """Quality tests of its registered measuring points."""
    corrections: Mapping[str, tuple[Correction, ...]] = field(default_factory=dict)
    """Of those of its measuring points that were calibrated."""
    since: int | None = None
    until: int | None = None
    """When the device stood there, in microseconds."""
    timezone: str = "UTC"
    """Of the site: its days are local."""
    summing: Summing = SHIPPED

    @property
    def shape(self) -> tuple[int, int]:
        """Size and slide in seconds of its sliding windows."""
        return self.summing.shape(self.cadence)

    def neighbours(self, other: Place) -> bool:
        return (self.site, self.zone) == (other.site, other.zone)

    def limits_of(self, metric: str) -> Limits:
        """What is asked of a metric there."""
        return self.limits.get(metric) or limits(metric, self.cadence)


@dataclass(frozen=True)
class Reach:
    """How far a reading's flag looks around: what must be read to know it, and what a new reading may change."""

    back: timedelta
    ahead: timedelta

    def read_for(self, window: Window) -> Window:
        """All that the flags in `window` depend on."""
        return window.widened(self.back, self.ahead)

    def changed_by(self, window: Window) -> Window:
        """All whose flags may be others when readings of `window` come in."""
        return window.widened(self.ahead, self.back)


@dataclass(frozen=True)
class Places:
    """The place of every device there can be: a stranger stands in the default site, in a zone of its own."""

    registered: Mapping[str, Place]
    stranger: Place

    @classmethod
    def of_sites(
        cls, sites: Sequence[Site], default_site: str | None, default_cadence: float, summing: Summing = SHIPPED
    ) -> Places:
        """`default_site` None is the first one."""
        registered = {device.device: _place(site, device, summing) for site in sites for device in site.devices}
        home = next((site for site in sites if site.site == default_site), sites[0])
        stranger = Place(
            default_site or home.site, UNREGISTERED, default_cadence, summing=summing, timezone=home.timezone
        )
        return cls(registered, stranger)

    def of(self, device: str | None) -> Place:
        return self.registered.get(device or "", self.stranger)

    @property
    def summing(self) -> Summing:
        return self.stranger.summing

    @property
    def longest_window(self) -> int:
        """Seconds."""
        return max(place.shape[0] for place in (*self.registered.values(), self.stranger))

    @cached_property
    def reach(self) -> Reach:
        """That of the test that looks furthest, of any point."""
        asked = set(_limits_known((*self.registered.values(), self.stranger)))
        around = max((each.neighbours.seconds for each in asked if each.neighbours), default=0.0)
        back, ahead = (max(getattr(each, name) for each in asked) + around for name in ("looks_back", "looks_ahead"))
        return Reach(timedelta(seconds=back), timedelta(seconds=ahead))

    @cached_property
    def compared(self) -> Mapping[tuple[str, str, str], tuple[str, ...]]:
        """(site, zone, metric) -> its devices, where somebody asked to compare neighbours."""
        asked = {
            (place.site, place.zone, metric)
            for place in self.registered.values()
            for metric, limits in place.limits.items()
            if limits.neighbours
        }
        found: dict[tuple[str, str, str], list[str]] = {key: [] for key in sorted(asked)}
        for device, place in self.registered.items():
            for key in asked:
                if key[:2] == (place.site, place.zone):
                    found[key].append(device)
        return {key: tuple(devices) for key, devices in found.items()}

    def mates(self, device: str, metric: str) -> tuple[str, ...]:
        """The devices whose flags of a metric may depend on this one's readings, itself too."""
        place = self.registered.get(device)
        return self.compared.get((place.site, place.zone, metric), (device,)) if place else (device,)

    def fingerprint(self, device: str, window: Window, metrics: Iterable[str] | None = None) -> str:
        """A hash of all that decides how the readings of one device in `window`, a local day, are refined.

        Two that are equal mean that settling the day again would give the same readings and windows from the same
        record. `metrics`: those that the device has there (None: all of the table, and its registered ones). What comes
        into force later, such as a calibration, does not count; where neighbours are compared, what holds for them
        counts too, as far around the window as the comparison looks.
        """
        table = (metric.name for metric in METRICS)
        names = {*table, *self.of(device).limits} if metrics is None else set(metrics)
        told: dict[str, Any] = {"refinement": REFINEMENT, "device": self._decides(device, window, names)}
        near = self.reach.read_for(window)
        for metric in sorted(names):
            mates = [mate for mate in self.mates(device, metric) if mate != device]
            told[f"neighbours of {metric}"] = {mate: self._decides(mate, near, {metric}) for mate in sorted(mates)}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def inputs(self, points: Iterable[tuple[str, str]], window: Window) -> str:
        """The fingerprints of all (device, metric)s of a local day, as one hash."""
        told = [
            f"{device}\n{metric}\n{self.fingerprint(device, window, {metric})}" for device, metric in sorted(points)
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def _decides(self, device: str, window: Window, metrics: set[str]) -> dict[str, Any]:
        place = self.of(device)
        # The first sliding windows of a day begin before it.
        start, end = microseconds(window.start) - place.shape[0] * SECOND, microseconds(window.end)
        return {
            "place": [place.site, place.zone, place.cadence, place.timezone, asdict(place.summing)],
            "there": [max(place.since or start, start), min(place.until or end, end)],
            "points": {
                metric: {
                    "limits": _plain(place.limits_of(metric)),
                    "corrections": _in_force(place.corrections.get(metric, ()), start, end),
                }
                for metric in sorted(metrics)
            },
        }


def _limits_known(places: Iterable[Place]) -> Iterable[Limits]:
    """Of all points that are registered or could come."""
    for place in places:
        yield from place.limits.values()
    for cadence in {place.cadence for place in places}:
        yield from (limits(metric.name, cadence) for metric in METRICS)


def _plain(asked: Limits) -> dict[str, Any]:
    facts = {name: getattr(asked, name) for name in Limits.__dataclass_fields__}
    return {name: fact.model_dump() if hasattr(fact, "model_dump") else fact for name, fact in facts.items()}


def _in_force(known: Sequence[Correction], start: int, end: int) -> list[dict[str, Any]]:
    """Those that some reading of `[start, end)` is corrected by; one from before counts as begun at the start."""
    begun = [each for each in known if each.since < end]
    ends = [*(each.since for each in begun[1:]), end]
    current = [each for each, until in zip(begun, ends, strict=False) if until > start]
    return [asdict(each) | {"since": max(each.since, start)} for each in current]


def _place(site: Site, device: Device, summing: Summing) -> Place:
    zone = ZoneInfo(site.timezone)
    return Place(
        site.site,
        device.zone,
        device.cadence,
        {metric: limits(metric, device.cadence, point) for metric, point in device.points.items()},
        {metric: corrections(point.calibration, zone) for metric, point in device.points.items() if point.calibration},
        None if device.since is None else microseconds(Window.local_day(device.since, site.timezone).start),
        None if device.until is None else microseconds(Window.local_day(device.until, site.timezone).end),
        site.timezone,
        summing,
    )
