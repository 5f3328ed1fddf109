"""`barograph status` on the notifier: whether people are told, and who could not be."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from barograph.notify import health as told
from barograph.settings import Settings
from barograph.stack import health

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def ask(channels=(), pending=(), **facts):
        status = told.Status(**{"pid": 1, "started": NOW, "updated": NOW, "contacts": ["anna"], **facts})
        told.write(tmp_path / "run" / "notifier.json", status)
        monkeypatch.setattr(health.engine, "connect", lambda _: None)
        monkeypatch.setattr(health.outbox, "channels", lambda _: list(channels))
        monkeypatch.setattr(health.outbox, "pending", lambda _: list(pending))
        return {answer.name: answer for answer in health._notifier(Settings(home=tmp_path), NOW)}

    return ask


def a_channel(**facts):
    usual = {"contact": "anna", "channel": "mail", "state": "sent", "error": None, "attempts": 1}
    return SimpleNamespace(**{**usual, "attempted": NOW, "composed": NOW, **facts})


def test_one_that_tells_people_is_well(asked):
    answers = asked([a_channel()])

    assert (True, "1 contacts") == (answers["notifier"].ok, answers["notifier"].found)
    assert answers["anna/mail"].ok


def test_one_that_hangs_or_is_gone_is_red(asked):
    answers = asked(updated=NOW - timedelta(minutes=1))

    assert answers["notifier"].ok is False
    assert "nobody is told of alarms" in answers["notifier"].found


def test_what_has_stopped_is_red_with_the_reason(asked):
    assert asked(stopped=["ingest"])["ingest"].ok is False


def test_contacts_that_are_refused_are_red_while_the_last_good_ones_hold(asked):
    answer = asked(refused="contacts.yaml:3: contacts.0.to: no")["notifier"]

    assert answer.ok is False
    assert "contacts.yaml:3" in answer.found


def test_a_channel_that_did_not_take_its_last_message_says_why(asked):
    waiting = [SimpleNamespace(contact="anna", channel="mail", notices=7)]
    answer = asked([a_channel(state="waiting", error="it says 451", attempts=3)], waiting)["anna/mail"]

    assert (False, "waiting after 3 attempts, 7 notices wait: it says 451") == (answer.ok, answer.found)


def test_one_that_stands_by_says_so(asked):
    assert "stands by" in asked(leads=False)["notifier"].found


def test_the_probe_takes_no_status_of_an_earlier_run(tmp_path, monkeypatch):
    """A killed notifier's file looks fresh for half a minute."""
    import importlib.util

    path = Path(__file__).parents[3] / "include" / "stack" / "probe.py"
    spec = importlib.util.spec_from_file_location("probe", path)
    probe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probe)
    monkeypatch.setenv("STACK_HOME", str(tmp_path))
    monkeypatch.setenv("PC_PROC_NAME", "notifier")
    (tmp_path / "run").mkdir()
    status, started = tmp_path / "run" / "notifier.json", tmp_path / "run" / "notifier.pid"
    status.touch()
    started.touch()
    now = status.stat().st_mtime
    os.utime(started, (now - 5, now - 5))
    assert probe.wrote("notifier")

    os.utime(started, (now + 5, now + 5))
    assert not probe.wrote("notifier")
    os.utime(started, (now - 500, now - 500))
    os.utime(status, (now - 60, now - 60))
    assert not probe.wrote("notifier")
