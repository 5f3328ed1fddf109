from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from tests.unit.airflow.shops import Pressed, a_health, seen
from tests.unit.airflow.visitors import FROM_HERE, visit

from barograph.live.ledger import Flow
from barograph.settings import load_settings
from barograph_airflow.ui import guard
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.live import Watch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILL = {"key": "0" * 20, "revision": "1", "name": "index.html", "dag_id": "daily", "run_id": "x", "day": "2026-11-20"}
"""What stands for a parameter in an address; all others are 1."""


@pytest.fixture
def app(tmp_path, airflow_lets_in: pytest.MonkeyPatch) -> FastAPI:
    watch = Watch(lambda at: seen(at), lambda: NOON)
    app = create_app(load_settings(tmp_path), lambda: NOON, watch, Pressed(), a_health, lambda at: Flow(at, "x"))

    @app.post("/done", dependencies=[guard.OPERATE])
    def done() -> str:
        return "done"

    return app


def walk(app: FastAPI) -> Iterator[tuple[str, str]]:
    """(method, address) of every route there is."""
    for route in app.routes:
        address = re.sub(r"{(\w+)(:\w+)?}", lambda found: FILL.get(found[1], "1"), route.path)
        for method in sorted(route.methods - {"HEAD"}):
            yield method, address


def answers(app: FastAPI, who: str, headers: dict[str, str]) -> dict[tuple[str, str], int]:
    client = visit(app, who)
    return {
        (method, address): client.request(method, address, headers=headers, follow_redirects=False).status_code
        for method, address in walk(app)
    }


def test_a_stranger_is_answered_nowhere(app: FastAPI):
    found = answers(app, "stranger", FROM_HERE)

    assert len(found) >= 8
    assert dict.fromkeys(found, 401) == found


@pytest.mark.parametrize("who", ["viewer", "operator", "admin"])
def test_whoever_may_see_airflow_may_look_at_every_page(app: FastAPI, who: str):
    found = answers(app, who, FROM_HERE)

    # A run's page asks Airflow's database, which is not there: it was let in.
    assert {} == {at: code for at, code in found.items() if at[0] == "GET" and code in (401, 403, 405)}


def test_a_viewer_changes_nothing(app: FastAPI):
    found = answers(app, "viewer", FROM_HERE)

    changing = {at: code for at, code in found.items() if at[0] != "GET"}
    assert changing
    assert dict.fromkeys(changing, 403) == changing


@pytest.mark.parametrize("who", ["operator", "admin"])
def test_who_may_start_runs_may_also_act(app: FastAPI, who: str):
    found = answers(app, who, FROM_HERE)

    assert {} == {at: code for at, code in found.items() if at[0] != "GET" and code in (401, 403, 405)}


@pytest.mark.parametrize(
    "headers",
    [{}, FROM_HERE | {"Sec-Fetch-Site": "cross-site"}, FROM_HERE | {"Sec-Fetch-Site": "same-site"}],
    ids=["a form of another site", "another site", "another port of this host"],
)
def test_what_another_page_makes_the_browser_send_is_refused(app: FastAPI, headers: dict[str, str]):
    """Cookies know no ports: whatever else runs on this host could act as our visitor."""
    found = answers(app, "admin", headers)

    changing = {at: code for at, code in found.items() if at[0] != "GET"}
    assert dict.fromkeys(changing, 403) == changing


def test_a_page_shows_its_buttons_to_those_who_may_press_them(app: FastAPI):
    @app.get("/me")
    def me(visitor: guard.VisitorDep) -> dict[str, object]:
        return {"name": visitor.name, "operates": visitor.operates}

    assert {"name": "viewer", "operates": False} == visit(app, "viewer").get("/me").json()
    assert {"name": "operator", "operates": True} == visit(app, "operator").get("/me").json()
