"""The page of alarms: what it asks the database, what it shows, and who may do something."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from airflow.api_fastapi.app import create_auth_manager, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dag import DagModel
from airflow.models.revoked_token import RevokedToken
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.unit.airflow.visitors import FROM_HERE, visit

from barograph.errors import AlarmError, AlreadyDone, ServiceUnavailable
from barograph.influx.around import Readings
from barograph.settings import load_settings
from barograph.state.alarm_lists import Handled, Moment, Wanted
from barograph.state.handling import Action, standing
from barograph.windows import Window, microseconds
from barograph_airflow.ui import alarms as page
from barograph_airflow.ui.alarm_chart import HEIGHT, LEFT, chart_of
from barograph_airflow.ui.alarms import Filters
from barograph_airflow.ui.app import create_app

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\u202e"


def alarm(number: int = 7, **facts: Any) -> dict[str, Any]:
    started = NOON - timedelta(minutes=35)
    return {
        "alarm": number, "site": "demo", "rule": "warm", "rule_version": "v1", "severity": "critical",
        "device": "fridge-1", "metric": "temperature", "limit": 8.0, "value": 11.25, "started": started,
        "opened": started + timedelta(minutes=2), "cleared": None, "state": "open", "historical": False,
        "message": "The goods spoil.", "kind": "limit", "root": None, "provisional": False, "thresholds": {}, **facts,
    }  # fmt: skip


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Alarms and actions in lists, in place of a database; `asked` is what was wanted of it."""
    kept = SimpleNamespace(alarms=[alarm()], actions=[], asked=[], fails=None, folded=0)

    def handled(one: dict[str, Any]) -> Handled:
        return Handled(one, standing(one, kept.actions, NOON), kept.actions)

    def listed(_: Any, wanted: Wanted, at: datetime, limit: int, before: int | None) -> list[Handled]:
        kept.asked.append((wanted, limit, before))
        return [handled(one) for one in kept.alarms][:limit]

    def one(_: Any, number: int, at: datetime) -> Handled:
        for each in kept.alarms:
            if each["alarm"] == number:
                return handled(each)
        raise AlarmError(f"There is no alarm {number}.")

    def act(_: Any, action: Action) -> None:
        if kept.fails:
            raise kept.fails
        kept.actions.append(action)

    def history(_: Any, one: Handled) -> list[Moment]:
        return [Moment(action.at, action.verb, action.who, action.comment) for action in one.actions]

    monkeypatch.setattr("barograph.state.engine.connect", lambda _: None)
    for name, fake in (
        ("listed", listed),
        ("alarm", one),
        ("history", history),
        ("sites", lambda _: ["demo"]),
        ("folded", lambda *_: kept.folded),
    ):
        monkeypatch.setattr(page.alarm_lists, name, fake)
    monkeypatch.setattr(page, "act", act)
    return kept


@pytest.fixture
def app(tmp_path, settings_here: pytest.MonkeyPatch) -> FastAPI:
    create_auth_manager().init()
    settings_here.setattr(DagModel, "get_team_name", lambda *_, **__: None)
    return create_app(load_settings(tmp_path), clock=lambda: NOON)


def test_a_viewer_sees_what_is_wrong_and_no_buttons(app: FastAPI, shop: Any):
    viewer = visit(app, "viewer")

    board, one = viewer.get("/alarms").text, viewer.get("/alarms/7").text

    for words in ("fridge-1", "The goods spoil.", "Temperature 11.2 °C, limit 8.0 °C", "1 that nobody acknowledged"):
        assert words in board
    assert "35 min" in one
    assert "hx-post" not in one


