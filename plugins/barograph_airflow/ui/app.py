"""The application behind the pages. Every route asks who is there, because the application itself does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from airflow.sdk.timezone import utcnow
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from barograph.errors import BarographError, ReportError
from barograph.live.ledger import Flow
from barograph.live.now import Sites, Snapshot
from barograph.settings import Settings
from barograph_airflow.ui import alarms, backtests, dags, data, devices, guard, health, now, plan, reports, start
from barograph_airflow.ui.actions import Actions
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.errors import NotHere, Refused
from barograph_airflow.ui.live import Watch
from barograph_airflow.ui.pages import Pages, path
from barograph_airflow.ui.shelf import Shelf

PAGE = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; \
form-action 'self'; base-uri 'none'; frame-ancestors 'self'"

STATUS = {ReportError: 404, NotHere: 404, Refused: 422}


def create_app(
    settings: Settings,
    clock: Callable[[], datetime] = utcnow,
    watch: Watch | None = None,
    actions: Actions | None = None,
    ask: Callable[[datetime], health.Health] | None = None,
    flow: Callable[[datetime], Flow] | None = None,
) -> FastAPI:
    """`watch`, `ask` and `flow` look for the pages, `actions` act; unless given, they do so at our servers."""
    app = FastAPI(title="Barograph", docs_url=None, redoc_url=None, openapi_url=None, dependencies=guard.EVERY_ROUTE)
    pages = Pages(settings, clock)
    shelf = Shelf(settings)

    @app.middleware("http")
    async def guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.setdefault("Content-Security-Policy", PAGE)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    @app.exception_handler(BarographError)
    def refused(request: Request, error: BarographError) -> HTMLResponse:
        """What was asked for is not there, or a server is away: said where it was asked for."""
        status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 503)
        template = "refused.html" if guard.HEADER in request.headers else "missing.html"
        return pages.show(request, template, status=status, what=str(error), status_code=status)

    @app.get("/", name="home")
    def home(request: Request) -> RedirectResponse:
        return RedirectResponse(path(request, "now"))

    sites = Sites(settings.sites_folder)
    watch = watch or Watch(_look(settings, sites), clock)
    app.include_router(now.routes(pages, watch))
    app.include_router(plan.routes(pages, watch, sites))
    app.include_router(start.routes(pages, watch, sites))
    app.include_router(devices.routes(pages, watch, sites))
    app.include_router(health.routes(pages, ask))
    days = Days(settings, sites)
    app.include_router(reports.routes(pages, shelf, days, actions or Actions(settings)))
    app.include_router(data.routes(pages, shelf, days, flow))

    app.include_router(dags.routes(pages, shelf))
    app.include_router(alarms.routes(pages))
    app.include_router(backtests.routes(pages))

    @app.get("/static/{name}", name="static")
    def static(name: str, v: str = "") -> Response:
        if name not in pages.assets:
            raise HTTPException(404)
        asset = pages.assets[name]
        kept = "private, max-age=31536000, immutable" if v == asset.digest else "private, max-age=600"
        return Response(asset.content, media_type=asset.kind, headers={"Cache-Control": kept})

    return app


def _look(settings: Settings, sites: Sites) -> Callable[[datetime], Snapshot]:
    def look(at: datetime) -> Snapshot:
        from barograph.live.now import look
        from barograph.state.engine import connect

        return look(settings, connect(settings), sites.now(), at)

    return look
