"""Who may do what. Airflow decides: it knows the visitor, and each page asks for a right that Airflow has.

Looking needs the right to see Airflow's website; doing needs the right to start runs of `daily`, which viewers lack.
A page of another origin can send our visitor's cookie, even from another port of this host, but no header of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view
from fastapi import Depends, HTTPException, Request

DAG = "daily"
"""Whoever may start this may also rebuild, backfill, acknowledge and sign."""

HEADER = "HX-Request"
"""htmx sends it with everything; scripts of ours and others' may too, forms of strangers cannot."""

READING = ("GET", "HEAD", "OPTIONS")


def sent_from_here(request: Request) -> None:
    """Refuse what another site made the visitor's browser send."""
    if request.method in READING:
        return
    # Browsers say where a request is from wherever the connection is trusted; `none` is the address bar.
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin" or HEADER not in request.headers:
        raise HTTPException(403, f"Only Barograph's own pages may do this; scripts send the header {HEADER}: true.")


@dataclass(frozen=True)
class Visitor:
    name: str
    operates: bool
    """May rebuild, backfill, acknowledge, sign: the pages show these buttons."""


def visitor(user: GetUserDep) -> Visitor:
    manager = get_auth_manager()
    details = DagDetails(id=DAG)
    may = manager.is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user)
    return Visitor(user.get_name(), bool(may))


def _known(request: Request, visitor: Annotated[Visitor, Depends(visitor)]) -> None:
    request.state.visitor = visitor


EVERY_ROUTE = [Depends(requires_access_view(AccessView.WEBSITE)), Depends(sent_from_here), Depends(_known)]
"""Dependencies of the application itself, so that no page can lack them."""

OPERATE = Depends(requires_access_dag("POST", DagAccessEntity.RUN, param_dag_id=DAG))
"""Of each route that changes something."""

VisitorDep = Annotated[Visitor, Depends(visitor)]
