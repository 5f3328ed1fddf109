"""How an alarm came about: its readings folded again, with the rules that were in force."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.unit.hindsight.test_backtest import NOW, PRESENT, SITE, course
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.errors import AlarmError
from barograph.hindsight.explain import explain, told
from barograph.readings import FAIL
from barograph.settings import Settings
from barograph.state.alarm_lists import Handled
from barograph.state.books import Book
from barograph.state.handling import standing
from barograph.testing import readings, settled_day
from barograph.windows import Window

DAY = date(2026, 11, 21)
NOON = datetime.fromisoformat("2026-11-21T12:00:00Z")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A settled day on which one reading of the hot hour is bad, and rules that are kept."""
    window = Window.local_day(DAY, SITE.timezone)
    rows = [
        row | ({"flag": FAIL, "value": None} if row["time"] == NOON + 5 * MINUTE else {})
        for row in readings("fridge-1", "temperature", window, course, cadence=60)
    ]
    settled_day(tmp_path / "archive", SITE, DAY, rows)
    folder = tmp_path / "sites" / "shop"
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text(
        "site: shop\nname: Shop\ntimezone: Europe/Berlin\n"
        "devices: [{device: fridge-1, zone: cold, kind: fridge, points: {temperature: {}}}]\n"
    )
    (folder / "rules.yaml").write_text("rules: []")
    book = Book("abc", PRESENT, NOON - timedelta(days=3))
    monkeypatch.setattr("barograph.state.books.newest", lambda engine, site, until=None: book)
    return Settings(home=tmp_path, archive=str(tmp_path / "archive"))


def alarm(**facts: Any) -> dict[str, Any]:
    return {
        "alarm": 7, "site": "shop", "rule": "warm", "rule_version": "", "device": "fridge-1", "metric": "temperature",
        "started": NOON, "opened": NOON + 10 * MINUTE, "cleared": NOON + 60 * MINUTE, "message": "", "limit": 8.0,
        "value": 9.5, "state": "cleared", **facts,
    }  # fmt: skip


def test_each_transition_has_the_readings_that_led_to_it(settings):
    """From the first one beyond the limit; the bad one is there, with its flag and why it did not count."""
    found = explain(settings, None, alarm(), NOW)

    opened, cleared = found.transitions
    assert ("opened", NOON + 10 * MINUTE) == (opened.event.transition, opened.event.time)
    assert ("cleared", NOON + 60 * MINUTE) == (cleared.event.transition, cleared.event.time)
    steps = told(found)["transitions"][0]["steps"]
    assert [NOON + n * MINUTE for n in range(11)] == [step["time"] for step in steps][-11:]
    bad = next(step for step in steps if step["time"] == NOON + 5 * MINUTE)
    assert (FAIL, "its flag does not count", None) == (bad["flag"], bad["note"], bad["measure"])
    assert {NOON} == {step["beyond_since"] for step in steps[-11:]}


def test_the_rules_are_those_of_then(settings):
    """The file has other rules by now."""
    found = explain(settings, None, alarm(), NOW)

    assert "version abc" in found.rules
    assert not found.same_version
    same = explain(settings, None, alarm(rule_version=found.transitions[0].event.version), NOW)
    assert same.same_version


def test_an_alarm_that_does_not_come_again_is_said_not_to(settings):
    found = explain(settings, None, alarm(opened=NOON + 20 * MINUTE, cleared=NOON + 30 * MINUTE), NOW)

    assert [] == found.transitions


@pytest.mark.parametrize("facts", [{"site": "", "rule": "kafka-gap"}, {"rule": "shared-id", "message": "two sensors"}])
def test_alarms_that_no_rule_asks_for_have_their_message(settings, facts):
    with pytest.raises(AlarmError, match=r"of no rule|No rule shared-id.*two sensors"):
        explain(settings, None, alarm(**facts), NOW)


def test_the_command_line_shows_the_steps_and_hides_most_of_many(settings, monkeypatch):
    monkeypatch.setattr("barograph.settings.load_settings", lambda *_: settings)
    monkeypatch.setattr("barograph.state.engine.connect", lambda _: None)
    one = Handled(alarm(), standing(alarm(), [], NOW), [])
    monkeypatch.setattr("barograph.state.alarm_lists.alarm", lambda *_: one)

    monkeypatch.setattr("barograph.cli.hindsight.out", Console(width=140))

    short = CliRunner().invoke(make_app(), ["alarms", "explain", "7"])
    full = CliRunner().invoke(make_app(), ["alarms", "explain", "7", "--all"])

    assert (0, 0) == (short.exit_code, full.exit_code), short.output
    assert "opened 2026-11-21 12:10:00 UTC at 9.5, limit 8" in short.output
    assert "more" in short.output
    assert 60 < full.output.count("fridge-1 temperature")


def test_silence_is_explained_by_what_did_not_come(settings, tmp_path, monkeypatch):
    """The last sign of life, of whatever the device measures, and the moment at which it was too long ago."""
    window = Window.local_day(DAY, SITE.timezone)
    rows = [
        row
        for row in readings("fridge-1", "temperature", window, 4.0, cadence=60)
        if not NOON < row["time"] < NOON + 60 * MINUTE
    ]
    settled_day(tmp_path / "archive", SITE, DAY, rows)
    book = Book("abc", "rules: [{rule: gone, kind: missing, least: 300}]", NOON - timedelta(days=3))
    monkeypatch.setattr("barograph.state.books.newest", lambda engine, site, until=None: book)
    silent = alarm(rule="gone", metric="frames", opened=NOON + 5 * MINUTE, value=300.0, limit=300.0)

    opened, cleared = explain(settings, None, silent, NOW).transitions

    assert NOON + 5 * MINUTE == opened.event.time
    assert (None, "nothing came") == (opened.steps[-1].reading, opened.steps[-1].note)
    assert NOON + 60 * MINUTE == cleared.event.time