def test_silence_of_many_is_one_alarm_that_says_how_many(app: FastAPI, shop: Any):
    """A port that falls silent explains its devices: theirs stand under it, one click away."""
    shop.alarms, shop.folded = [alarm(kind="missing", metric="frames", device="port:wall", value=312.0)], 999
    viewer = visit(app, "viewer")

    one = viewer.get("/alarms/7").text

    assert "Silence 5 min 12 s" in one
    assert "999 alarms" in one
    assert "view=suppressed" in one
    assert "alarm 3" in visit_of(shop, viewer, alarm(root=3, state="suppressed", provisional=True))
    viewer.get("/alarms/list")
    assert ("open", "acknowledged", "cleared", "closed") == shop.asked[-1][0].states


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"replayed": True}, "found when rejects were replayed"),
        ({"withdrawn": True, "replayed": True}, "withdrawn: replayed rejects showed otherwise"),
        ({"withdrawn": True}, "withdrawn: late data showed otherwise"),
    ],
)
def test_what_came_to_light_later_says_how(app: FastAPI, shop: Any, monkeypatch: pytest.MonkeyPatch, facts, said):
    """Whoever looks at an alarm of last night asks why nobody was told."""
    moments = [Moment(NOON, "opened", value=9.5, **facts)]
    monkeypatch.setattr(page.alarm_lists, "history", lambda *_: moments)

    assert said in visit(app, "viewer").get("/alarms/7").text


def visit_of(shop: Any, viewer: Any, one: dict[str, Any]) -> str:
    shop.alarms = [one]
    return viewer.get("/alarms/7").text


def test_with_a_real_login_the_cookie_is_enough_to_look_and_not_to_do(
    app: FastAPI, shop: Any, monkeypatch: pytest.MonkeyPatch
):
    """Airflow's own token, as the browser has it: another page can make it be sent, and does nothing with it."""
    # Which tokens were revoked is in Airflow's database, which is not there.
    monkeypatch.setattr(RevokedToken, "is_revoked", lambda *_, **__: False)
    manager = get_auth_manager()
    client = TestClient(app, raise_server_exceptions=False)
    client.cookies.set("_token", manager.generate_jwt(SimpleAuthManagerUser(username="anna", role="user")))

    assert 200 == client.get("/alarms/7").status_code
    assert 403 == client.post("/alarms/7/acknowledge", data={"comment": "x"}).status_code
    assert [] == shop.actions
    assert 200 == client.post("/alarms/7/acknowledge", data={"comment": "x"}, headers=FROM_HERE).status_code
    assert ["anna"] == [action.who for action in shop.actions]
    client.cookies.set("_token", "forged")
    assert client.get("/alarms/7").status_code in (401, 403)


def test_an_operator_acknowledges_and_sees_at_once_that_he_did(app: FastAPI, shop: Any):
    """The part that comes back has the new state; the name is the one that Airflow knows."""
    operator = visit(app, "operator")
    assert "/alarms/7/acknowledge" in operator.get("/alarms/7").text

    answer = operator.post("/alarms/7/acknowledge", data={"comment": "on my way", "who": "boss"}, headers=FROM_HERE)

    assert 200 == answer.status_code
    assert "Acknowledged." in answer.text
    assert "on my way" in answer.text
    assert "<html" not in answer.text
    assert [("operator", "acknowledge", "on my way", NOON)] == [(a.who, a.verb, a.comment, a.at) for a in shop.actions]


def test_who_is_second_is_told_and_what_he_typed_is_not_lost(app: FastAPI, shop: Any):
    shop.fails = AlreadyDone("anna acknowledged alarm 7 already")

    answer = visit(app, "operator").post("/alarms/7/acknowledge", data={"comment": "my words"}, headers=FROM_HERE)

    assert 409 == answer.status_code
    assert "anna acknowledged alarm 7 already" in answer.text
    assert "my words</textarea>" in answer.text


@pytest.mark.parametrize(
    ("form", "until"),
    [
        ({"lasting": "8h"}, NOON + timedelta(hours=8)),
        ({"lasting": "90d"}, None),
        ({}, None),
        ({"lasting": "-1h"}, None),
    ],
)
def test_a_shelf_has_an_end(app: FastAPI, shop: Any, form: dict[str, str], until: datetime | None):
    answer = visit(app, "operator").post("/alarms/7/shelve", data=form, headers=FROM_HERE)

    assert (200 if until else 409) == answer.status_code
    assert ([until] if until else []) == [action.until for action in shop.actions]


@pytest.mark.parametrize("who", ["stranger", "viewer"])
@pytest.mark.parametrize("verb", ["acknowledge", "comment", "assign", "shelve", "unshelve", "close", "reopen"])
def test_nobody_else_does_anything(app: FastAPI, shop: Any, who: str, verb: str):
    answer = visit(app, who).post(f"/alarms/7/{verb}", data={"comment": "x"}, headers=FROM_HERE)

    assert {"stranger": 401, "viewer": 403}[who] == answer.status_code
    assert [] == shop.actions


