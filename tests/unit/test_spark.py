"""Sessions end with who asked for them; what spark-submit's differ in from our servers' changes no answer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from barograph import settings as edge_of_environment
from barograph import spark
from barograph.settings import Settings
from barograph.stack.environment import FILES


@pytest.fixture
def session(monkeypatch, tmp_path):
    """A session that writes down what it is told."""
    told = []
    fake = SimpleNamespace(
        told=told, interruptAll=lambda: told.append("interrupted") or ["one"], stop=lambda: told.append("stopped")
    )
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    monkeypatch.setattr(spark, "_connected", lambda *given: fake)
    fake.settings = Settings(home=tmp_path)
    return fake


def test_a_session_that_did_its_work_is_only_stopped(session):
    with spark.session(session.settings):
        pass
    spark.interrupt()

    assert ["stopped"] == session.told


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, type("TimeIsUp", (BaseException,), {})])
def test_a_session_whose_task_is_ended_is_interrupted_first(session, end):
    with pytest.raises(end), spark.session(session.settings):
        raise end

    assert ["interrupted", "stopped"] == session.told


def test_a_kill_on_request_reaches_every_open_session(session):
    with spark.session(session.settings), spark.session(session.settings, "history"):
        spark.interrupt()

        assert ["interrupted", "interrupted"] == session.told


def test_what_answers_depend_on_is_the_same_under_spark_submit():
    lines = (FILES / "spark" / "connect.conf").read_text(encoding="utf-8").splitlines()
    servers = dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))

    assert spark.SUBMITTED == {name: servers.get(name) for name in spark.SUBMITTED}


def test_spark_submit_is_known_by_its_gateway(monkeypatch):
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    assert not edge_of_environment.is_submitted()

    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "40000")
    assert edge_of_environment.is_submitted()
