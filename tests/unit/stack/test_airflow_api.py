"""The REST client against a made-up Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from barograph.errors import ServiceUnavailable
from barograph.stack.airflow_api import Airflow

FIRST, LAST = datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC)

Answer = Callable[[httpx.Request], Any]


def an_airflow(answer: Answer, tokens: list[str] | None = None) -> Airflow:
    """`answer` says the JSON of an API call, or a status code. Each login hands out the next token."""
    tokens = ["good"] if tokens is None else tokens
    given = iter(tokens)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            login = json.loads(request.content)
            if login != {"username": "admin", "password": "secret"}:
                return httpx.Response(401)
            return httpx.Response(201, json={"access_token": next(given)})
        if request.headers.get("Authorization") != "Bearer good":
            return httpx.Response(401)
        found = answer(request)
        return httpx.Response(found, text="no") if isinstance(found, int) else httpx.Response(200, json=found)

    return Airflow("http://airflow", "secret", transport=httpx.MockTransport(handle))


def test_an_expired_token_is_replaced_once() -> None:
    airflow = an_airflow(lambda request: {"dags": [{"dag_id": "daily"}]}, tokens=["expired", "good"])

    assert airflow.dags() == [{"dag_id": "daily"}]


def test_a_wrong_password_is_said() -> None:
    airflow = Airflow("http://airflow", "wrong", transport=httpx.MockTransport(lambda request: httpx.Response(401)))

    with pytest.raises(ServiceUnavailable, match="refuses admin's login"):
        airflow.dags()


def test_a_backfill_redoes_what_is_there() -> None:
    """The scheduler may have made yesterday's run already, from nothing."""
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> Any:
        sent.append(json.loads(request.content))
        return {"id": 3}

    assert an_airflow(answer).backfill("daily", FIRST, LAST) == 3
    assert sent[0]["reprocess_behavior"] == "completed"
    assert (sent[0]["from_date"], sent[0]["to_date"]) == ("2026-11-05T00:00:00+00:00", "2026-11-06T00:00:00+00:00")


def test_days_are_done_when_every_run_is_there_and_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    looks = iter([["success"], ["success", "running"], ["success", "success"]])
    seen: list[tuple[int, int]] = []

    def answer(request: httpx.Request) -> Any:
        return {"dag_runs": [{"dag_id": "daily", "dag_run_id": "x", "state": state} for state in next(looks)]}

    an_airflow(answer).wait_for_days("daily", FIRST, LAST, 2, progress=lambda done, of: seen.append((done, of)))

    assert seen == [(1, 2), (1, 2), (2, 2)]


def test_a_short_outage_does_not_end_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database was restarted: the run goes on, and so do we."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    answers = iter([500, {"dag_id": "ingest", "dag_run_id": "manual", "state": "success"}])

    assert "success" == an_airflow(lambda request: next(answers)).wait("ingest", "manual")["state"]


def test_a_failed_run_says_what_its_task_said() -> None:
    def answer(request: httpx.Request) -> Any:
        if "/logs/" in request.url.path:
            return {"content": [{"event": "starting"}, {"event": "Spark does not answer"}]}
        if request.url.path.endswith("/taskInstances"):
            return {"task_instances": [{"task_id": "ingest", "try_number": 1, "map_index": -1}]}
        return {"dag_id": "ingest", "dag_run_id": "manual", "state": "failed"}

    with pytest.raises(ServiceUnavailable, match="ingest: Spark does not answer"):
        an_airflow(answer).wait("ingest", "manual")


def test_a_refusal_has_its_reason() -> None:
    with pytest.raises(ServiceUnavailable, match="409 no"):
        an_airflow(lambda request: 409).trigger("daily")


def test_an_airflow_that_is_down_is_no_traceback() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    airflow = Airflow("http://airflow", "secret", transport=httpx.MockTransport(refuse))

    with pytest.raises(ServiceUnavailable, match="does not answer at http://airflow"):
        airflow.health()
