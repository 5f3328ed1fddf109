"""Back-tests: rules that were tried on past days, and what would have fired."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from barograph.reports import backtest_shelf
from barograph.windows import utc
from barograph_airflow.ui.pages import Pages, zone_of

PAGE = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'self'"
"""Its page is one file, with its own style and nothing else."""


def routes(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/backtests", name="backtests")
    def listed(request: Request) -> HTMLResponse:
        found = backtest_shelf.shelf(pages.settings)
        return pages.show(request, "backtests.html", found=found, zone=zone_of(pages.settings), utc=utc)

    @router.get("/backtests/{key}", name="backtest")
    def one(request: Request, key: str) -> HTMLResponse:
        return pages.show(request, "backtest.html", found=backtest_shelf.find(pages.settings, key))

    @router.get("/backtests/{key}/page", name="backtest_page")
    def page(key: str) -> FileResponse:
        headers = {"Content-Security-Policy": PAGE}
        return FileResponse(backtest_shelf.find(pages.settings, key).page, media_type="text/html", headers=headers)

    return router
