"""What every page is made with: templates, addresses, navigation, and who is looking."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from barograph import registry
from barograph.errors import BarographError
from barograph.notify.words import found
from barograph.settings import Settings
from barograph_airflow.links import opaque
from barograph_airflow.ui import words

HERE = Path(__file__).parent

NAVIGATION = {
    "now": "Now",
    "devices": "Devices",
    "alarms": "Alarms",
    "reports": "Reports",
    "data": "Data",
    "health": "Health",
}
"""Route -> what it is called, in the order of the tabs. A template's block `kind` is its route."""


@dataclass(frozen=True)
class Asset:
    """A file for the browser. Its digest stands in its address, so that it may be kept for ever."""

    content: bytes
    kind: str
    digest: str


def assets(folder: Path = HERE / "static") -> dict[str, Asset]:
    kinds = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in kinds:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            found[path.name] = Asset(content, kinds[path.suffix], digest)
    return found


class Pages:
    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self.clock = clock
        self.assets = assets()
        self._templates = _environment()

    def show(self, request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """A page, or a part of one that htmx asks for. Templates also have `path`, `asset`, `tabs` and `visitor`."""
        text = self._templates.get_template(template).render(
            path=partial(path, request),
            asset=partial(self._asset, request),
            tabs={route: name for route, name in NAVIGATION.items() if _has(request, route)},
            visitor=request.state.visitor,
            opaque=opaque,
            server_time=self.clock().isoformat(),
            **facts,
        )
        return HTMLResponse(text, status_code=status)

    def _asset(self, request: Request, name: str) -> str:
        return path(request, "static", name=name, query={"v": self.assets[name].digest})


def zone_of(settings: Settings) -> str:
    """The time zone in which pages say times."""
    if settings.reports.timezone:
        return settings.reports.timezone
    try:
        return registry.read_sites(settings.sites_folder)[0].timezone
    except BarographError:
        return "UTC"


def path(request: Request, route: str, /, **facts: Any) -> str:
    """The address of one of our pages, from the root of the host: a proxy may speak another scheme than we do."""
    query = facts.pop("query", None)
    address = request.scope.get("root_path", "") + _below(request.app, route, tuple(facts.items()))
    return f"{address}?{words.query(query)}" if query else address


@lru_cache(maxsize=8192)
def _below(app: FastAPI, route: str, facts: tuple[tuple[str, Any], ...]) -> str:
    """Starlette goes through all routes each time: of a page with a thousand links that was a third."""
    return str(app.url_path_for(route, **dict(facts)))


def _has(request: Request, route: str) -> bool:
    return any(getattr(one, "name", None) == route for one in request.app.routes)


@cache
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
        "bytes": words.size,
        "long_date": lambda moment: words.long_day(moment.date()),
        "lasting": words.lasting,
        "seconds": words.seconds,
        "lasted": words.lasted,
        "found": found,
        "moment": words.moment,
        "field": words.field,
        "fact": words.fact,
    }
    return environment
