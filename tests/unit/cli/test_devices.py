"""The collector's ports and devices as a person sees them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.cli.devices import shared
from barograph.collector import health


@pytest.fixture
def status(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "run").mkdir()

    def write(age=timedelta(0), waiting=None, **facts):
        now = datetime.now(UTC)
        fridge = health.DeviceCounters(frames=41, last_frame=now - timedelta(seconds=12), skew=-3.5)
        more = {name: facts.pop(name) for name in facts.keys() & health.Status.model_fields.keys()}
        counted = {"connected": True, "frames": 42, "devices": {"fridge-1": fridge}}
        counters = health.Counters(url="/dev/ttyUSB0", **{**counted, **facts})
        told = health.Status(
            pid=1, boot="b", started=now, updated=now - age, broker_up=True, published=42, spool_depth=3,
            spool_bytes=1000, spool_quota=10**6, spool_lost=0, ports={"wall": counters},
            waiting_since=now - waiting if waiting else None,
        ).model_copy(update=more)  # fmt: skip
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


def test_what_a_port_cannot_tell_is_no_zero(status):
    """Nobody knows what a pty lost; a driver that counts has a number."""
    status()
    assert "?" in shown().stdout
    status(overruns=14)
    assert "?" not in shown().stdout
    assert " 14 " in shown().stdout


def test_how_old_the_spool_is_and_how_long_kafka_takes_are_said(status):
    status(waiting=timedelta(hours=3), latency_p50=0.031, latency_p99=1.25, metrics="http://127.0.0.1:28064/metrics")
    said = shown().stdout

    assert "3 waiting, the oldest for 3 h" in said
    assert "half within 31 ms, 99 % within 1.2 s" in said
    assert "http://127.0.0.1:28064/metrics" in said


@pytest.mark.parametrize(
    ("skew", "expected"),
    [
        (-795_787_000, "25 years behind"),
        (0.04, "+0.0 s"),
        (-90, "-90.0 s"),
        (-31_536_000, "365 d behind"),
        (7200, "2 h ahead"),
    ],
)
def test_a_clock_that_is_a_year_off_is_said_in_days(status, skew, expected):
    status(devices={"fridge-1": health.DeviceCounters(skew=skew)})

    assert expected in shown().stdout


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


def test_one_id_on_two_ports_is_named_with_both(status):
    """Two sensors set to one id: their readings cannot be told apart, so somebody must hear of it."""
    now = datetime.now(UTC)
    ports = {
        name: health.Counters(url=name, connected=True, devices={"fridge-1": health.DeviceCounters(last_frame=at)})
        for name, at in (("wall", now), ("dock", now - timedelta(seconds=50)), ("yard", now - timedelta(hours=1)))
    }

    assert {"fridge-1": ["dock", "wall"]} == shared(told(ports))


def told(ports):
    now = datetime.now(UTC)
    return health.Status(
        pid=1, boot="b", started=now, updated=now, broker_up=True, published=42, spool_depth=3, spool_bytes=1000,
        spool_quota=10**6, spool_lost=0, ports=ports,
    )  # fmt: skip
