from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.unit.airflow.visitors import visit

from barograph.settings import Settings, load_settings
from barograph_airflow.links import page_id
from barograph_airflow.ui import app as pages
from barograph_airflow.ui import dags, words

HOSTILE = "<script>alert('x')</script>\u202e" + "x" * 200
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch) -> Settings:
    return load_settings(tmp_path)


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return pages.create_app(settings, clock=lambda: NOON)


@pytest.fixture
def viewer(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with visit(app, "viewer") as client:
        yield client


def publish(settings: Settings, day: str, site: str = "demo", revision: int = 1, **summary: Any) -> Path:
    folder = settings.reports_folder / site / day / f"r{revision}"
    (folder / "charts").mkdir(parents=True)
    (folder / "index.html").write_text("<p>the report</p>")
    (folder / "readings.csv").write_text("time,value\n")
    (folder / "charts" / "overview.png").write_bytes(b"\x89PNG")
    content = {"name": "Demo shop", "verdict": "fine", "headline": "All fine", **summary}
    (folder / "report.json").write_text(json.dumps(content))
    return folder


def test_a_viewer_sees_the_reports(settings: Settings, viewer: TestClient):
    publish(settings, "2026-11-22")

    page = viewer.get("/reports")

    assert page.status_code == 200
    assert "All fine" in page.text
    assert "Sun 22 Nov" in page.text
    assert "Sunday, 22 November 2026: Fine" in page.text
    assert f"/reports/{page_id('demo', '2026-11-22')}" in page.text


def test_a_report_and_its_files_are_found_by_opaque_id(settings: Settings, viewer: TestClient):
    publish(settings, "2026-11-22")
    key = page_id("demo", "2026-11-22")

    assert f"/reports/{key}/r1/index.html" in viewer.get(f"/reports/{key}").text
    assert viewer.get(f"/reports/{key}/r1/index.html").text == "<p>the report</p>"
    assert viewer.get(f"/reports/{key}/r1/charts/overview.png").headers["content-type"] == "image/png"
    assert (
        "demo-2026-11-22-readings.csv" in viewer.get(f"/reports/{key}/r1/readings.csv").headers["content-disposition"]
    )


def test_the_day_before_and_after_and_each_revision_are_one_click_away(settings: Settings, viewer: TestClient):
    for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
        publish(settings, day)
    publish(settings, "2026-11-21", revision=2)

    page = viewer.get(f"/reports/{page_id('demo', '2026-11-21')}").text

    assert page_id("demo", "2026-11-20") in page
    assert page_id("demo", "2026-11-22") in page
    assert "r2/index.html" in page
    assert "revision=1" in page


@pytest.mark.parametrize(
    "address",
    [
        "/reports/{key}/r1/../../../../secret",
        "/reports/{key}/r1/..%2F..%2F..%2F..%2Fsecret",
        "/reports/{key}/r1//etc/passwd",
        "/reports/{key}/r1/%2Fetc%2Fpasswd",
        "/reports/{key}/r1/link",
        "/reports/{key}/r1/charts",
        "/reports/{key}/r1/nul%00",
        "/reports/{key}/r2/index.html",
        "/reports/demo/r1/index.html",
        "/reports/..%2F..%2Fsecret",
        "/static/..%2Fapp.py",
        "/static/app.py",
    ],
)
def test_nothing_else_of_the_disk_can_be_had(address: str, settings: Settings, viewer: TestClient):
    folder = publish(settings, "2026-11-22")
    (settings.home / "secret").write_text("told to nobody")
    (folder / "link").symlink_to(settings.home / "secret")

    answer = viewer.get(address.format(key=page_id("demo", "2026-11-22")))

    assert answer.status_code == 404
    assert "told to nobody" not in answer.text


def test_hostile_names_stand_there_as_text(settings: Settings, viewer: TestClient):
    publish(settings, "2026-11-22", name=HOSTILE, headline=HOSTILE, verdict='fine" onload="x')
    publish(settings, "2026-11-22", site="other")

    for address in ("/reports", f"/reports/{page_id('demo', '2026-11-22')}"):
        page = viewer.get(address).text
        assert "<script>" not in page
        assert 'onload="' not in page
        assert "&lt;script&gt;" in page


def test_a_page_runs_no_script_but_ours_and_is_framed_only_by_us(settings: Settings, viewer: TestClient):
    publish(settings, "2026-11-22")
    for address in ("/reports", "/data", f"/reports/{page_id('demo', '2026-11-22')}/r1/index.html", "/nowhere"):
        headers = viewer.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"].replace("style-src 'unsafe-inline'", "")
        assert "frame-ancestors 'self'" in headers["content-security-policy"]


def test_a_report_made_a_moment_ago_is_found(settings: Settings, viewer: TestClient):
    """The listing is kept for some seconds; the button on a task must not wait for it."""
    publish(settings, "2026-11-21")
    viewer.get("/reports")
    publish(settings, "2026-11-22")

    assert viewer.get(f"/reports/{page_id('demo', '2026-11-22')}").status_code == 200


def test_a_damaged_report_does_not_hide_the_others(settings: Settings, viewer: TestClient):
    publish(settings, "2026-11-21")
    (publish(settings, "2026-11-22") / "report.json").write_text("{")

    page = viewer.get("/reports").text

    assert "damaged" in page
    assert "All fine" in page


def test_no_reports_yet_says_what_to_do(viewer: TestClient):
    assert "No reports yet" in viewer.get("/reports").text


def test_a_run_shows_what_it_made(settings: Settings, viewer: TestClient, monkeypatch: pytest.MonkeyPatch):
    publish(settings, "2026-11-22")
    made = [
        {"step": "settle", "site": "demo", "day": "2026-11-22", "stored": 10080},
        {"step": "report", "site": "demo", "day": "2026-11-22", "revision": 1, "headline": HOSTILE},
        {"step": "report", "site": "../..", "day": "2026-11-22", "revision": 1},
    ]
    monkeypatch.setattr(dags, "facts_of", lambda session, dag_id, run_id: made)

    page = viewer.get("/runs/daily/scheduled__2026-11-22T23:00:00+00:00").text

    assert page.count('class="card"') == 1
    assert "10,080" in page
    assert "<script>" not in page


def test_ages_and_days_are_said_in_words():
    assert [words.ago(timedelta(seconds=seconds)) for seconds in (5, 150, 9000, 200_000)] == [
        "5 s ago", "2 min ago", "2 h ago", "2 d ago"
    ]  # fmt: skip
    assert words.long_day(date(2026, 11, 22)) == "Sunday, 22 November 2026"
