from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.unit.airflow.shops import Pressed, a_health, seen
from tests.unit.airflow.visitors import FROM_HERE, visit

from barograph.errors import ServiceUnavailable
from barograph.settings import Settings, load_settings
from barograph.state.signoffs import Signoff
from barograph_airflow.links import page_id
from barograph_airflow.ui import calendar, reports
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.live import Watch
from barograph_airflow.ui.runs import Progress

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOON.date()
HOSTILE = "<script>alert('x')</script>\u202e" + "x" * 200


class Shop:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.buttons = Pressed()
        self.app = create_app(
            settings, lambda: NOON, Watch(lambda at: seen(at), lambda: NOON), self.buttons, a_health  # type: ignore[arg-type]
        )  # fmt: skip

    def visit(self, who: str = "operator") -> TestClient:
        return visit(self.app, who)

    def publish(self, day: str, revision: int = 1, site: str = "demo", **summary: Any) -> str:
        folder = self.settings.reports_folder / site / day / f"r{revision}"
        (folder / "charts").mkdir(parents=True)
        (folder / "index.html").write_text("<p>the report</p>")
        (folder / "readings.csv").write_text("time,value\n")
        content = {"name": "Demo shop", "verdict": "fine", "headline": "All fine", "files": {"readings.csv": ""}}
        (folder / "report.json").write_text(json.dumps(content | summary))
        return page_id(site, day)


@pytest.fixture
def shop(tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    (tmp_path / "sites" / "demo" / "site.yaml").write_text("site: demo\nname: Demo\ntimezone: Europe/Berlin\n")
    airflow_lets_in.setattr(Days, "_earliest", lambda _: date(2026, 11, 18))
    airflow_lets_in.setattr(Days, "_marks", lambda *_: {date(2026, 11, 20): "late data"})
    airflow_lets_in.setattr("barograph.state.engine.connect", lambda _: None)
    airflow_lets_in.setattr("barograph.state.signoffs.of", lambda *_: [])
    return Shop(load_settings(tmp_path))


def test_the_calendar_says_in_words_how_each_day_was(shop: Shop):
    shop.publish("2026-11-19", verdict="events")
    shop.publish("2026-11-20")

    page = shop.visit().get("/reports").text

    assert "Thursday, 19 November 2026: Events" in page
    assert "Friday, 20 November 2026: Fine, stale: late data" in page
    assert "Saturday, 21 November 2026: no report" in page
    assert "Wednesday, 18 November 2026: no report" in page
    assert "Tuesday, 17 November 2026: no data" in page
    assert "Sunday, 22 November 2026: not over yet" in page
    assert "2 days have no report" in page


def test_a_day_is_missing_only_if_it_is_over_and_there_was_data_before():
    cards = {TODAY - timedelta(days=2): object()}

    assert [TODAY - timedelta(days=3), TODAY - timedelta(days=1)] == (
        calendar.missing(cards, TODAY - timedelta(days=3), TODAY)  # type: ignore[arg-type]
    )
    assert [] == calendar.missing({}, date.max, TODAY)


def test_the_calendar_goes_back_three_months_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Days, "_earliest", lambda _: date(2025, 1, 1))

    first = shop.visit().get("/reports").text
    second = shop.visit().get("/reports?until=2026-08-31").text

    assert ["November", "October", "September"] == re.findall(r"<caption>(\w+)", first)
    assert "until=2026-08-31" in first
    assert ["August", "July", "June"] == re.findall(r"<caption>(\w+)", second)
    assert "until=2026-11-22" in second


@pytest.mark.parametrize("address", ["/reports?until=0001-01-01", "/reports?until=x", "/reports?site=../../x"])
def test_a_strange_address_breaks_nothing(shop: Shop, address: str):
    assert shop.visit().get(address).status_code in (200, 422)


