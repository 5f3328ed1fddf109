"""`barograph status` on the collector: one line that says whether it flows, and one for each port."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from barograph.collector import health as told
from barograph.settings import Settings
from barograph.stack import health

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def asked(tmp_path: Path):
    (tmp_path / "run").mkdir()

    def ask(port=None, **facts):
        counted = {"connected": True, "frames": 42, **(port or {})}
        status = told.Status(
            **{
                "pid": 1, "boot": "b", "started": NOW, "updated": NOW, "broker_up": True, "published": 42,
                "spool_depth": 0, "spool_bytes": 0, "spool_quota": 10, "spool_lost": 0,
                "ports": {"wall": told.Counters(url="u", **counted)}, **facts,
            }
        )  # fmt: skip
        told.write(tmp_path / "run" / "collector.json", status)
        return {answer.name: answer for answer in health._collector(Settings(home=tmp_path), NOW)}

    return ask


def test_a_collector_that_flows_says_how_fast(asked):
    answers = asked(latency_p99=0.064)

    assert all(answer.ok for answer in answers.values())
    assert "42 published, 99 % within 0.064 s, 0 spooled, 0 lost" == answers["collector"].found


def test_what_waits_for_long_says_for_how_long(asked):
    """A few frames on their way are no news; ten minutes are."""
    assert "3 spooled for 600 s" in asked(spool_depth=3, waiting_since=NOW - timedelta(minutes=10))["collector"].found
    assert "3 spooled, " in asked(spool_depth=3, waiting_since=NOW - timedelta(seconds=1))["collector"].found


def test_bytes_that_were_lost_and_clocks_that_are_off_stand_at_their_port(asked):
    answers = asked(port={"overruns": 14, "clock_off": 2})

    assert "42 frames, 0 rejected, 14 bytes overrun, 2 with a clock far off" == answers["wall"].found


def test_metrics_that_nobody_can_scrape_are_a_fault(asked):
    assert not asked(metrics_error="port 28064 cannot be had")["metrics"].ok
    assert "metrics" not in asked()