def test_a_form_of_another_site_does_nothing_even_with_our_visitors_cookie(app: FastAPI, shop: Any):
    operator = visit(app, "operator")

    for headers in ({}, {**FROM_HERE, "Sec-Fetch-Site": "cross-site"}, {**FROM_HERE, "Sec-Fetch-Site": "same-site"}):
        assert 403 == operator.post("/alarms/7/close", data={"comment": "x"}, headers=headers).status_code
    assert 405 == operator.get("/alarms/7/close").status_code
    assert [] == shop.actions


def test_what_strangers_wrote_is_text(app: FastAPI, shop: Any):
    shop.alarms = [alarm(device=HOSTILE, message=HOSTILE, site=HOSTILE, rule=HOSTILE, metric=HOSTILE, severity=HOSTILE)]
    shop.actions = [Action(7, NOON, HOSTILE, "comment", HOSTILE)]
    viewer = visit(app, "viewer")

    for address in ("/alarms", "/alarms/list", "/alarms/7", "/alarms/7/now"):
        assert "<script>alert" not in viewer.get(address).text
        assert "&lt;script&gt;alert" in viewer.get(address).text


def test_the_list_refreshes_with_its_own_filters(app: FastAPI, shop: Any):
    """A part of the page comes back every few seconds and asks for the same again."""
    part = visit(app, "viewer").get("/alarms/list", params={"severity": "critical", "device": "fri", "first": ""}).text

    assert "<html" not in part
    assert 'hx-get="/alarms/list?severity=critical&amp;device=fri" hx-trigger="every 5s"' in part
    wanted, limit, before = shop.asked[-1]
    assert (("critical",), "*fri*", 101, None) == (wanted.severities, wanted.device, limit, before)


def test_the_next_page_begins_below_the_last_alarm(app: FastAPI, shop: Any):
    shop.alarms = [alarm(number) for number in range(500, 300, -1)]

    part = visit(app, "viewer").get("/alarms/list").text

    assert "100+ alarms" in part
    assert "before=401" in part


@pytest.mark.parametrize(
    ("query", "status"),
    [("device=a%00b%0A", 200), (f"before={'9' * 30}", 422), ("view=x", 422), ("first=2026-99-99", 422)],
)
def test_what_no_filter_can_be_is_refused_or_left_out(app: FastAPI, shop: Any, query: str, status: int):
    """Nothing of it reaches the database."""
    assert status == visit(app, "viewer").get(f"/alarms/list?{query}").status_code
    assert (["*ab*"] if status == 200 else []) == [wanted.device for wanted, *_ in shop.asked]


def test_days_of_the_filter_are_local_and_the_last_is_in_it():
    wanted = Filters(view="all", first="2026-11-21", last="2026-11-22").wanted("Europe/Berlin", NOON)

    assert datetime(2026, 11, 20, 23, tzinfo=UTC) == wanted.since
    assert datetime(2026, 11, 22, 23, tzinfo=UTC) == wanted.until
    assert None is wanted.open_or_since


@pytest.mark.parametrize("address", ["/alarms", "/alarms/list", "/alarms/7", "/alarms/7/now"])
def test_without_a_database_the_page_says_so_and_tries_again(app: FastAPI, address: str):
    answer = visit(app, "viewer").get(address)

    assert 503 == answer.status_code
    assert "now.</strong>" in answer.text
    if address in ("/alarms/list", "/alarms/7/now"):
        assert f'hx-get="{address}"' in answer.text


def test_an_alarm_that_never_was_is_not_found(app: FastAPI, shop: Any):
    assert 404 == visit(app, "viewer").get("/alarms/8").status_code
    assert 404 == visit(app, "operator").post("/alarms/8/close", headers=FROM_HERE).status_code