def test_weeks_and_months_lie_beside_the_calendar_and_are_not_signed(shop: Shop):
    """What is confirmed is a day; a week's report is opened, downloaded and compared with nothing."""
    shop.publish("2026-11-16")
    key = shop.publish("week-2026-W47", verdict="events", headline="Too warm")
    shop.publish("week-2026-W47.zone-cold-1a2b3c4d")

    listed, page = (shop.visit().get(address).text for address in ("/reports", f"/reports/{key}"))
    refused = shop.visit().post(f"/reports/{key}/r1/sign", data={"comment": "x"}, headers=FROM_HERE)

    assert f'/reports/{key}" title="Events: Too warm">Week 47, 16 Nov – 22 Nov 2026</a>' in listed
    assert "Week 47, 16 Nov – 22 Nov 2026" in page
    assert "Rebuild</button>" not in page
    assert "Sign off" not in page
    assert 'rel="prev"' not in page
    assert 400 <= refused.status_code < 500


def test_only_who_may_start_runs_sees_the_buttons(shop: Shop):
    key = shop.publish("2026-11-20")

    for address, button in (("/reports", "Backfill</button>"), (f"/reports/{key}", "Rebuild</button>")):
        assert button in shop.visit("operator").get(address).text
        assert button not in shop.visit("viewer").get(address).text


def test_rebuild_starts_a_run_of_that_day_and_says_who_asked(shop: Shop):
    shop.publish("2026-11-20")

    answer = shop.visit().post("/make/demo/2026-11-20", headers=FROM_HERE)

    assert [("make", "demo", date(2026, 11, 20), "Asked for on the page Reports by operator.")] == shop.buttons.asked
    assert "being made anew: queued" in answer.text
    assert "/making/demo/2026-11-20/manual__1" in answer.text


def test_a_rebuilt_day_links_to_its_new_revision(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    key = shop.publish("2026-11-20")
    shop.publish("2026-11-20", revision=2)
    states = iter(["running", "success", "failed", None])
    monkeypatch.setattr(reports, "state_of", lambda *_: next(states))

    going, done, failed, unknown = (shop.visit().get("/making/demo/2026-11-20/manual__1").text for _ in range(4))

    assert "running" in going
    assert 'hx-trigger="every 2s"' in going
    assert "Show revision 2" in done
    assert f"/reports/{key}" in done
    assert "every 2s" not in done + failed
    assert "It failed" in failed
    assert "cannot be found" in unknown


def test_a_backfill_asks_airflow_for_the_range(shop: Shop):
    form = {"first": "2026-11-18", "last": "2026-11-21"}

    answer = shop.visit().post("/backfill", data=form, headers=FROM_HERE)
    shop.visit().post("/backfill", data=form | {"anew": "true"}, headers=FROM_HERE)

    days = (date(2026, 11, 18), date(2026, 11, 21), "Europe/Berlin")
    assert [("backfill", *days, False), ("backfill", *days, True)] == shop.buttons.asked
    assert "has begun" in answer.text


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-11-21", "2026-11-20"), ("2026-11-20", "2026-11-22"), ("2020-01-01", "2026-11-21"), ("x", "2026-11-21")],
)
def test_a_range_that_cannot_be_made_is_refused(shop: Shop, first: str, last: str):
    """Backwards, not over, six years by a slip of the hand, no date at all."""
    answer = shop.visit().post("/backfill", data={"first": first, "last": last}, headers=FROM_HERE)

    assert answer.status_code in (404, 422)
    assert [] == shop.buttons.asked


def test_what_airflow_refuses_is_said_where_the_button_was(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any) -> int:
        raise ServiceUnavailable("Airflow refuses POST /backfills: 409 <b>another one</b>")

    monkeypatch.setattr(shop.buttons, "backfill", refuse)

    answer = shop.visit().post("/backfill", data={"first": "2026-11-18", "last": "2026-11-21"}, headers=FROM_HERE)

    assert answer.status_code == 503
    assert "409 &lt;b&gt;another one&lt;/b&gt;" in answer.text
    assert "<html" not in answer.text


