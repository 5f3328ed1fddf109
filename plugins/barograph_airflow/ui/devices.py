"""Devices: all of them, and one with its charts, what was doubted, windows, calibrations, port and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.live import device as live
from barograph.live import summed
from barograph.live.now import STATES, Place, Sites
from barograph.registry import Device, Site
from barograph_airflow.links import device_id
from barograph_airflow.ui import drawing, words
from barograph_airflow.ui.chart import draw
from barograph_airflow.ui.errors import NotHere
from barograph_airflow.ui.live import Watch
from barograph_airflow.ui.now import BADGES, MOST, WORDS
from barograph_airflow.ui.pages import Pages
from barograph_airflow.ui.spans import LINES, RANGES, VIEWS, AskedDep

WIDTHS = (280, 2400)
STATISTICS = ("mean", "min", "median", "max", "stddev", "slope", "completeness")


@dataclass(frozen=True)
class Chosen:
    """A device with all that it measures."""

    places: Sequence[Place]
    site: Site | None
    device: Device | None

    @property
    def first(self) -> Place:
        return self.places[0]

    @property
    def worst(self) -> str:
        return min((place.state for place in self.places), key=STATES.index)

    @property
    def time(self) -> datetime | None:
        return max((place.time for place in self.places if place.time), default=None)

    @property
    def key(self) -> str:
        return device_id(self.first.site, self.first.device)


def routes(pages: Pages, watch: Watch, sites: Sites) -> APIRouter:
    router = APIRouter()
    facts = {"words": WORDS, "badges": BADGES, "number": drawing.number, "device_id": device_id}

    @router.get("/devices", name="devices")
    def devices(request: Request, q: str = "") -> HTMLResponse:
        asked = q.casefold().split()
        found = [one for one in _all(watch, sites) if all(word in _text(one) for word in asked)]
        return pages.show(request, "devices.html", found=found[:MOST], total=len(found), q=q, at=pages.clock(), **facts)

    @router.get("/devices/{key}", name="device")
    def device(request: Request, key: str, asked: AskedDep) -> HTMLResponse:
        at = pages.clock()
        chosen = _one(watch, sites, key)
        zone = _zone(watch, chosen)
        span = asked.span(at, zone)
        status = pages.settings.path("run", "collector.json")
        known, why = [], ""
        try:
            from barograph.state.engine import connect

            known = live.alarm_spans(connect(pages.settings), chosen.first.device, span.window)
        except (BarographError, SQLAlchemyError) as error:
            why = str(error).partition("\n")[0]
        return pages.show(
            request,
            "device.html",
            chosen=chosen,
            span=span,
            ranges=RANGES,
            views=VIEWS,
            lines=LINES,
            at=at,
            zone=zone,
            port=live.port_of(status, chosen.first.device, at),
            calibrations=live.calibrations(chosen.site, chosen.first.device, at) if chosen.site else [],
            alarms=known,
            why_no_alarms=why,
            **facts,
        )

    @router.get("/devices/{key}/chart", name="chart")
    def chart(request: Request, key: str, metric: str, asked: AskedDep, width: int = 800) -> HTMLResponse:
        from barograph.state.engine import connect

        chosen = _one(watch, sites, key)
        place = next((one for one in chosen.places if one.metric.name == metric), None)
        if place is None:
            raise NotHere("It does not measure that.")
        at = pages.clock()
        zone = _zone(watch, chosen)
        span = asked.span(at, zone)
        cadence = chosen.device.cadence if chosen.device else pages.settings.ingest.default_cadence
        pixels = min(max(width, WIDTHS[0]), WIDTHS[1])
        site, device = place.site, place.device
        if span.view == "windows":
            how = summed.drawn(pages.settings, span.window, pixels, cadence, at)
            told = summed.course(pages.settings, site, device, metric, span.window, how, span.line)
            said = how.said
        else:
            told = live.course(pages.settings, site, device, metric, span.window, pixels, cadence)
            said = words.steps(told.step)
        try:
            spans = live.spans_of(live.alarm_spans(connect(pages.settings), device, span.window), metric)
        except SQLAlchemyError:
            spans = []
        drawn = draw(told, span.window, pixels, zone, cadence, (place.low, place.high), spans)
        return pages.show(request, "chart.html", drawing=drawn, place=place, span=span, key=key, said=said)

    @router.get("/devices/{key}/doubted", name="doubted")
    def doubted(request: Request, key: str, asked: AskedDep) -> HTMLResponse:
        chosen = _one(watch, sites, key)
        zone = _zone(watch, chosen)
        window = asked.span(pages.clock(), zone).window
        found = live.doubted(pages.settings, chosen.first.site, chosen.first.device, window)
        return pages.show(request, "doubted.html", found=found, zone=zone, most=live.MOST_DOUBTED)

    @router.get("/devices/{key}/windows", name="windows")
    def windows(request: Request, key: str) -> HTMLResponse:
        chosen = _one(watch, sites, key)
        found = live.windows(pages.settings, chosen.first.site, chosen.first.device, pages.clock())
        return pages.show(
            request, "windows.html", chosen=chosen, found=found, names=STATISTICS, zone=_zone(watch, chosen),
            number=drawing.number,
        )  # fmt: skip

    @router.get("/devices/{key}/frames", name="frames")
    def frames(request: Request, key: str) -> HTMLResponse:
        chosen = _one(watch, sites, key)
        found = live.frames(pages.settings, chosen.first.device, pages.clock())
        return pages.show(request, "frames.html", found=found, zone=_zone(watch, chosen))

    return router


def _all(watch: Watch, sites: Sites) -> list[Chosen]:
    seen = watch.now()
    known = {site.site: site for site in sites.known()}
    groups: dict[tuple[str, str], list[Place]] = {}
    for place in seen.snapshot.places if seen else ():
        groups.setdefault((place.site, place.device), []).append(place)
    return [
        Chosen(places, site, site.device(device) if site else None)
        for (name, device), places in groups.items()
        for site in [known.get(name)]
    ]


def _one(watch: Watch, sites: Sites, key: str) -> Chosen:
    found = next((one for one in _all(watch, sites) if one.key == key), None)
    if found is None:
        raise NotHere("There is no such device: it is in no site's registry, and nobody heard it in the last week.")
    return found


def _text(one: Chosen) -> str:
    return f"{one.first.label} {one.first.device} {one.first.zone}".casefold()


def _zone(watch: Watch, chosen: Chosen) -> str:
    seen = watch.now()
    return chosen.site.timezone if chosen.site else seen.snapshot.timezone if seen else "UTC"
