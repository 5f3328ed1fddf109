"""Data: the ledger, what waits, what was refused, late or lost, the archive's size, and days that lack a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from barograph.live.ledger import Flow, flow
from barograph_airflow.ui import calendar
from barograph_airflow.ui.actions import local_today
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.fresh import Fresh
from barograph_airflow.ui.pages import Pages
from barograph_airflow.ui.shelf import Shelf

KEPT, TOO_OLD = timedelta(seconds=10), timedelta(seconds=60)
RANGES = 20
"""Of days without a report on one page; the calendar has all."""


def routes(pages: Pages, shelf: Shelf, days: Days, look: Callable[[datetime], Flow] | None = None) -> APIRouter:
    router = APIRouter()
    make = look or (lambda at: flow(pages.settings, at))
    fresh: Fresh[Flow] = Fresh(lambda at, _: make(at), KEPT, TOO_OLD)

    @router.get("/data", name="data")
    def data(request: Request) -> HTMLResponse:
        at = pages.clock()
        return pages.show(
            request,
            "data.html",
            flow=fresh.now(at),
            at=at,
            zone=days.reporting_zone(),
            without=[(site, *each) for site in days.sites() for each in _without_report(shelf, days, site, at)],
            names=days.sites(),
        )

    return router


def _without_report(shelf: Shelf, days: Days, site: str, at: datetime) -> list[tuple[date, date, str]]:
    """(first, last, why) of a site's days that have no report, or a stale one; the newest first."""
    cards = shelf.by_day(site)
    knows = days.known(site)
    missing = calendar.missing(cards, min([*cards, knows.first]), local_today(at, days.zone(site)))
    why = {**dict.fromkeys(missing, "no report"), **knows.stale}
    ranges: list[tuple[date, date, str]] = []
    for day in sorted(why):
        if ranges and ranges[-1][1] == day - timedelta(days=1) and ranges[-1][2] == why[day]:
            ranges[-1] = (ranges[-1][0], day, why[day])
        else:
            ranges.append((day, day, why[day]))
    return ranges[::-1][:RANGES]
