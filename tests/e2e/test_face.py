"""The pages in a browser, without the stack: what they look like, weigh, say to the console, and do with hostile names.

Pictures of each, light, dark and as on a telephone, go into BAROGRAPH_TEST_PICTURES.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tests.unit.airflow.conftest  # Airflow reads its environment when it is imported
import uvicorn
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.common.db.common import _get_session
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from fastapi import FastAPI
from tests.unit.airflow.shops import Pressed, a_health, a_place, seen

from barograph.influx.series import Course
from barograph.live import device as live
from barograph.live import summed
from barograph.live.device import AlarmSpan, Doubt
from barograph.live.ledger import BatchRow, Flow, Gap, TableSize
from barograph.live.now import OpenAlarm, Place
from barograph.settings import Settings, load_settings
from barograph.stack.health import Answer
from barograph_airflow.links import device_id, page_id
from barograph_airflow.ui import dags, reports
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.days import Days
from barograph_airflow.ui.live import Watch

PICTURES = os.environ.get("BAROGRAPH_TEST_PICTURES")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEAVIEST = 450_000
"""Bytes of a page with all that it fetches on the first visit; half of them are htmx and the style sheet."""
NAMES = ["Dairy fridge", "<img src=x onerror=document.title='broken'>", "../../etc/passwd", "\"quoted\" & 'both'",
         "\u202eright to left", "x" * 200, "🧊 ice"]  # fmt: skip
FRIDGE = device_id("demo", "d0")


@dataclass
class Shop:
    address: str
    app: FastAPI
    places: list[Place]
    clock: list[datetime]
    buttons: Pressed

    def role(self, name: str) -> None:
        self.app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username=name, role=name)


def places() -> list[Place]:
    found = []
    for number, name in enumerate(NAMES):
        course = tuple(round(4 + float(np.sin(step / 5 + number)), 2) for step in range(48))
        zone = "cold-wall" if number < 4 else NAMES[number]
        alarm = OpenAlarm("critical", f"Move the goods: {name}", NOON - timedelta(hours=1)) if number == 1 else None
        facts: dict[str, Any] = {"label": name, "zone": zone, "course": course, "alarm": alarm}
        found.append(a_place(NOON, f"d{number}", **facts, state="alarm" if alarm else "fine"))
        found.append(a_place(NOON, f"d{number}", "humidity", **facts | {"alarm": None}, value=60 + number))
    return found


def published(settings: Settings) -> None:
    verdicts = ["fine", "events", "incomplete", "empty", "fine"]
    for ago, verdict in enumerate(verdicts, 1):
        day = (NOON - timedelta(days=ago)).date().isoformat()
        folder = settings.reports_folder / "demo" / day / "r1"
        folder.mkdir(parents=True)
        (folder / "index.html").write_text("<!DOCTYPE html><title>x</title><p>the report</p>")
        series = [{"device": "d0", "label": NAMES[1], "metric": "temperature", "unit": "°C", "mean": 4.0 + ago}]
        told = {
            "name": NAMES[1],
            "verdict": verdict,
            "headline": NAMES[1],
            "series": series,
            "files": {"index.html": ""},
        }
        (folder / "report.json").write_text(json.dumps(told))


def a_flow(at: datetime) -> Flow:
    counts = {"read": 1200, "stored": 1190, "duplicate": 7, "rejected": 3}
    batches = [
        BatchRow(9, NOON, "ingest", "x", counts, 0, True, 0.2, 3.1),
        BatchRow(8, NOON, "i", "x", counts, 5, False),
    ]
    sums = dict.fromkeys(("hour", "day", "week"), counts | {"batches": 60, "late": 90.0})
    tables = [TableSize("readings", 5_000_000, 50_000_000, 30)]
    return Flow(at, "", batches, sums, [Gap(NOON, "readings-0", 5, NAMES[1])], 12, "", {"bad_checksum": 3}, "", tables)


def a_course(*_: Any) -> Course:
    times = NOON.timestamp() - 86_400 + 144.0 * np.arange(600)
    mean = 4 + np.sin(np.arange(600) / 30)
    return Course(times, mean - 0.5, mean, mean + 0.5, np.zeros(0, np.int8), timedelta(seconds=144))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("face")
    (home / "sites" / "demo").mkdir(parents=True)
    (home / "sites" / "demo" / "site.yaml").write_text(
        "site: demo\nname: Demo\ntimezone: Europe/Berlin\nplan: {cold-wall: {x: 0, y: 0, width: 8, height: 3}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        tests.unit.airflow.conftest.only_home(patch, home)
        patch.setattr(DagModel, "get_team_name", lambda *_, **__: None)
        patch.setattr(Days, "_earliest", lambda _: date(2026, 11, 10))
        patch.setattr(Days, "_marks", lambda *_: {date(2026, 11, 20): "late data"})
        patch.setattr("barograph.state.signoffs.of", lambda *_: [])
        patch.setattr("barograph.state.engine.connect", lambda _: None)
        patch.setattr(reports, "last_backfill", lambda *_: None)
        patch.setattr(reports, "state_of", lambda *_: "running")
        facts = {"step": "report", "site": "demo", "day": "2026-11-20", "revision": 1, "headline": NAMES[1]}
        patch.setattr(dags, "facts_of", lambda *_: [facts | {"batches": [9, 8]}])
        patch.setattr(dags, "batches_of", lambda *_: a_flow(NOON).batches)
        patch.setattr(live, "course", a_course)
        patch.setattr(summed, "course", a_course)
        patch.setattr(live, "doubted", lambda *_: [Doubt(NOON, "temperature", "spike,rate")])
        patch.setattr(live, "windows", lambda *_: {"temperature": {"time": NOON, "mean": 4.0, "completeness": 1.0}})
        patch.setattr(live, "frames", lambda *_: [{"time": NOON, "port": "p", "seq": 1, "raw": NAMES[1], "values": {}}])
        spans = [AlarmSpan("temperature", "critical", NAMES[1], NOON - timedelta(hours=1), None, "open")]
        patch.setattr(live, "alarm_spans", lambda *_: spans)
        create_auth_manager().init()
        settings, clock, known, buttons = load_settings(home), [NOON], places(), Pressed()
        published(settings)
        answers = (Answer("port", "kafka", True, "28092"), Answer("port", "influxdb", False, NAMES[1]))
        pages = create_app(
            settings, lambda: clock[0], Watch(lambda at: seen(at, *known), lambda: clock[0]),
            buttons, lambda at: a_health(at, *answers), a_flow,
        )  # type: ignore[arg-type]  # fmt: skip
        pages.dependency_overrides[_get_session] = lambda: None
        whole = FastAPI()
        whole.mount("/barograph", pages)
        server = uvicorn.Server(uvicorn.Config(whole, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Shop(f"http://127.0.0.1:{port}/barograph", pages, known, clock, buttons)
        server.should_exit = True
        thread.join(10)


@dataclass
class Opened:
    """A browser's page that remembers what went wrong in it, and how much it fetched."""

    page: Any
    shop: Shop
    wrong: list[str]
    bytes: list[int]

    def goto(self, path: str) -> None:
        self.bytes.clear()
        self.page.goto(self.shop.address + path)
        self.page.wait_for_load_state("networkidle")


