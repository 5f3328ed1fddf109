from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.unit.airflow.shops import a_place, a_shop, seen
from tests.unit.airflow.visitors import visit

from barograph.errors import ServiceUnavailable
from barograph.live.now import OpenAlarm, Snapshot
from barograph.settings import load_settings
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.live import KEPT, TOO_OLD, Watch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = ["<script>alert('x')</script>", "../../x", "\"quoted\" 'both'", "\u202eright to left", "x" * 200, "🧊"]


@pytest.fixture
def open_page(tmp_path: Any, airflow_lets_in: pytest.MonkeyPatch) -> Callable[[Snapshot], TestClient]:

    def opened(snapshot: Snapshot) -> TestClient:
        watch = Watch(lambda at: snapshot, lambda: NOON)
        return visit(create_app(load_settings(tmp_path), lambda: NOON, watch), "viewer")

    return opened


def rows(page: str) -> int:
    return len(re.findall(r"<tr id=", page))


def test_each_measuring_point_has_a_row_in_its_zone(open_page):
    page = open_page(seen(NOON, a_place(NOON, "Dairy"), a_place(NOON, "Dock", zone="dock", value=-3.25))).get("/now")

    assert 2 == rows(page.text)
    assert 2 == page.text.count('class="zone"')
    assert "4.2 <small>°C" in page.text
    assert "−3.2" in page.text
    assert "20 s ago" in page.text


def test_the_worst_is_said_in_words_and_not_by_colour_alone(open_page):
    alarm = OpenAlarm("critical", "Move the goods", NOON)
    page = open_page(
        seen(NOON, a_place(NOON, state="alarm", alarm=alarm), a_place(NOON, "b", state="silent", time=None))
    ).get("/now")

    for word in ("Critical", "Move the goods", "Silent", "not this week"):
        assert word in page.text


def test_only_what_is_not_fine_on_demand(open_page):
    client = open_page(seen(NOON, a_place(NOON), a_place(NOON, "b", state="doubt"), a_place(NOON, "c")))

    assert 1 == rows(client.get("/now?show=trouble").text)
    assert 3 == rows(client.get("/now").text)


def test_a_search_finds_by_device_zone_and_quantity(open_page):
    client = open_page(seen(NOON, a_place(NOON, "Dairy"), a_place(NOON, "b", "humidity", zone="Dock")))

    assert [1, 1, 1, 0] == [rows(client.get(f"/now?q={q}").text) for q in ("dairy", "dock", "humidity", "dairy+dock")]


def test_of_a_thousand_devices_the_page_shows_what_is_not_fine(open_page):
    client = open_page(a_shop(1000, NOON))

    page = client.get("/now")

    assert 20 == rows(page.text)
    assert len(page.content) < 100_000
    zone = re.search(r"/now\?zone=(\w+)", page.text)
    assert zone
    assert 80 == rows(client.get(f"/now?zone={zone[1]}").text)


def test_of_ten_thousand_devices_there_is_still_a_page(open_page):
    """Two hundred rows that are not fine, of 250 zones; the list of devices ends where it says so."""
    client = open_page(a_shop(10_000, NOON))

    now, devices = client.get("/now"), client.get("/devices")

    assert 200 == rows(now.text)
    assert "10,000 devices" in devices.text
    assert "9,600 more: search for them" in devices.text
    assert max(len(now.content), len(devices.content)) < 450_000


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stands_there_as_text(open_page, name: str):
    page = open_page(seen(NOON, a_place(NOON, name, zone=name, label=name), names={"demo": name})).get("/now").text

    assert "<script>" not in page
    assert "alert('x')" not in page
    assert "<bdi>" in page


def test_news_are_the_rows_that_changed(tmp_path, airflow_lets_in):
    """A poll every five seconds must not send everything again."""
    clock, dairy = [NOON], [a_place(NOON, "Dairy")]
    other = a_place(NOON, "other")
    watch = Watch(lambda at: seen(at, dairy[0], other), lambda: clock[0])
    client = visit(create_app(load_settings(tmp_path), lambda: clock[0], watch), "viewer")

    first = client.get("/now").text
    number = re.search(r"since=(\d+)", first)[1]
    nothing = client.get(f"/now/news?since={number}").text
    clock[0] += TOO_OLD + timedelta(seconds=1)
    dairy[0] = a_place(NOON, "Dairy", value=9.9)
    something = client.get(f"/now/news?since={number}").text

    assert 0 == rows(nothing)
    assert f"since={number}" in nothing.replace("&amp;", "&")
    assert 1 == rows(something)
    assert "9.9" in something
    assert 'hx-swap-oob="true"' in something
    assert f"since={int(number) + 1}" in something


def test_a_point_that_is_gone_makes_the_page_anew(tmp_path, airflow_lets_in):
    clock, places = [NOON], [[a_place(NOON, "a"), a_place(NOON, "b")]]
    watch = Watch(lambda at: seen(at, *places[0]), lambda: clock[0])
    client = visit(create_app(load_settings(tmp_path), lambda: clock[0], watch), "viewer")
    client.get("/now")

    clock[0] += TOO_OLD + timedelta(seconds=1)
    places[0].pop()
    page = client.get("/now/news?since=1").text

    assert '<div id="zones" hx-swap-oob="true">' in page
    assert 1 == rows(page)


def test_however_many_look_influxdb_is_asked_once_in_five_seconds():
    asked: list[datetime] = []
    clock = [NOON]
    watch = Watch(lambda at: asked.append(at) or seen(at), lambda: clock[0])

    for _ in range(20):
        watch.now()
    clock[0] += KEPT
    for _ in range(20):
        watch.now()

    watch.fresh.settled()
    assert [NOON, NOON + KEPT] == asked


def test_what_was_seen_last_stays_when_influxdb_is_away(tmp_path, airflow_lets_in):
    """Yesterday's truth with its date beats an error page."""
    clock, away = [NOON], [False]

    def look(at: datetime) -> Snapshot:
        if away[0]:
            raise ServiceUnavailable("InfluxDB <b>away</b>")
        return seen(at, a_place(NOON))

    client = visit(create_app(load_settings(tmp_path), lambda: clock[0], Watch(look, lambda: clock[0])), "viewer")
    client.get("/now")
    clock[0], away[0] = NOON + TOO_OLD * 2, True

    page = client.get("/now").text

    assert 1 == rows(page)
    assert "This is not of now" in page
    assert "InfluxDB &lt;b&gt;away&lt;/b&gt;" in page