def test_a_backfill_shows_how_far_it_is_how_fast_and_how_long_still(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    going = Progress(1, 30, Counter(success=12, running=2, queued=16), NOON - timedelta(minutes=4), None)
    over = Progress(1, 30, Counter(success=29, failed=1), NOON - timedelta(minutes=20), NOON - timedelta(minutes=10))
    found = iter([going, over, None])
    monkeypatch.setattr(reports, "last_backfill", lambda *_: next(found))

    first, second, third = (shop.visit().get("/backfill").text for _ in range(3))

    for word in ("12 of 30 days", "2 running", "3 days a minute", "6 min to go", "every 3s"):
        assert word in first
    for word in ("29 of 30 days are made", "3 a minute", "1 failed"):
        assert word in second
    assert "every" not in second
    assert "<p>" not in third


def test_two_days_stand_beside_each_other(shop: Shop):
    def series(mean: float | None) -> dict[str, Any]:
        figures = {"min": 1.5, "mean": mean, "max": 9.0, "completeness": 0.99}
        return {"device": "f", "label": HOSTILE, "metric": "temperature", "unit": "°C"} | figures

    shop.publish("2026-11-19", series=[series(4.0), series(None) | {"device": "g"}, "nonsense"])
    shop.publish("2026-11-20", series=[series(5.25)], headline=HOSTILE)

    page = shop.visit().get("/compare?site=demo&a=2026-11-19&b=2026-11-20").text

    assert "+1.25" in page
    assert "99 %" in page
    assert "<script>" not in page
    assert 404 == shop.visit().get("/compare?site=demo&a=2026-11-19&b=2026-11-18").status_code


def test_a_report_is_downloaded_under_a_name_that_says_what_it_is(shop: Shop):
    key = shop.publish("2026-11-20")

    page = shop.visit().get(f"/reports/{key}").text
    file = shop.visit().get(f"/reports/{key}/r1/index.html?download=true")

    assert f"/reports/{key}/r1/readings.csv?download=true" in page
    assert "demo-2026-11-20-index.html" in file.headers["content-disposition"]


def test_without_sql_the_reports_are_there_all_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any) -> None:
        raise ServiceUnavailable("PostgreSQL <b>away</b>")

    monkeypatch.setattr(Days, "_earliest", away)
    monkeypatch.setattr(Days, "_marks", away)
    shop.publish("2026-11-20")

    page = shop.visit().get("/reports").text

    assert "All fine" in page
    assert "PostgreSQL &lt;b&gt;away&lt;/b&gt;" in page


class Signed:
    """Sign-offs as SQL would keep them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[Signoff] = []
        monkeypatch.setattr("barograph.state.signoffs.of", lambda _, site, days: self.rows)
        monkeypatch.setattr("barograph.state.signoffs.sign", lambda _, *what: self.rows.append(Signoff(*what)))


def test_a_person_signs_the_revision_that_he_sees(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    signed = Signed(monkeypatch)
    key = shop.publish("2026-11-20")

    answer = shop.visit().post(f"/reports/{key}/r1/sign", data={"comment": HOSTILE}, headers=FROM_HERE)

    assert [Signoff("demo", date(2026, 11, 20), 1, "operator", NOON, HOSTILE)] == signed.rows
    assert "by <strong><bdi>operator</bdi>" in answer.text
    assert "<script>" not in answer.text
    assert "signed off" in shop.visit().get("/reports").text


def test_a_later_revision_says_that_it_came_after_the_sign_off(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    signed = Signed(monkeypatch)
    key = shop.publish("2026-11-20")
    signed.rows.append(Signoff("demo", date(2026, 11, 20), 1, "ada", NOON, ""))

    before = shop.visit().get(f"/reports/{key}").text
    shop.publish("2026-11-20", revision=2)

    assert "came after" not in before
    assert "this revision came after" in shop.visit().get(f"/reports/{key}").text
    assert "Sign revision 2 as" in shop.visit().get(f"/reports/{key}").text


def test_nobody_signs_what_is_not_the_newest_or_what_he_may_only_see(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    Signed(monkeypatch)
    key = shop.publish("2026-11-20")
    shop.publish("2026-11-20", revision=2)

    assert "Sign revision" not in shop.visit().get(f"/reports/{key}?revision=1").text
    assert "Sign revision" not in shop.visit("viewer").get(f"/reports/{key}").text
    assert 404 == shop.visit().post(f"/reports/{key}/r9/sign", headers=FROM_HERE).status_code