@pytest.fixture
def opened(shop: Shop, browser: Any) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    found = Opened(page, shop, [], [])
    page.on("console", lambda message: found.wrong.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.wrong.append(str(error)))
    page.on("response", lambda answer: found.bytes.append(int(answer.headers.get("content-length", 0))))
    page.on("response", lambda answer: answer.status >= 400 and found.wrong.append(f"{answer.status} {answer.url}"))
    shop.role("admin")
    yield found
    context.close()


LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}

PATHS = {
    "now": "/now",
    "plan": "/now/plan",
    "devices": "/devices",
    "device": f"/devices/{FRIDGE}",
    "windows": f"/devices/{FRIDGE}?view=windows&line=median&last=6h",
    "reports": "/reports",
    "report": f"/reports/{page_id('demo', '2026-11-20')}",
    "compare": "/compare?site=demo&a=2026-11-20&b=2026-11-21",
    "data": "/data",
    "health": "/health",
    "start": "/start",
    "run": "/runs/daily/manual__1",
    "backtests": "/backtests",
}


@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_light_quiet_and_fits_on_a_telephone(opened: Opened, tmp_path: Path, name: str):
    """No console message, no failed request, nothing wider than the screen, no name that became markup."""
    folder = Path(PICTURES) if PICTURES else tmp_path
    opened.goto(PATHS[name])
    weight = sum(opened.bytes)
    for look, (width, theme) in LOOKS.items():
        opened.page.emulate_media(color_scheme=theme)
        opened.page.set_viewport_size({"width": width, "height": 900 if width > 600 else 844})
        opened.page.screenshot(path=folder / f"face-{name}-{look}.png", full_page=look == "phone")
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{look} is {wide} wide"

    assert [] == opened.wrong
    assert weight < HEAVIEST
    assert "broken" != opened.page.title()
    assert 0 == opened.page.locator("img[src='x']").count()