def test_a_chart_shows_the_limit_the_alarm_and_who_came(app: FastAPI, shop: Any, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def readings(settings: Any, device: str, metric: str, window: Window) -> Readings:
        asked.append((device, metric, window))
        times = np.arange(microseconds(window.start), microseconds(window.end), 10_000_000)
        values = np.linspace(4.0, 11.25, len(times))
        flags = np.where(np.arange(len(times)) == 50, 3, 1)
        return Readings(times, values, flags)

    monkeypatch.setattr("barograph.influx.around.readings", readings)
    shop.actions = [Action(7, NOON - timedelta(minutes=10), "anna", "acknowledge")]

    drawn = visit(app, "viewer").get("/alarms/7/chart").text

    assert [("fridge-1", "temperature", Window(NOON - timedelta(minutes=155), NOON))] == asked
    for part in ('class="beyond"', 'class="span"', 'class="limit"', 'class="curve"', 'class="odd"', 'class="seen"'):
        assert 1 == drawn.count(part), part
    assert "style=" not in drawn


def test_each_level_of_severity_has_its_line():
    rule = {"above": 8.0, "levels": [{"above": 10.0, "severity": "critical"}, {"hold": 60.0, "severity": "critical"}]}
    one = alarm(thresholds={"rule": rule})
    nothing = Readings(np.array([], dtype=np.int64), np.array([]), np.array([], dtype=np.int64))

    found = chart_of(one, standing(one, [], NOON), nothing, Window(NOON - timedelta(hours=3), NOON), "UTC")

    assert ["8", "10"] == [mark.text for mark in found.limits]


def test_a_rule_that_wants_a_comment_says_so_before_somebody_tries(app: FastAPI, shop: Any):
    shop.alarms = [alarm(thresholds={"comment_required": True})]

    assert "This rule wants to know" in visit(app, "operator").get("/alarms/7").text


def test_an_alarm_about_silence_shows_when_frames_came(app: FastAPI, shop: Any, monkeypatch: pytest.MonkeyPatch):
    """Silence has no curve: an empty picture would say nothing."""
    shop.alarms = [alarm(kind="missing", device="port:wall", metric="frames", thresholds={"heard": ["dairy", "ice"]})]
    asked = []

    def heard(_: Any, devices: Any, metric: Any, window: Window, step: timedelta) -> dict[str, list[int]]:
        asked.append((devices, metric))
        return {"dairy": [microseconds(window.start)]}

    monkeypatch.setattr("barograph.influx.around.heard", heard)
    monkeypatch.setattr(page.alarm_lists, "folded_devices", lambda *_: [HOSTILE])
    monkeypatch.setattr(page, "read_sites", lambda _: [])

    drawn = visit(app, "viewer").get("/alarms/7/chart").text

    assert [(sorted([HOSTILE, "dairy", "ice"]), None)] == asked
    assert 1 == drawn.count('class="heard"')
    assert 2 == drawn.count("nothing in this time")
    assert "<script" not in drawn
    assert "When frames came" in visit(app, "viewer").get("/alarms/7").text


def test_an_alarm_about_barograph_itself_promises_no_picture(app: FastAPI, shop: Any):
    shop.alarms = [alarm(site="", rule="collector-stopped", device="till", metric="heartbeat")]

    assert "Nothing was measured" in (shown := visit(app, "viewer").get("/alarms/7").text)
    assert "/alarms/7/chart" not in shown


def test_a_chart_says_why_there_is_none(app: FastAPI, shop: Any, monkeypatch: pytest.MonkeyPatch):
    def readings(*_: Any) -> Readings:
        raise ServiceUnavailable("InfluxDB does not answer <b>")

    monkeypatch.setattr("barograph.influx.around.readings", readings)

    assert "InfluxDB does not answer &lt;b&gt;" in visit(app, "viewer").get("/alarms/7/chart").text


@pytest.mark.parametrize("count", [0, 1, 2, 40_000])
def test_any_number_of_readings_is_drawn_within_the_frame(count: int):
    window = Window(NOON - timedelta(hours=3), NOON)
    length = microseconds(window.end) - microseconds(window.start)
    times = microseconds(window.start) + (np.arange(count) * (length // max(count, 1)))
    values = np.where(np.arange(count) % 7 == 0, np.nan, 5 + 5 * np.sin(np.arange(count) / 99))

    found = chart_of(
        alarm(), standing(alarm(), [], NOON), Readings(times, values, np.ones(count, dtype=np.int64)), window, "UTC"
    )

    assert (count < 2) == found.empty
    assert len(found.curve) < 60_000
    numbers = [float(number) for number in found.curve.replace("M", " ").replace("L", " ").replace("h0", "").split()]
    assert all(LEFT <= x <= found.right for x in numbers[::2])
    assert all(0 <= y <= HEIGHT for y in numbers[1::2])
