from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.airflow.shops import Pressed, a_health, a_place, seen
from tests.unit.airflow.visitors import visit

from barograph.influx.series import Course
from barograph.live import device as live
from barograph.live import summed
from barograph.live.device import AlarmSpan, Doubt
from barograph.settings import load_settings
from barograph.windows import Window
from barograph_airflow.links import device_id
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.chart import draw
from barograph_airflow.ui.live import Watch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = Window(NOON - timedelta(hours=1), NOON)
HOSTILE = ["<script>alert('x')</script>", "../../x", "\"quoted\" 'both'", "\u202eright to left", "x" * 200, "🧊"]


def readings(*values: float | None, every: float = 60, flags: tuple[int, ...] = ()) -> Course:
    """One a minute from the beginning of the hour."""
    found = np.array([np.nan if value is None else value for value in values])
    times = HOUR.start.timestamp() + every * np.arange(len(values))
    return Course(times, found, found, found, np.array(flags or [1] * len(values), np.int8), timedelta(0))


def drawn(course: Course, alarms: tuple[AlarmSpan, ...] = (), limits: Any = (None, None), cadence: float = 60) -> Any:
    return draw(course, HOUR, 1000, "Europe/Berlin", cadence, limits, alarms)


def test_a_line_goes_through_all_readings():
    drawing = drawn(readings(1, 2, 3))

    assert 1 == drawing.line.count("M")
    assert 2 == drawing.line.count("L")
    assert 3 == drawing.readings


def test_a_gap_stays_a_gap():
    """Ten minutes of silence at a beat of one: two lines, not one across."""
    drawing = drawn(readings(*[4.0] * 10, *[None] * 10, *[4.0] * 10))

    assert 2 == drawing.line.count("M")


def test_no_reading_alone_is_lost():
    assert "h.1" in drawn(readings(*[None] * 20, 4.0)).line


def test_steps_have_a_band_from_least_to_most():
    step = timedelta(minutes=10)
    times = HOUR.start.timestamp() + 600 * np.arange(3)
    course = Course(times, np.zeros(3), np.full(3, 5.0), np.full(3, 9.0), np.zeros(0, np.int8), step)

    drawing = drawn(course)

    assert drawing.band.endswith("Z")
    [_, _, told, text] = json.loads(drawing.points)[0]
    assert "5 (0 to 9)" == text
    assert told.endswith("12:05:00"), "the middle of the step, in the site's zone"


def test_a_doubted_reading_is_marked_where_it_is():
    drawing = drawn(readings(4, 20, 4, flags=(1, 4, 1)))

    [(_, top, flag)] = drawing.marks
    assert "fail" == flag
    assert top < drawing.up[-1].place + 30


def test_limits_are_drawn_where_values_come_near_them():
    """A limit far away would make a line of every course."""
    assert ["8"] == [tick.label for tick in drawn(readings(4, 6), limits=(-40, 8)).limits]


def test_an_open_alarm_reaches_to_the_end_and_an_older_one_is_clipped():
    alarms = tuple(
        AlarmSpan("temperature", "major", "warm", NOON - timedelta(hours=2), end, "open")
        for end in (None, NOON - timedelta(minutes=30))
    )

    [(left, wide, _), (same, half, _)] = drawn(readings(4), alarms).alarms

    assert (52.0, 936.0) == (left, wide)
    assert (52.0, 468.0) == (same, half)


@pytest.mark.parametrize(("day", "hours", "before_six"), [("2026-03-29", 23, 5), ("2026-10-25", 25, 7)])
def test_a_day_of_23_or_25_hours_has_six_o_clock_where_it_is(day: str, hours: int, before_six: int):
    window = Window.local_day(date.fromisoformat(day), "Europe/Berlin")

    across = {
        tick.label: tick.place for tick in draw(readings(4), window, 1000, "Europe/Berlin", 60, (None, None), ()).across
    }

    assert pytest.approx(52 + 936 * before_six / hours, abs=0.1) == across["06:00"]


@pytest.fixture
def shop(tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch) -> Any:
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    (tmp_path / "sites" / "demo" / "site.yaml").write_text("site: demo\nname: Demo\ntimezone: Europe/Berlin\n")
    airflow_lets_in.setattr(live, "alarm_spans", lambda *_: [])
    airflow_lets_in.setattr("barograph.state.engine.connect", lambda _: None)

    def opened(*places: Any) -> Any:
        watch = Watch(lambda at: seen(at, *places), lambda: NOON)
        return visit(create_app(load_settings(tmp_path), lambda: NOON, watch, Pressed(), a_health), "viewer")

    return opened


def test_all_devices_are_listed_once(shop):
    page = shop(a_place(NOON, "a"), a_place(NOON, "a", "humidity"), a_place(NOON, "b", state="silent")).get("/devices")

    assert 1 == page.text.count(f"/devices/{device_id('demo', 'a')}")
    assert "Silent" in page.text
    assert "2 devices" in page.text


def test_a_device_has_a_chart_of_each_metric_in_the_range_that_was_chosen(shop):
    key = device_id("demo", "a")
    client = shop(a_place(NOON, "a"), a_place(NOON, "a", "humidity"))

    day, hour = (client.get(f"/devices/{key}{query}").text for query in ("", "?last=1h"))

    assert ["24h", "24h"] == re.findall(r"chart\?last=(\w+)", day)
    assert ["1h", "1h"] == re.findall(r"chart\?last=(\w+)", hour)
    assert ["temperature", "humidity"] == re.findall(r"metric=(\w+)", day)


