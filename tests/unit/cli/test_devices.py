"""The collector's ports and devices as a person sees them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.collector import health


@pytest.fixture
def status(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "run").mkdir()

    def write(age=timedelta(0), **port):
        now = datetime.now(UTC)
        fridge = health.DeviceCounters(frames=41, last_frame=now - timedelta(seconds=12), skew=-3.5)
        counters = health.Counters(url="/dev/ttyUSB0", connected=True, frames=42, devices={"fridge-1": fridge})
        told = health.Status(
            pid=1, boot="b", started=now, updated=now - age, broker_up=True, published=42, spool_depth=3,
            spool_bytes=1000, spool_quota=10**6, spool_lost=0, ports={"wall": counters.model_copy(update=port)},
        )  # fmt: skip
        health.write(tmp_path / "run" / "collector.json", told)

    return write


def shown(*arguments):
    return CliRunner().invoke(make_app(), ["devices", *arguments])


def test_each_device_has_a_line_with_its_last_frame_and_its_clock(status):
    status()
    result = shown()

    assert 0 == result.exit_code
    [line] = [line.split() for line in result.stdout.splitlines() if line.strip().startswith("fridge-1")]
    assert ["fridge-1", "wall", "on", "time", "41"] == line[:5]
    assert "-3.5" in line
    assert "3 waiting" in result.stdout


def test_a_closed_port_says_why_and_the_exit_code_tells_scripts(status):
    status(connected=False, error="Cannot open port wall (/dev/ttyUSB0). Nothing is there.")
    result = shown()

    assert 1 == result.exit_code
    assert "Nothing is there" in result.stdout


def test_a_silent_device_is_an_answer_for_scripts(status):
    status(devices={"fridge-1": health.DeviceCounters(state="silent")})

    assert 1 == shown().exit_code
    assert "silent" == json.loads(shown("--json").stdout)["ports"]["wall"]["devices"]["fridge-1"]["state"]


def test_without_a_collector_it_says_how_to_start_one(status):
    """An old file of a collector that was killed must not look like a live one."""
    status(age=timedelta(minutes=5))

    assert "stack start collector" in str(shown().exception)