def test_now_follows_what_happens_without_being_loaded_again(opened: Opened):
    """Five seconds later: one row says another value, and the others were not sent."""
    opened.page.clock.install()
    opened.goto("/now")
    row = opened.page.locator("tr", has_text="Dairy fridge").first
    assert "4.2" in row.inner_text()
    number = len(opened.bytes)

    opened.shop.places[0] = replace(opened.shop.places[0], value=9.9)
    opened.shop.clock[0] += timedelta(minutes=5)
    opened.page.clock.run_for(5_500)
    row.get_by_text("9.9").wait_for(timeout=10_000)

    opened.shop.places[0] = replace(opened.shop.places[0], value=4.2)
    assert len(opened.bytes) > number
    assert max(opened.bytes[number:]) < 6_000
    assert [] == opened.wrong


def test_a_mark_of_the_plan_changes_where_it_is_and_leads_to_its_device(opened: Opened):
    """The drawing is fetched once, in the width there is; afterwards a change costs its mark and its room."""
    opened.page.clock.install()
    opened.goto("/now/plan")
    mark = opened.page.locator("g.mark", has_text="Dairy fridge")
    assert "fine" in mark.get_attribute("class")
    number = len(opened.bytes)

    opened.shop.places[0] = replace(opened.shop.places[0], value=9.9, state="doubt")
    opened.shop.clock[0] += timedelta(minutes=5)
    opened.page.clock.run_for(5_500)
    opened.page.locator("g.mark.doubt", has_text="9.9").wait_for(timeout=10_000)
    opened.shop.places[0] = replace(opened.shop.places[0], value=4.2, state="fine")

    assert len(opened.bytes) > number
    assert max(opened.bytes[number:]) < 6_000
    assert 1 == mark.count()
    mark.locator("a").click()
    opened.page.wait_for_url(re.compile(FRIDGE))
    assert [] == opened.wrong


def test_a_stretch_of_a_chart_is_shown_by_drawing_over_it(opened: Opened):
    opened.goto(f"/devices/{FRIDGE}")
    plot = opened.page.locator("svg.plot").first
    box = plot.bounding_box()
    mouse, y = opened.page.mouse, box["y"] + 80

    mouse.move(box["x"] + 300, y)
    told = opened.page.locator(".told").first.inner_text()
    mouse.down()
    mouse.move(box["x"] + 600, y)
    mouse.up()
    opened.page.wait_for_url(re.compile("from="))

    assert re.search(r"\d\d:\d\d:\d\d\s+[\d.]+ \(", told)
    assert "to=" in opened.page.url


def test_the_keyboard_reaches_the_search_and_the_theme_is_airflows(opened: Opened):
    opened.goto("/now")
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("dairy")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_url(re.compile("q=dairy"))
    paper = "getComputedStyle(document.body).backgroundColor"
    light = opened.page.evaluate(paper)
    opened.page.evaluate("localStorage.setItem('theme', 'dark')")
    opened.goto("/now")

    assert "rgb(255, 255, 255)" == light
    assert light != opened.page.evaluate(paper)


def test_buttons_do_what_they_say_for_those_who_have_them(opened: Opened):
    """An operator rebuilds a day and begins a backfill; a viewer sees neither button."""
    report = PATHS["report"]
    opened.goto(report)
    opened.page.get_by_role("button", name="Rebuild").click()
    opened.page.get_by_text("being made anew").wait_for()
    opened.goto("/reports")
    opened.page.get_by_role("button", name="Backfill").click()
    opened.page.get_by_text("has begun").wait_for()
    opened.shop.role("viewer")
    opened.goto(report)

    assert ["make", "backfill"] == [what for what, *_ in opened.shop.buttons.asked]
    assert 0 == opened.page.get_by_role("button", name="Rebuild").count()
    assert [] == opened.wrong
