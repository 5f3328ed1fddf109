"""Now: every measuring point by zone, kept up to date by sending what has changed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from barograph.live.now import Place, by_zone
from barograph_airflow.links import device_id, opaque
from barograph_airflow.ui import drawing
from barograph_airflow.ui.live import Seen, Watch
from barograph_airflow.ui.pages import Pages, path

MOST = 400
"""Rows on one page; where there are more, those that are not fine come first, and a zone shows its own."""

WORDS = {"alarm": "Alarm", "bad": "Bad value", "silent": "Silent", "doubt": "Doubtful", "fine": "Fine"}
BADGES = {"alarm": "wrong", "bad": "wrong", "silent": "doubt", "doubt": "doubt", "fine": "fine"}


def routes(pages: Pages, watch: Watch) -> APIRouter:
    router = APIRouter()
    facts = {"words": WORDS, "badges": BADGES, "id_of": id_of, "device_id": device_id, "spark": drawing.sparkline,
             "number": drawing.number}  # fmt: skip

    @router.get("/now", name="now")
    def now(request: Request, zone: str = "", show: str = "", q: str = "") -> HTMLResponse:
        seen = watch.now()
        chosen = Choice(seen, zone, show, q)
        return shown(request, "now.html", seen, chosen)

    @router.get("/now/news", name="news")
    def news(request: Request, since: int, zone: str = "", show: str = "", q: str = "") -> HTMLResponse:
        """What changed, and when to ask again; everything where rows came or went."""
        seen = watch.now()
        chosen = Choice(seen, zone, show, q)
        fresh = seen.since(since) if seen else []
        whole = not seen or chosen.show != "all" or len(fresh) == len(seen.snapshot.places)
        rows = [] if whole else [place for place in fresh if place in chosen.places]
        return shown(request, "news.html", seen, chosen, rows=rows, whole=whole and bool(fresh))

    def shown(request: Request, template: str, seen: Seen | None, chosen: Choice, **more: Any) -> HTMLResponse:
        number = seen.number if seen else 0
        again = path(request, "news", query=chosen.query(since=number, show=chosen.show))
        return pages.show(
            request, template, seen=seen, chosen=chosen, at=pages.clock(), again=again, when="every 5s", **facts, **more
        )

    return router


class Choice:
    """The rows that a visitor asked for."""

    def __init__(self, seen: Seen | None, zone: str, show: str, q: str) -> None:
        everything = seen.snapshot.places if seen else ()
        self.zones = by_zone(everything)
        self.zone = next((key for key in self.zones if opaque(*key) == zone), None)
        self.words = q.casefold().split()
        self.q = q
        found = [place for place in everything if self._wanted(place)]
        self.crowded = len(found) > MOST and not show
        self.show = "trouble" if show == "trouble" or self.crowded else "all"
        trouble = [place for place in found if place.state != "fine"]
        self.all, self.trouble = len(found), len(trouble)
        chosen = trouble if self.show == "trouble" else found
        self.cut = max(0, len(chosen) - MOST) if not self.zone else 0
        self.places = chosen[:MOST] if not self.zone else chosen

    def _wanted(self, place: Place) -> bool:
        if self.zone and (place.site, place.zone) != self.zone:
            return False
        text = f"{place.label} {place.device} {place.zone} {place.metric.label} {place.metric.name}".casefold()
        return all(word in text for word in self.words)

    @property
    def by_zone(self) -> dict[tuple[str, str], list[Place]]:
        return by_zone(self.places)

    def query(self, **other: Any) -> dict[str, Any]:
        """This choice as parameters of an address, with something else in it."""
        zone = opaque(*self.zone) if self.zone else None
        show = None if self.crowded or self.show == "all" else self.show
        return {"zone": zone, "show": show, "q": self.q or None, **other}


def id_of(place: Place) -> str:
    return "p" + opaque(*place.key)[:12]