def test_a_chart_is_asked_for_in_as_many_pixels_as_there_are(shop, monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []
    monkeypatch.setattr(live, "course", lambda _, *what: asked.append(what) or readings(4, 5))

    page = shop(a_place(NOON, "a")).get(f"/devices/{device_id('demo', 'a')}/chart?metric=temperature&last=1h&width=640")

    assert [("demo", "a", "temperature", HOUR, 640, 10.0)] == asked
    assert 'viewBox="0 0 640' in page.text


def test_times_of_the_form_are_those_of_the_sites_clock(shop, monkeypatch: pytest.MonkeyPatch):
    """Whoever asks for noon means the noon of the shop; an address with a zone means that one."""
    asked: list[Window] = []
    monkeypatch.setattr(
        live, "course", lambda _, site, device, metric, window, *__: asked.append(window) or readings(4)
    )
    client, key = shop(a_place(NOON, "a")), device_id("demo", "a")

    page = client.get(f"/devices/{key}?from=2026-11-22T12:00&to=2026-11-22T13:00").text
    for zone in ("", "Z"):
        client.get(f"/devices/{key}/chart?metric=temperature&from=2026-11-22T12:00{zone}&to=2026-11-22T13:00{zone}")

    assert 'name="from" value="2026-11-22T12:00"' in page
    assert "<small>Europe/Berlin</small>" in page
    assert [NOON - timedelta(hours=1), NOON] == [window.start for window in asked]


def test_windows_are_drawn_where_they_are_asked_for(shop, monkeypatch: pytest.MonkeyPatch):
    """The band from least to most, and the line that was chosen; the time stays when the drawing changes."""
    asked: list[Any] = []
    monkeypatch.setattr(summed, "course", lambda _, *what: asked.append(what) or hours(3, 4))
    client, key = shop(a_place(NOON, "a")), device_id("demo", "a")

    chart = client.get(f"/devices/{key}/chart?metric=temperature&last=30d&view=windows&line=median").text
    page = client.get(f"/devices/{key}?last=30d&view=windows&line=median").text.replace("&amp;", "&")

    [(site, device, metric, _, how, line)] = asked
    assert ("demo", "a", "temperature", "hour", "median") == (site, device, metric, how.period, line)
    assert "Each step is an hour" in chart
    assert "line: median" in chart
    assert "last=30d&view=windows&line=median&metric=temperature" in page
    assert "?view=windows&line=median&last=1h" in page, "another time of the same"
    assert f'href="/devices/{key}?last=30d"' in page, "back to the readings"


def hours(*values: float) -> Course:
    """Rollups, one an hour from the beginning of the hour before noon."""
    found = np.array(values, dtype=float)
    times = HOUR.start.timestamp() + 3600.0 * np.arange(len(values))
    return Course(times, found - 1, found, found + 1, np.zeros(0, np.int8), timedelta(hours=1), regular=True)


def test_an_hour_without_readings_is_a_gap_between_rollups():
    """Rollups come at their step exactly: one that is not there is missing."""
    three = hours(4, 5, 6)
    two = replace(three, **{name: getattr(three, name)[[0, 2]] for name in ("times", "low", "mean", "high")})
    window = Window(HOUR.start, HOUR.start + timedelta(hours=3))

    lines = [draw(each, window, 1000, "UTC", 60, (None, None), ()).line for each in (three, two)]

    assert [1, 2] == [line.count("M") for line in lines]


@pytest.mark.parametrize(
    ("status", "address"),
    [
        (404, "/devices/nobody"),
        (404, "/devices/{key}/chart?metric=co2"),
        (422, "/devices/{key}?from=2026-11-22T12:00&to=2026-11-22T11:00"),
        (422, "/devices/{key}?from=2020-11-22T12:00&to=2026-11-22T11:00"),
        (422, "/devices/{key}?from=yesterday&to=now"),
        (200, "/devices/{key}?last=forever"),
        (200, "/devices/{key}?view=x&line=y"),
    ],
)
def test_a_strange_address_breaks_nothing(shop, status: int, address: str):
    assert status == shop(a_place(NOON, "a")).get(address.format(key=device_id("demo", "a"))).status_code


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stands_there_as_text(shop, monkeypatch: pytest.MonkeyPatch, name: str):
    """In device, metric, zone, reasons and raw frames, on every page of a device."""
    key = device_id("demo", name)
    frame = {"time": NOON, "port": name, "seq": 1, "raw": name, "values": {}}
    monkeypatch.setattr(live, "doubted", lambda *_: [Doubt(NOON, name, name)])
    monkeypatch.setattr(live, "windows", lambda *_: {name: {"time": NOON, "mean": 4.0}})
    monkeypatch.setattr(live, "frames", lambda *_: [frame])
    monkeypatch.setattr(live, "course", lambda *_: readings(4, 5))
    monkeypatch.setattr(
        live, "alarm_spans", lambda *_: [AlarmSpan(name, "major", name, NOON, None, "open")]
    )  # fmt: skip
    client = shop(a_place(NOON, name, name, zone=name, label=name))

    for address in ("", "/doubted", "/windows", "/frames"):
        page = client.get(f"/devices/{key}{address}")
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "alert('x')" not in page.text
    chart = client.get(f"/devices/{key}/chart", params={"metric": name})
    assert chart.status_code == 200
    assert "<script>" not in chart.text
