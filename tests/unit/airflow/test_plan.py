from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.unit.airflow.shops import a_place, a_shop, seen
from tests.unit.airflow.visitors import visit

from barograph.live.now import OpenAlarm, Place, Snapshot
from barograph.registry import Device, Room, Site, Spot
from barograph.settings import load_settings
from barograph_airflow.links import device_id
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.live import TOO_OLD, Watch
from barograph_airflow.ui.plan import SHAPES, plans_of
from barograph_airflow.ui.rooms import layout

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = ["<script>alert('x')</script>", "../../x", "\"quoted\" 'both'", "\u202eright to left", "x" * 200, "🧊"]
WALL = Room(x=10, y=0, width=4, height=2)
DOCK = Room(x=10, y=2, width=4, height=4)


def a_site(*devices: Device, **rooms: Room) -> Site:
    return Site(site="demo", name="Demo", devices=list(devices), plan=rooms)


def hung(name: str, x: float, y: float, zone: str = "wall") -> Device:
    return Device(device=name, zone=zone, spot=Spot(x=x, y=y))


def test_rooms_and_devices_are_where_the_plan_says():
    """Its left upper corner is the drawing's, and its proportions stay."""
    laid = layout(a_site(hung("a", 12, 1), wall=WALL, dock=DOCK), (("wall", ("a",)), ("dock", ())), 402)

    assert (1, 1, 400, 200) == laid.rooms["wall"]
    assert (1, 201, 400, 400) == laid.rooms["dock"]
    assert (201, 101) == laid.marks["a"][:2]


def test_on_a_telephone_a_flat_plan_becomes_higher_so_that_values_have_room():
    laid = layout(a_site(wall=Room(x=0, y=0, width=10, height=2)), (("wall", tuple("abcd")),), 372)

    assert 37 * 2 * 1.8 == pytest.approx(laid.rooms["wall"].height)
    assert {"valued"} == {written for *_, written in laid.marks.values()}


@pytest.mark.parametrize("width", [300, 820, 1400])
@pytest.mark.parametrize("devices", [1, 5, 40, 1000])
def test_without_a_plan_rooms_and_marks_lie_in_rows_and_nothing_over_another(devices: int, width: int):
    zones = tuple(
        (f"zone-{first}", tuple(f"d{number}" for number in range(first, min(first + 7, devices))))
        for first in range(0, devices, 7)
    )

    laid = layout(None, zones, width)

    assert max(box.x + box.width for box in laid.rooms.values()) <= width
    assert devices == len(laid.marks)
    for one, other in combinations(laid.rooms.values(), 2):
        assert one.x + one.width <= other.x or other.x + other.width <= one.x or one.y != other.y
    for zone, names in zones:
        box = laid.rooms[zone]
        for name in names:
            x, y, _ = laid.marks[name]
            assert box.x < x < box.x + box.width
            assert box.y < y < box.y + box.height


def test_a_zone_without_a_room_is_drawn_beneath_the_plan():
    laid = layout(a_site(wall=WALL), (("wall", ("a",)), ("new", ("b",))), 402)

    assert laid.rooms["new"].y > laid.rooms["wall"].y + laid.rooms["wall"].height


def test_what_is_written_never_overlaps():
    """Two marks a few pixels apart have none; alone, a mark has value and name."""
    near = layout(a_site(hung("a", 11, 1), hung("b", 11.1, 1), wall=WALL), (("wall", ("a", "b")),), 402)
    alone = layout(a_site(hung("a", 11, 1), wall=WALL), (("wall", ("a",)),), 402)

    assert {""} == {written for *_, written in near.marks.values()}
    assert "named" == alone.marks["a"][2]


def test_a_mark_is_as_its_worst_measuring_point_and_says_all_of_them():
    alarm = OpenAlarm("critical", "Move the goods", NOON)
    places = [a_place(NOON, label="Dairy"), a_place(NOON, name="humidity", value=99.0, state="alarm", alarm=alarm)]

    [plan] = plans_of([], places, 800)

    [mark] = plan.marks
    assert ("alarm", "99 %") == (mark.state, mark.value)
    assert ["fridge: Critical", "Temperature 4.2 °C", "Relative humidity 99 %: Move the goods"] == mark.said
    assert ("alarm", "1 of 1") == (plan.rooms[0].state, plan.rooms[0].said)


def test_the_wall_between_two_rooms_is_that_of_the_one_with_an_alarm():
    alarm = a_place(NOON, "a", zone="a", state="alarm", alarm=OpenAlarm("major", "warm", NOON))

    [plan] = plans_of([], [alarm, a_place(NOON, "b", zone="b")], 800)

    assert ["b", "a"] == [room.zone for room in plan.rooms]


def test_every_state_has_a_form_of_its_own():
    """Fine and silent share theirs: one is full, the other a broken ring."""
    assert 4 == len(set(SHAPES.values()))
    assert SHAPES["fine"] == SHAPES["silent"]


