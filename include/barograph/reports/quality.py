"""What a report says about its own data: which tests flagged how much, how late readings came, and what calibrates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barograph.archive import Archive
from barograph.points import Calibration
from barograph.registry import Site
from barograph.reports.data import Arrivals, Calibrated, DeviceDay, Micros, Quality, Reason
from barograph.windows import Window

EDGES = np.geomspace(0.01, 1e8, 400)
"""Seconds between time and arrival are counted in these: each is 6 % longer than the one before."""


@dataclass
class Counted:
    """Grows day by day."""

    archive: Archive
    site: Site
    asked: Quality
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    devices: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    delays: Micros = field(default_factory=lambda: np.zeros(len(EDGES) + 1, np.int64))
    longest: float = 0.0
    late: int = 0

    def arrived(self, day: date, devices: Sequence[str]) -> None:
        """How late that came which these devices measured on a day."""
        for came in self.archive.arrivals(Window.local_day(day, self.site.timezone), devices):
            came = came.filter(pc.is_valid(came["published"]))
            time, published = (
                came[name].cast(pa.timestamp("us", "UTC")).cast(pa.int64()) for name in ("time", "published")
            )
            delay = np.maximum((published.to_numpy() - time.to_numpy()) / 1e6, 0.0)
            self.delays += np.bincount(np.searchsorted(EDGES, delay), minlength=len(EDGES) + 1)
            self.longest = max(self.longest, float(delay.max(initial=0.0)))
            self.late += int((delay > self.asked.late_after).sum())

    def tested(self, refined: pa.Table) -> None:
        """What the tests of quality said of some readings."""
        told = refined.filter(pc.greater(pc.list_value_length(refined["reasons"]), 0))
        if not len(told):
            return
        lists = told["reasons"].combine_chunks()
        parents = pc.list_parent_indices(lists)
        flat = pa.table(
            {"reason": pc.list_flatten(lists), **{name: told[name].take(parents) for name in ("metric", "device")}}
        )
        for row in flat.group_by(["reason", "metric", "device"]).aggregate([([], "count_all")]).to_pylist():
            key = (row["reason"], row["metric"])
            self.reasons[key] += row["count_all"]
            self.devices.setdefault(key, set()).add(row["device"])

    def quality(self, devices: Iterable[DeviceDay], window: Window) -> Quality:
        found = sorted(self.reasons.items(), key=lambda each: (-each[1], each[0]))
        return replace(
            self.asked,
            reasons=tuple(Reason(*key, count, len(self.devices[key])) for key, count in found),
            arrivals=self._arrivals(),
            calibrations=tuple(_calibrations(self.site, devices, window)),
        )

    def _arrivals(self) -> Arrivals | None:
        count = int(self.delays.sum())
        if not count:
            return None
        reached = np.cumsum(self.delays)
        half, most = (
            float(EDGES[min(int(np.searchsorted(reached, part * count)), len(EDGES) - 1)]) for part in (0.5, 0.95)
        )
        return Arrivals(count, half, min(most, max(self.longest, EDGES[0])), self.longest, self.late)


def _calibrations(site: Site, devices: Iterable[DeviceDay], window: Window) -> Iterable[Calibrated]:
    """Those that say what a value was at some time of the window."""
    zone = ZoneInfo(site.timezone)
    points = {device.device: device.points for device in site.devices}
    for device in devices:
        for one in device.series:
            point = points.get(device.device, {}).get(one.metric.name)
            steps = point.calibration if point else []
            for step, after in pairwise([*steps, None]):
                assert step is not None
                begins = step.moment(zone)
                if begins < window.end and (after is None or after.moment(zone) > window.start):
                    yield Calibrated(device.device, one.metric.name, begins, _formula(step))


def _formula(step: Calibration) -> str:
    facts = step.model_dump(mode="json", exclude_none=True, exclude={"since"})
    return ", ".join(f"{name} {value}" for name, value in facts.items())
