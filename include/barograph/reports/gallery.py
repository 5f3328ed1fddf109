"""Which charts a report has. A new one is a function of a View that returns a Figure, and a line of CHARTS.

A user's own lie in the data folder's `report/charts/`, a file each with a function `draw(view)` and, for a chart of a
zone, `OF = "zone"`. A file of the name of one of ours replaces it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from barograph.errors import ReportError
from barograph.reports.charts import line
from barograph.reports.data import DeviceDay, ReportData, Series, total
from barograph.reports.panels import comparison, days, histogram, hours, ranges, scatter
from barograph.reports.periods import fingerprint, slug
from barograph.reports.view import Member, View, extent
from barograph.reports.words import zone_name

Draw = Callable[[View], Figure | None]


@dataclass(frozen=True)
class Chart:
    draw: Draw
    of: Literal["device", "zone"] = "zone"
    """What one is drawn of."""
    states: bool = False
    """Whether it can show what is only 0 or 1, such as a door."""


CHARTS: dict[str, Chart] = {
    "line": Chart(line, of="device", states=True),
    "range": Chart(ranges),
    "days": Chart(days),
    "comparison": Chart(comparison),
    "hours": Chart(hours),
    "histogram": Chart(histogram),
    "scatter": Chart(scatter),
}

DETAILED = 60
"""Devices with charts on the page; where there are more, those that need a look come first."""

MOST_DEVICES = 2_000
"""Devices of which charts are drawn at all."""


@dataclass(frozen=True, eq=False)
class Job:
    """One chart to draw."""

    name: str
    """Of its file, without ending."""
    chart: str
    of: Literal["device", "zone"]
    zone: str
    metric: str
    view: View
    detailed: bool
    """Whether it stands on the page."""


def charts(folder: Path | None) -> dict[str, Chart]:
    """Ours, and those of a user's folder. Raises ReportError where one of his cannot be read."""
    own = sorted((folder / "charts").glob("*.py")) if folder and folder.is_dir() else []
    return {**CHARTS, **{path.stem: _own(path, path.stat().st_mtime_ns) for path in own}}


@lru_cache(maxsize=64)
def _own(path: Path, _changed: int) -> Chart:
    spec = importlib.util.spec_from_file_location(f"barograph_chart_{slug(path.stem).replace('-', '_')}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        of = getattr(module, "OF", CHARTS[path.stem].of if path.stem in CHARTS else "device")
        return Chart(module.draw, of=of, states=getattr(module, "STATES", of == "device"))
    except Exception as error:  # whatever a user's file may do
        raise ReportError(
            f"{path}: {error!r}. A chart is a file with a function draw(view); docs/report.md."
        ) from error


def look(folder: Path | None) -> str:
    """A digest of a user's templates and charts: the same data looks otherwise when they change."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".html", ".css", ".py")) if folder else []
    if not folder or not files:
        return ""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def jobs(data: ReportData, known: dict[str, Chart]) -> Iterator[Job]:
    """All charts of a report: of its devices first, then of its zones."""
    order = interesting(data)
    detailed, drawn = set(order[:DETAILED]), set(order[:MOST_DEVICES])
    for zone, devices in data.zones.items():
        here = [device for device in devices if device.device in drawn]
        for name in metrics_of(here):
            members = [(device, series) for device in here for series in device.series if series.metric.name == name]
            shared = extent([series for _, series in members]) if comparable(members) else None
            for device, series in members:
                if series.binary and any(not one.binary for one in device.series):
                    continue  # it is shaded in the others
                view = _device_view(data, device, series, shared)
                for chart, draw in known.items():
                    if draw.of == "device" and (draw.states or not series.binary):
                        file = chart_name(series) + ("" if chart == "line" else f"-{slug(chart)}")
                        yield Job(file, chart, "device", zone, name, view, device.device in detailed)
    for zone, devices in data.zones.items():
        for name in metrics_of(devices):
            view = _zone_view(data, zone, devices, name)
            states = all(member.series.binary for member in view.members)
            if not any(member.series.statistics.good for member in view.members):
                continue
            for chart, draw in known.items():
                if draw.of == "zone" and (draw.states or not states):
                    yield Job(_zone_file(zone, name, chart), chart, "zone", zone, name, view, True)


def interesting(data: ReportData) -> list[str]:
    """Devices, those first that need a look; the same order always."""
    alarmed = {alarm.device for alarm in data.alarms}

    def weight(device: DeviceDay) -> tuple[bool, timedelta, timedelta, int]:
        outside = sum((total(series.outside) for series in device.series), timedelta(0))
        return device.device in alarmed, total(device.silent), outside, sum(one.bad_count for one in device.series)

    return [device.device for device in sorted(data.devices, key=weight, reverse=True)]


def metrics_of(devices: list[DeviceDay]) -> list[str]:
    """In the order in which the devices have them."""
    return list(dict.fromkeys(series.metric.name for device in devices for series in device.series))


def comparable(members: list[tuple[DeviceDay, Series]]) -> bool:
    """One scale serves all, unless it would make a flat line of one of them."""
    heights = [high - low for low, high in (extent([series]) for _, series in members if series.statistics.good)]
    low, high = extent([series for _, series in members])
    return not heights or min(heights) > (high - low) / 6


def chart_name(series: Series) -> str:
    """A file name that any device may have: what is readable of its name, and a digest that keeps names apart."""
    digest = fingerprint(f"{series.device}\0{series.metric.name}")
    return f"charts/{slug(series.device)}-{slug(series.metric.name)}-{digest}"


def _zone_file(zone: str, metric: str, chart: str) -> str:
    digest = fingerprint("\0".join((zone, metric, chart)))
    return f"charts/zone-{slug(zone)}-{slug(metric)}-{slug(chart)}-{digest}"


def _device_view(data: ReportData, device: DeviceDay, series: Series, shared: tuple[float, float] | None) -> View:
    return View(
        voice=data.voice,
        zone=zone_name(device.zone),
        metric=series.metric,
        members=(Member(device.label, series),),
        alarms=tuple(each for each in data.alarms if (each.device, each.metric) == (device.device, series.metric.name)),
        shades=device.shades,
        extent=shared,
        calendar=data.calendar,
    )


def _zone_view(data: ReportData, zone: str, devices: list[DeviceDay], name: str) -> View:
    members = tuple(
        Member(device.label, series) for device in devices for series in device.series if series.metric.name == name
    )
    ours = {member.series.device for member in members}
    return View(
        voice=data.voice,
        zone=zone_name(zone),
        metric=members[0].series.metric,
        members=members,
        others=_others(devices, name),
        alarms=tuple(each for each in data.alarms if each.metric == name and each.device in ours),
        calendar=data.calendar,
    )


def _others(devices: list[DeviceDay], name: str) -> tuple[Member, ...]:
    """The same devices' next metric, if all have it: each pair is drawn once."""
    names = metrics_of(devices)
    having = [device for device in devices if any(series.metric.name == name for series in device.series)]
    for other in names[names.index(name) + 1 :]:
        found = [series for device in having for series in device.series if series.metric.name == other]
        if len(found) == len(having) and not all(series.binary for series in found):
            labels = [device.label for device in having]
            return tuple(Member(label, series) for label, series in zip(labels, found, strict=True))
    return ()
