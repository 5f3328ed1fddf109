"""The tabs in Airflow's own pages: what a DAG is for, and what one of its runs made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.live.ledger import BatchRow, batches_of
from barograph_airflow.ui.pages import Pages, path, zone_of
from barograph_airflow.ui.runs import facts_of
from barograph_airflow.ui.shelf import Shelf

PAGES = {
    "ingest": "data",
    "daily": "reports",
    "weekly": "reports",
    "monthly": "reports",
    "backup": "health",
    "compaction": "data",
    "maintenance": "data",
    "backtest": "backtests",
}
"""DAG -> the page that shows what its runs amount to."""


def routes(pages: Pages, shelf: Shelf) -> APIRouter:
    router = APIRouter()

    @router.get("/dags/{dag_id}", name="dag", dependencies=[Depends(requires_access_dag("GET"))])
    def dag(request: Request, dag_id: str) -> RedirectResponse:
        return RedirectResponse(path(request, PAGES.get(dag_id, "now")))

    @router.get(
        "/runs/{dag_id}/{run_id:path}",
        name="run",
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
    )
    def run(request: Request, dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
        made = facts_of(session, dag_id, run_id)
        batches, why = _batches(pages, made)
        return pages.show(
            request,
            "run.html",
            dag_id=dag_id,
            run_id=run_id,
            made=made,
            cards_made=shelf.cards_of(made),
            batches=batches,
            why=why,
            zone=zone_of(pages.settings),
        )

    return router


def _batches(pages: Pages, made: Iterable[Mapping[str, Any]]) -> tuple[list[BatchRow], str]:
    """The ledger's lines of the batches that a run completed, and why they cannot be shown."""
    numbers = [number for facts in made for number in _numbers(facts.get("batches"))]
    if not numbers:
        return [], ""
    from barograph.state.engine import connect

    try:
        return batches_of(connect(pages.settings), numbers), ""
    except (BarographError, SQLAlchemyError) as error:
        return [], str(error).partition("\n")[0]


def _numbers(told: object) -> list[int]:
    return [number for number in told if isinstance(number, int)] if isinstance(told, list) else []
