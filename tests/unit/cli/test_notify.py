"""What people see of what was told to whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.state import engine, outbox
from barograph.state.outbox import Message

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
FACTS = {
    "counts": {"alarms": 1},
    "entries": [{"said": "opened", "severity": "major", "label": "[red]Dairy fridge", "rule": "warm", "alarm": 17}],
}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(engine, "connect", lambda _: None)
    monkeypatch.setattr(outbox, "pending", lambda _: [])
    (tmp_path / "sites" / "shop").mkdir(parents=True)
    (tmp_path / "sites" / "shop" / "site.yaml").write_text("site: shop\nname: Shop\n")
    (tmp_path / "sites" / "shop" / "contacts.yaml").write_text(
        "contacts: [{contact: anna, channels: [{channel: desk, kind: log}]}]\n"
    )

    def ask(*arguments, **facts):
        message = Message(
            1, "5f0c", "anna", "desk", "5f0c", FACTS, NOON, NOON, **{"attempts": 1, "state": "sent", **facts}
        )
        monkeypatch.setattr(outbox, "messages", lambda *_, **__: [message])
        return CliRunner().invoke(make_app(), list(arguments))

    return ask


def test_the_outbox_shows_who_was_told_what(asked):
    """Names are text: brackets of a label are no colour."""
    shown = asked("notify", "outbox")

    assert 0 == shown.exit_code
    assert "anna/desk  opened major: [red]Dairy fridge, warm (alarm 17)  sent, attempt 1" in shown.output


def test_what_did_not_arrive_is_the_exit_code(asked):
    """For scripts."""
    shown = asked("notify", "outbox", "--json", state="refused", error="it says 550")

    assert 1 == shown.exit_code
    assert "it says 550" == json.loads(shown.output)["messages"][0]["error"]


def test_a_test_says_of_each_channel_what_came_of_it(asked):
    shown = asked("alarms", "test-notify", "anna")

    assert 0 == shown.exit_code
    assert "✓ desk: log, taken in" in shown.output


def test_whoever_is_no_contact_is_told_who_there_is(asked):
    assert "There are: anna" in str(asked("alarms", "test-notify", "ana").exception)
