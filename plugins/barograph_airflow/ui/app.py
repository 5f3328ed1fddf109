"""The application behind the pages. Every route asks who is there, because the application itself does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag, requires_access_view
from airflow.sdk.timezone import utcnow
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from barograph.errors import ReportError
from barograph.settings import Settings
from barograph_airflow.ui import words
from barograph_airflow.ui.operations import Operations
from barograph_airflow.ui.runs import facts_of
from barograph_airflow.ui.shelf import Shelf

HERE = Path(__file__).parent

PAGE = "default-src 'none'; img-src 'self'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
frame-ancestors 'self'"
REPORT = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"

STATIC = {"barograph.css": "text/css", "icon.svg": "image/svg+xml"}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
SHOWN_IN_PLACE = (".html", ".svg", ".png")


def create_app(settings: Settings, clock: Callable[[], datetime] = utcnow) -> FastAPI:
    app = FastAPI(
        title="Barograph",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    )
    shelf = Shelf(settings)
    operations = Operations(settings, clock)
    templates = _environment()

    def page(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        path = partial(_path, request)
        return HTMLResponse(templates.get_template(template).render(path=path, **facts), status_code=status)

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
        return page(request, "missing.html", status=404, what=str(error))

    @app.get("/", name="home")
    def home(request: Request) -> RedirectResponse:
        return RedirectResponse(_path(request, "reports"))

    @app.get("/reports", name="reports")
    def reports(request: Request, site: str | None = None, before: date | None = None) -> HTMLResponse:
        return page(request, "reports.html", view=shelf.view(site, before))

    @app.get("/reports/{key}", name="report")
    def report(request: Request, key: str, revision: int | None = None) -> HTMLResponse:
        return page(request, "report.html", card=shelf.card(key, revision), beside=shelf.beside(key))

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

    @app.get("/operations", name="operations")
    def show_operations(request: Request) -> HTMLResponse:
        return page(request, "operations.html", now=operations.now())

    @app.get(
        "/runs/{dag_id}/{run_id:path}",
        name="run",
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
    )
    def run(request: Request, dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
        made = facts_of(session, dag_id, run_id)
        return page(request, "run.html", dag_id=dag_id, run_id=run_id, made=made, cards_made=shelf.cards_of(made))

    @app.get("/static/{name}", name="static")
    def static(name: str) -> FileResponse:
        if name not in STATIC:
            raise HTTPException(404)
        return FileResponse(HERE / "static" / name, media_type=STATIC[name], headers={"Cache-Control": "max-age=600"})

    return app


def _path(request: Request, route: str, /, **facts: Any) -> str:
    """The address of one of our pages, from the root of the host: a proxy may speak another scheme than we do."""
    query = facts.pop("query", None)
    address = request.scope.get("root_path", "") + str(request.app.url_path_for(route, **facts))
    return f"{address}?{words.query(query)}" if query else address


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": words.count,
        "long_day": words.long_day,
        "short_day": words.short_day,
        "month": words.month,
        "ago": words.ago,
        "moment": words.moment,
        "fact": words.fact,
    }
    return environment
