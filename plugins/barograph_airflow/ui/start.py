"""First steps: what to do next, and what of it is done already, while it is being done."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from barograph.live.first_steps import Step, all_done, first_steps, shipped
from barograph.live.now import Sites
from barograph_airflow.ui.live import Watch
from barograph_airflow.ui.pages import Pages

LATELY = timedelta(days=1)


def routes(pages: Pages, watch: Watch, sites: Sites) -> APIRouter:
    router = APIRouter()

    @router.get("/start", name="start")
    def start(request: Request) -> HTMLResponse:
        return pages.show(request, "start.html", steps=_steps(pages, watch, sites), folder=pages.settings.sites_folder)

    @router.get("/start/left", name="left")
    def left(request: Request) -> HTMLResponse:
        """What Now says of it: nothing, once all is done."""
        steps = _steps(pages, watch, sites)
        return pages.show(request, "left.html", done=sum(bool(step.done) for step in steps), all_done=all_done(steps))

    return router


def _steps(pages: Pages, watch: Watch, sites: Sites) -> list[Step]:
    seen = watch.now()
    since = pages.clock() - LATELY
    heard = {place.device for place in (seen.snapshot.places if seen else ()) if place.time and place.time > since}
    folder = pages.settings.sites_folder
    known = {device.device for site in sites.known() if shipped(folder / site.site) for device in site.devices}
    return first_steps(pages.settings, heard, known)
