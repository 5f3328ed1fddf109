"""A back-test from the form of its DAG to the page that shows what would have fired."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.models.dag import DagModel
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.xcom import XCom
from tests.unit.airflow.visitors import visit
from tests.unit.hindsight.test_backtest import FIRST, HOSTILE, LAST, PRESENT, SITE, STRICTER, course

from barograph.settings import Settings, load_settings
from barograph.testing import readings, settled_day
from barograph.windows import Window
from barograph_airflow import stages
from barograph_airflow.steps import step
from barograph_airflow.ui.app import create_app

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, settings_here: pytest.MonkeyPatch) -> Settings:
    """A shop with two settled days, one device of which has a name that is a script."""
    for day in (FIRST, LAST):
        rows = readings(HOSTILE, "temperature", Window.local_day(day, SITE.timezone), course, cadence=60)
        settled_day(tmp_path, SITE, day, rows)
    folder = tmp_path / "sites" / "shop"
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text("site: shop\nname: <b>Shop\ntimezone: Europe/Berlin\n")
    (folder / "rules.yaml").write_text(PRESENT)
    settings_here.setenv("BAROGRAPH_HOME", str(tmp_path))
    return load_settings()


def form(**filled: Any) -> dict[str, Any]:
    run = SimpleNamespace(run_type="manual", data_interval_end=None, run_after=NOW)
    empty = {"rules": None, "site": None, "first": None, "last": None, "per_day": None}
    return {"dag_run": run, "params": {**empty, **filled}}


def test_an_empty_form_is_the_rules_in_force_over_the_last_thirty_days(settings: Settings):
    facts = stages.backtest(settings, form(), None)

    assert (2, 4, 4, 0, 0) == tuple(facts[name] for name in ("days", "alarms", "in_force", "gained", "lost"))


def test_pasted_rules_are_compared_and_the_page_is_one_click_away(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    facts = stages.backtest(settings, form(rules=STRICTER, first=str(FIRST), last=str(LAST), per_day=1.0), None)
    create_auth_manager().init()
    monkeypatch.setattr(DagModel, "get_team_name", lambda *_, **__: None)
    viewer = visit(create_app(settings, clock=lambda: NOW), "viewer")

    listed = viewer.get("/backtests").text
    shown = viewer.get(f"/backtests/{facts['backtest']}").text
    page = viewer.get(f"/backtests/{facts['backtest']}/page")

    assert 2 == facts["lost"]
    assert f"/backtests/{facts['backtest']}" in listed
    assert f"/backtests/{facts['backtest']}/page" in shown
    assert "script-src" not in page.headers["content-security-policy"]
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text


def test_the_run_has_a_button_to_its_page(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(XCom, "get_value", lambda **_: {"backtest": "0" * 20})
    task = step("backtest")

    link = task.operator_extra_links[0].get_link(task, ti_key=None)

    assert f"/plugin/barograph/barograph/backtests/{'0' * 20}" == link


def test_bad_rules_are_told_with_their_line_and_not_tried_again(settings: Settings):
    with pytest.raises(AirflowFailException, match=r"rules.yaml:1.*abov"):
        step("backtest").execute(form(rules="rules: [{rule: warm, metric: temperature, abov: 8}]"))


@pytest.mark.parametrize("key", ["0" * 20, "..%2F..%2Fsecret", "secret"])
def test_what_is_no_back_test_is_not_found(settings: Settings, key: str):
    create_auth_manager().init()
    viewer = visit(create_app(settings, clock=lambda: NOW), "viewer")

    assert {404} == {viewer.get(f"/backtests/{key}{rest}").status_code for rest in ("", "/page")}
    assert "No back-test yet." in viewer.get("/backtests").text
