"""Reports: a calendar of days, one day, two days beside each other; made anew or made at all by runs of `daily`."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import FileResponse, HTMLResponse

from barograph.errors import ReportError
from barograph_airflow.notes import ASKED
from barograph_airflow.ui import calendar, guard
from barograph_airflow.ui.actions import Actions, local_today
from barograph_airflow.ui.comparing import compare
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.errors import Refused
from barograph_airflow.ui.pages import Pages
from barograph_airflow.ui.runs import last_backfill, state_of
from barograph_airflow.ui.shelf import Card, Shelf

REPORT = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
SHOWN_IN_PLACE = (".html", ".svg", ".png")
LATELY = timedelta(minutes=30)
"""So long a backfill that is over still shows how it went."""
LONGEST = 400
"""Days of one backfill: a year by mistake is enough."""

RUNS_OF_DAILY = Depends(requires_access_dag("GET", DagAccessEntity.RUN, param_dag_id="daily"))


def routes(pages: Pages, shelf: Shelf, days: Days, actions: Actions) -> APIRouter:
    router = APIRouter()

    @router.get("/reports", name="reports")
    def reports(
        request: Request, site: str | None = None, until: Annotated[date | None, Query(ge=date(1970, 4, 1))] = None
    ) -> HTMLResponse:
        at = pages.clock()
        names = shelf.sites()
        known = days.sites()
        chosen = next((one for one in (*known, *names) if one == site), next(iter((*known, *names)), None))
        if chosen is None:
            return pages.show(request, "reports.html", site=None, problem="")
        cards = shelf.by_day(chosen)
        today = local_today(at, days.zone(chosen))
        knows = days.known(chosen, cards)
        first = min([*cards, knows.first])
        last = min(until or today, today)
        shown = calendar.months(chosen, cards, knows.stale, first, today, last)
        listed = [day.card for month in shown for day in reversed(month.days) if day.card]
        return pages.show(
            request,
            "reports.html",
            site=chosen,
            names={one: names.get(one) or known.get(one) or one for one in sorted({*known, *names})},
            months=shown,
            cards=listed,
            longer=shelf.longer(chosen),
            until=until,
            missing=calendar.missing(cards, first, today),
            signed={one.day for one in knows.signed},
            newer=until is not None and until < today,
            newer_until=min(today, _months_on(last, calendar.MONTHS)),
            older_until=date.fromordinal(_month_before(last, calendar.MONTHS - 1).toordinal() - 1),
            has_older=first < _month_before(last, calendar.MONTHS - 1),
            yesterday=today - timedelta(days=1),
            problem=knows.problem,
        )

    @router.get("/reports/{key}", name="report")
    def report(request: Request, key: str, revision: int | None = None) -> HTMLResponse:
        card = shelf.card(key, revision)
        return pages.show(request, "report.html", beside=shelf.beside(key), **facts_of(card))

    def facts_of(card: Card) -> dict[str, Any]:
        site = card.published.site
        if not card.daily:
            return {"card": card, "stale": "", "signed": [], "signable": False, "zone": days.zone(site)}
        knows = days.known(site, [card.day])
        newest = card.revision == max(card.revisions, default=card.revision)
        return {
            "card": card,
            "stale": knows.stale.get(card.day, ""),
            "signed": knows.signed,
            "signable": newest and not knows.problem,
            "zone": days.zone(site),
        }

    @router.post("/reports/{key}/r{revision:int}/sign", name="sign", dependencies=[guard.OPERATE])
    def sign(
        request: Request,
        visitor: guard.VisitorDep,
        key: str,
        revision: int,
        comment: Annotated[str, Form(max_length=2000)] = "",
    ) -> HTMLResponse:
        card = shelf.card(key, revision)
        if not card.daily:
            raise Refused("Days are signed off, not longer times.")
        days.sign(card.published.site, card.day, revision, visitor.name, pages.clock(), comment)
        return pages.show(request, "signoffs.html", **facts_of(card))

    @router.get("/reports/{key}/r{revision:int}/{name:path}", name="file")
    def file(key: str, revision: int, name: str, download: bool = False) -> FileResponse:
        published = shelf.find(key, revision)
        path = published.file(name)
        shown = path.suffix in SHOWN_IN_PLACE and not download
        return FileResponse(
            path,
            media_type=TYPES.get(path.suffix, "application/octet-stream"),
            filename=None if shown else f"{published.site}-{published.day}-{path.name}",
            # A revision never changes.
            headers={"Content-Security-Policy": REPORT, "Cache-Control": "private, max-age=86400, immutable"},
        )

    @router.get("/compare", name="compare")
    def compare_days(request: Request, site: str, a: date, b: date) -> HTMLResponse:
        both = [shelf.by_day(site).get(day) for day in (a, b)]
        if None in both:
            raise ReportError(f"There is no report of {a if both[0] is None else b} to compare with.")
        return pages.show(request, "compare.html", a=both[0], b=both[1], rows=compare(*both), site=site)

    @router.post("/make/{site}/{day}", name="make", dependencies=[guard.OPERATE])
    def make(request: Request, visitor: guard.VisitorDep, site: str, day: date) -> HTMLResponse:
        if site not in {*days.sites(), *shelf.sites()}:
            raise ReportError(f"There is no site {site}.")
        run = actions.make_day(request, site, day, f"{ASKED} on the page Reports by {visitor.name}.")
        return pages.show(request, "making.html", run=run, site=site, day=day, state="queued", card=None)

    @router.get("/making/{site}/{day}/{run:path}", name="making", dependencies=[RUNS_OF_DAILY])
    def making(request: Request, session: SessionDep, site: str, day: date, run: str) -> HTMLResponse:
        state = state_of(session, "daily", run)
        card = shelf.by_day(site, kept=0).get(day) if state == "success" else None
        return pages.show(request, "making.html", run=run, site=site, day=day, state=state or "unknown", card=card)

    @router.post("/backfill", name="backfill", dependencies=[guard.OPERATE])
    def backfill(
        request: Request,
        first: Annotated[date, Form()],
        last: Annotated[date, Form()],
        anew: Annotated[bool, Form()] = False,
    ) -> HTMLResponse:
        zone = days.reporting_zone()
        today = local_today(pages.clock(), zone)
        if not first <= last < today:
            raise Refused("Choose a first day, and a last one that is not before it and is over.")
        if (last - first).days >= LONGEST:
            raise Refused(f"That are more than {LONGEST} days. Do it in parts.")
        actions.backfill(request, first, last, zone, anew)
        return pages.show(request, "backfill.html", progress=None, started=(first, last), at=pages.clock())

    @router.get("/backfill", name="progress", dependencies=[RUNS_OF_DAILY])
    def progress(request: Request, session: SessionDep) -> HTMLResponse:
        at = pages.clock()
        found = last_backfill(session, "daily", at - LATELY)
        answer = pages.show(request, "backfill.html", progress=found, started=None, at=at)
        if found and found.done:
            # The calendar listens: days light up as they are made.
            answer.headers["HX-Trigger"] = "days"
        return answer

    return router


def _month_before(day: date, months: int) -> date:
    """The first of the month so many months before."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _months_on(day: date, months: int) -> date:
    return _month_before(day, -months - 1) - timedelta(days=1)
