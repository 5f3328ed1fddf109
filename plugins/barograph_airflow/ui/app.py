"""The application behind the pages. Every route asks who is there, because the application itself does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.sdk.timezone import utcnow
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from barograph.errors import ReportError
from barograph.live.now import Sites, Snapshot
from barograph.settings import Settings
from barograph_airflow.ui import guard, now
from barograph_airflow.ui.live import Watch
from barograph_airflow.ui.operations import Operations
from barograph_airflow.ui.pages import Pages, path
from barograph_airflow.ui.runs import facts_of
from barograph_airflow.ui.shelf import Shelf

PAGE = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; \
form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
REPORT = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
SHOWN_IN_PLACE = (".html", ".svg", ".png")


def create_app(settings: Settings, clock: Callable[[], datetime] = utcnow, watch: Watch | None = None) -> FastAPI:
    """`watch` sees for the pages; unless given, it asks InfluxDB and SQL."""
    app = FastAPI(title="Barograph", docs_url=None, redoc_url=None, openapi_url=None, dependencies=guard.EVERY_ROUTE)
    pages = Pages(settings, clock)
    shelf = Shelf(settings)
    operations = Operations(settings, clock)

    @app.middleware("http")
    async def guarded(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.setdefault("Content-Security-Policy", PAGE)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    @app.exception_handler(ReportError)
    def missing(request: Request, error: ReportError) -> HTMLResponse:
        return pages.show(request, "missing.html", status=404, what=str(error))

    @app.get("/", name="home")
    def home(request: Request) -> RedirectResponse:
        return RedirectResponse(path(request, "now"))

    app.include_router(now.routes(pages, watch or Watch(_look(settings), clock)))

    @app.get("/reports", name="reports")
    def reports(request: Request, site: str | None = None, before: date | None = None) -> HTMLResponse:
        return pages.show(request, "reports.html", view=shelf.view(site, before))

    @app.get("/reports/{key}", name="report")
    def report(request: Request, key: str, revision: int | None = None) -> HTMLResponse:
        return pages.show(request, "report.html", card=shelf.card(key, revision), beside=shelf.beside(key))

    @app.get("/reports/{key}/r{revision:int}/{name:path}", name="file")
    def file(key: str, revision: int, name: str) -> FileResponse:
        published = shelf.find(key, revision)
        path = published.file(name)
        shown = path.suffix in SHOWN_IN_PLACE
        return FileResponse(
            path,
            media_type=TYPES.get(path.suffix, "application/octet-stream"),
            filename=None if shown else f"{published.site}-{published.day}-{path.name}",
            # A revision never changes.
            headers={"Content-Security-Policy": REPORT, "Cache-Control": "private, max-age=86400, immutable"},
        )

    @app.get("/data", name="data")
    def data(request: Request) -> HTMLResponse:
        return pages.show(request, "data.html", now=operations.now())

    @app.get(
        "/runs/{dag_id}/{run_id:path}",
        name="run",
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
    )
    def run(request: Request, dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
        made = facts_of(session, dag_id, run_id)
        return pages.show(request, "run.html", dag_id=dag_id, run_id=run_id, made=made, cards_made=shelf.cards_of(made))

    @app.get("/static/{name}", name="static")
    def static(name: str, v: str = "") -> Response:
        if name not in pages.assets:
            raise HTTPException(404)
        asset = pages.assets[name]
        kept = "private, max-age=31536000, immutable" if v == asset.digest else "private, max-age=600"
        return Response(asset.content, media_type=asset.kind, headers={"Cache-Control": kept})

    return app


def _look(settings: Settings) -> Callable[[datetime], Snapshot]:
    sites = Sites(settings.sites_folder)

    def look(at: datetime) -> Snapshot:
        from barograph.live.now import look
        from barograph.state.engine import connect

        return look(settings, connect(settings), sites.now(), at)

    return look
