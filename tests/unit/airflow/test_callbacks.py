"""A DAG that needs a person opens an alarm, and one that is well again ends it."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from barograph.state import engine, system_alarms
from barograph_airflow import callbacks

pytestmark = pytest.mark.usefixtures("settings_here")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was done to the alarms: opened with a message, or cleared."""
    done: list[tuple[Any, ...]] = []

    @contextmanager
    def begin():
        yield None

    monkeypatch.setattr(engine, "connect", lambda _: SimpleNamespace(begin=begin))
    monkeypatch.setattr(
        system_alarms,
        "keep_open",
        lambda _, rule, dag, task, at, **facts: done.append((rule, dag, task, facts["message"])),
    )
    monkeypatch.setattr(system_alarms, "clear", lambda _, rule, at, *which: done.append(("over", rule, *which)))
    return done


def context(**facts: Any) -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id="daily", task_id="settle", run_id="tonight"), **facts}


def test_a_task_that_failed_for_good_opens_an_alarm_that_says_why(told):
    callbacks.failed(context(exception=RuntimeError("no space left\nTraceback ...")))

    message = "daily / settle failed in the run tonight: no space left docs/runbook.md#daily"
    assert [("dag-failed", "daily", "settle", message)] == told


def test_a_task_that_was_killed_has_no_exception(told):
    callbacks.failed(context())

    assert "it was ended from outside" in told[0][3]


def test_a_task_that_works_again_ends_its_alarm_and_that_of_a_late_run(told):
    callbacks.worked(context())

    assert [("over", "dag-failed", "daily", "settle"), ("over", "dag-late", "daily")] == told


@pytest.mark.parametrize(("kind", "alarms"), [("scheduled", ["dag-late"]), ("backfill", []), ("manual", [])])
def test_only_a_scheduled_run_is_late(told, kind, alarms):
    """Of a backfill all runs are queued at once."""
    callbacks.late({"dag_run": {"dag_id": "daily", "dag_run_id": "tonight", "run_type": kind}}, hours=6)

    assert alarms == [one[0] for one in told]


def test_a_database_that_is_down_fails_no_task(monkeypatch):
    def down(_: Any) -> None:
        raise OSError("nobody listens")

    monkeypatch.setattr(engine, "connect", down)

    callbacks.failed(context())
    callbacks.worked(context())