def test_a_device_is_there_once_though_its_quantities_were_heard_in_two_zones():
    """An unregistered board that moved: its old quantities are of its old zone."""
    [plan] = plans_of([], [a_place(NOON, zone="a"), a_place(NOON, name="humidity", zone="b")], 800)

    assert 1 == len(plan.marks)


@pytest.fixture
def opened(tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch) -> Callable[..., TestClient]:

    def open_it(look: Callable[[datetime], Snapshot], clock: Callable[[], datetime] = lambda: NOON) -> TestClient:
        return visit(create_app(load_settings(tmp_path), clock, Watch(look, clock)), "viewer")

    return open_it


def marks(page: str) -> int:
    return len(re.findall(r'<g id="m\w+" class="mark', page))


def test_a_mark_leads_to_its_device_and_a_room_to_its_rows(opened: Any):
    page = opened(lambda at: seen(at, a_place(NOON), a_place(NOON, "b"))).get("/now/plan/news?since=0&width=800").text

    assert 2 == marks(page)
    assert f'href="/devices/{device_id("demo", "fridge")}"' in page
    assert re.search(r'href="/now\?zone=\w+"', page)
    assert "<title>fridge: Fine\nTemperature 4.2 °C</title>" in page


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stands_there_as_text(opened: Any, name: str):
    alarm = OpenAlarm("major", name, NOON)
    place = a_place(NOON, name, zone=name, label=name, state="alarm", alarm=alarm)

    page = opened(lambda at: seen(at, place, names={"demo": name})).get("/now/plan/news?since=0&width=800").text

    assert 1 == marks(page)
    assert "<script>" not in page
    assert "alert('x')" not in page


def test_news_are_the_marks_that_changed_and_all_where_the_width_did(opened: Any):
    clock, dairy, other = [NOON], [a_place(NOON, "dairy")], a_place(NOON, "other", zone="dock")
    client = opened(lambda at: seen(at, dairy[0], other), lambda: clock[0])
    first = client.get("/now/plan/news?since=0&width=805").text
    [(since, drawn)] = re.findall(r"since=(\d+)&amp;drawn=(\w+)", first)

    nothing = client.get(f"/now/plan/news?since={since}&drawn={drawn}&width=805").text
    turned = client.get(f"/now/plan/news?since={since}&drawn={drawn}&width=390").text
    clock[0] += TOO_OLD + timedelta(seconds=1)
    dairy[0] = a_place(NOON, "dairy", value=9.9, state="doubt")
    something = client.get(f"/now/plan/news?since={since}&drawn={drawn}&width=805").text

    assert [2, 0, 2, 1] == [marks(page) for page in (first, nothing, turned, something)]
    assert 1 == something.count('class="room doubt"')
    assert 0 == something.count('class="room fine"')
    assert "9.9" in something
    assert 2 == something.count('hx-swap-oob="true"')


def test_a_thousand_devices_are_a_page_that_a_telephone_bears(opened: Any):
    page = opened(lambda at: a_shop(1000, at)).get("/now/plan/news?since=0&width=1240")

    assert 1000 == marks(page.text)
    assert len(page.content) < 450_000


def test_of_ten_thousand_those_have_a_mark_that_are_not_fine(opened: Any):
    page = opened(lambda at: a_shop(10_000, at)).get("/now/plan/news?since=0&width=1240")

    assert 100 == marks(page.text)
    assert "only those that are not fine have a mark" in page.text
    assert len(page.content) < 450_000


def test_a_shop_without_measuring_points_says_what_to_do(opened: Any):
    client = opened(lambda at: seen(at))

    assert 'aria-current="page">Plan' in client.get("/now/plan").text
    assert "Connect a sensor" in client.get("/now/plan/news?since=0&width=800").text


def test_a_room_that_moves_in_the_file_moves_on_the_page(tmp_path: Path, opened: Any):
    """Though nothing new was measured: a plan is edited with the page open beside it."""
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    file, room = tmp_path / "sites" / "demo" / "site.yaml", "site: demo\nname: Demo\nplan: {{wall: {}, hall: {}}}\n"
    left, right = "{x: 0, y: 0, width: 4, height: 4}", "{x: 4, y: 0, width: 4, height: 4}"
    file.write_text(room.format(left, right))
    client = opened(lambda at: seen(at, a_place(NOON)))
    [(since, drawn)] = re.findall(r"since=(\d+)&amp;drawn=(\w+)", client.get("/now/plan/news?since=0&width=800").text)
    news = f"/now/plan/news?since={since}&drawn={drawn}&width=800"

    before = client.get(news).text
    file.write_text(room.format(right, left) + "# turned\n")
    after = client.get(news).text

    assert [0, 1] == [marks(page) for page in (before, after)]


def test_a_site_file_with_a_mistake_takes_no_page_away(tmp_path: Path, opened: Any):
    (tmp_path / "sites" / "demo").mkdir(parents=True)
    (tmp_path / "sites" / "demo" / "site.yaml").write_text("site: [")
    place: Place = a_place(NOON)

    assert 1 == marks(opened(lambda at: seen(at, place)).get("/now/plan/news?since=0&width=800").text)
