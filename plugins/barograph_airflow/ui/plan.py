"""The plan on Now: zones as rooms, devices as marks where they hang, kept up to date by sending what has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from barograph.live.now import STATES, Place, Sites, State
from barograph.registry import Site
from barograph_airflow.links import device_id, opaque
from barograph_airflow.ui import drawing
from barograph_airflow.ui.live import Seen, Watch
from barograph_airflow.ui.now import WORDS
from barograph_airflow.ui.pages import Pages, path
from barograph_airflow.ui.rooms import Box, Layout, layout

WIDTHS = (300, 1400)
STEP = 20
"""Pixels: so many widths share a drawing."""
MOST = 1_200
"""Devices of a site; where there are more, those that are fine are only counted."""
LONGEST = 18
"""Letters of a device's name beneath its mark."""
A_LETTER, NARROW = 7.2, 150
"""Pixels of a room's name, and of a room that has no room for words about it."""

SHAPES: dict[State, str] = {
    "fine": "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0Z",
    "alarm": "M0-11 11 0 0 11-11 0Z",
    "bad": "M-6-6 6 6M6-6-6 6",
    "silent": "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0Z",
    "doubt": "M0-8 8 6H-8Z",
}
"""A full, a large, a crossed, a hollow and a pointed one: told apart without any colour."""


@dataclass(frozen=True)
class Mark:
    """A device on the plan. Names are outside text."""

    device: str
    id: str
    key: str
    x: float
    y: float
    written: str
    """Beneath it: named, valued, or nothing."""
    state: State
    value: str
    name: str
    said: Sequence[str]
    """All that it measures, and what is wrong: a line each."""


@dataclass(frozen=True)
class Room:
    zone: str
    id: str
    key: str
    box: Box
    name: str
    state: State
    said: str


@dataclass(frozen=True)
class Plan:
    """Of one site."""

    site: str
    width: int
    height: int
    rooms: Sequence[Room]
    marks: Sequence[Mark]
    edition: str
    """Of where everything is: another one has to be drawn anew."""
    crowded: bool


class Drawings:
    """The plans of what was seen last, for each width that somebody looks in: visitors share them, as they share it."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._kept: tuple[Seen | None, Sequence[Site], dict[int, list[Plan]]] = None, (), {}

    def now(self, seen: Seen | None, width: int) -> list[Plan]:
        sites = self._sites.known()
        kept = self._kept
        if kept[0] is not seen or kept[1] is not sites:
            kept = self._kept = seen, sites, {}
        plans = kept[2]
        if width not in plans:
            plans[width] = plans_of(sites, seen.snapshot.places if seen else (), width)
        return plans[width]


def routes(pages: Pages, watch: Watch, sites: Sites) -> APIRouter:
    router = APIRouter()
    drawings = Drawings(sites)

    @router.get("/now/plan", name="plan")
    def plan(request: Request) -> HTMLResponse:
        """The page around the drawing: how wide that may be is known when the browser asks for news."""
        again = path(request, "plan_news", query={"since": 0})
        return pages.show(request, "plan.html", seen=watch.now(), at=pages.clock(), again=again, when="load")

    @router.get("/now/plan/news", name="plan_news")
    def news(request: Request, since: int, drawn: str = "", width: int = 800) -> HTMLResponse:
        """Marks and rooms that changed, or all of them anew. `drawn`: the editions that are on the page."""
        seen = watch.now()
        pixels = min(max(width, WIDTHS[0]), WIDTHS[1]) // STEP * STEP
        places = seen.snapshot.places if seen else ()
        fresh = seen.since(since) if seen else []
        plans = drawings.now(seen, pixels)
        crowded = any(each.crowded for each in plans)
        editions = "-".join(each.edition for each in plans) or "none"
        whole = editions != drawn or (bool(fresh) and (crowded or len(fresh) == len(places)))
        devices = {(place.site, place.device) for place in fresh}
        zones = {(place.site, place.zone) for place in fresh}
        return pages.show(
            request,
            "plan-news.html",
            seen=seen,
            at=pages.clock(),
            again=path(request, "plan_news", query={"since": seen.number if seen else 0, "drawn": editions}),
            when="every 5s",
            whole=whole,
            plans=plans,
            rooms=[room for each in plans for room in each.rooms if (each.site, room.zone) in zones],
            marks=[mark for each in plans for mark in each.marks if (each.site, mark.device) in devices],
            shapes=SHAPES,
            words=WORDS,
        )

    return router


def plans_of(sites: Iterable[Site], places: Iterable[Place], width: int) -> list[Plan]:
    """Of every site that has measuring points, so many pixels wide. The registry says where rooms and devices are."""
    known = {site.site: site for site in sites}
    devices: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        devices.setdefault((place.site, place.device), []).append(place)
    zones: dict[str, dict[str, list[list[Place]]]] = {}
    for (site, _), found in devices.items():
        zones.setdefault(site, {}).setdefault(found[0].zone, []).append(found)
    return [_plan(site, known.get(site), found, width) for site, found in zones.items()]


def _plan(name: str, site: Site | None, zones: dict[str, list[list[Place]]], width: int) -> Plan:
    """`zones`: of each its devices, of each of these what it measures."""
    laid = layout(site, tuple((zone, tuple(found[0].device for found in each)) for zone, each in zones.items()), width)
    inside = {zone: [_mark(laid, found) for found in each] for zone, each in zones.items()}
    rooms = [_room(name, zone, box, [mark.state for mark in inside.get(zone, ())]) for zone, box in laid.rooms.items()]
    # A wall belongs to two rooms: it is to be seen where there is an alarm on one side.
    rooms.sort(key=lambda room: room.state == "alarm")
    marks = [mark for each in inside.values() for mark in each]
    crowded = len(marks) > MOST
    shown = [mark for mark in marks if not crowded or mark.state != "fine"]
    return Plan(name, laid.width, laid.height, rooms, shown, laid.edition, crowded)


def _room(site: str, zone: str, box: Box, states: Sequence[State]) -> Room:
    counted = Counter(states)
    trouble = len(states) - counted["fine"]
    narrow = box.width < NARROW
    most = max(3, int((box.width - (44 if narrow else 64)) / A_LETTER))
    return Room(
        zone=zone,
        id="r" + opaque(site, zone)[:12],
        key=opaque(site, zone),
        box=Box(*(round(each, 1) for each in box)),
        name=_short(zone, most),
        state=min(counted, key=STATES.index, default="fine"),
        said=f"{trouble}{'/' if narrow else ' of '}{len(states)}" if trouble else str(len(states) or ""),
    )


def _mark(laid: Layout, places: Sequence[Place]) -> Mark:
    worst = min(places, key=lambda place: STATES.index(place.state))
    x, y, written = laid.marks[worst.device]
    return Mark(
        device=worst.device,
        id="m" + opaque(worst.site, worst.device)[:12],
        key=device_id(worst.site, worst.device),
        x=x,
        y=y,
        written=written,
        state=worst.state,
        value=_value(worst),
        name=_short(worst.label, LONGEST),
        said=[f"{worst.label}: {_word(worst)}", *map(_line, places)],
    )


def _line(place: Place) -> str:
    told = f"{place.metric.label} {_value(place)}"
    return told if place.state == "fine" else f"{told}: {place.alarm.message if place.alarm else _word(place)}"


def _word(place: Place) -> str:
    return place.alarm.severity.capitalize() if place.alarm else WORDS[place.state]


def _value(place: Place) -> str:
    value = drawing.number(place.value, place.metric.resolution)
    return f"{value} {place.metric.unit}" if place.metric.unit and place.value is not None else value


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
