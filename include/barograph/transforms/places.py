"""Where a device stands and what is expected of it: of those in the registry, and of those that nobody registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from barograph.metrics import metric as metric_named
from barograph.registry import UNREGISTERED, Device, Site
from barograph.transforms.summing import SHIPPED, Summing


@dataclass(frozen=True)
class Place:
    site: str
    zone: str
    cadence: float
    """Seconds between two frames."""
    valid: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Ranges of measuring points that have one of their own."""
    summing: Summing = SHIPPED
    timezone: str = "UTC"
    """Of the site: its days are local."""

    @property
    def shape(self) -> tuple[int, int]:
        """Size and slide in seconds of its sliding windows."""
        return self.summing.shape(self.cadence)

    def range_of(self, metric: str) -> tuple[float, float]:
        """What lies outside cannot have been measured there."""
        return self.valid.get(metric) or metric_named(metric).valid


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


def _place(site: Site, device: Device, summing: Summing) -> Place:
    valid = {}
    for metric, point in device.points.items():
        low, high = metric_named(metric).valid
        own_low, own_high = point.valid_min, point.valid_max
        valid[metric] = (low if own_low is None else own_low, high if own_high is None else own_high)
    return Place(site.site, device.zone, device.cadence, valid, summing=summing, timezone=site.timezone)
