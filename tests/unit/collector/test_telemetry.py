"""Figures and events as points: identity in tags, numbers in fields, nothing that was not measured."""

import json
from collections import Counter
from datetime import timedelta

from barograph.collector import health, telemetry
from barograph.collector.events import Event, Events
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")


def a_status(**port):
    fridge = health.DeviceCounters(frames=41, last_frame=NOON - timedelta(seconds=12), skew=-3.5)
    counted = {"connected": True, "bytes": 900, "frames": 42, "rejects": Counter(not_json=3)}
    counters = health.Counters(url="/dev/ttyUSB0", devices={"fridge-1": fridge}, **{**counted, **port})
    return health.Status(
        name="till-2", pid=1, boot="b", started=NOON, updated=NOON, broker_up=True, published=42, spool_depth=3,
        spool_bytes=1000, spool_quota=10**6, spool_lost=0, waiting_since=NOON - timedelta(seconds=8),
        ports={"wall": counters},
    )  # fmt: skip


def figures(**port):
    return {point["measurement"]: point for point in telemetry.figures(a_status(**port))}


def test_each_port_reason_and_device_is_a_point_of_its_own():
    found = figures()

    assert {"collector", "ports", "rejects", "devices"} == found.keys()
    assert {"collector": "till-2", "port": "wall", "device": "fridge-1"} == found["devices"]["tags"]
    assert {"frames": 41, "skew": -3.5, "silent": 12.0, "state": "on_time"} == found["devices"]["fields"]
    assert (900, 42, True) == tuple(found["ports"]["fields"][name] for name in ("bytes", "frames", "connected"))
    assert (8.0, 3) == (found["collector"]["fields"]["spool_age"], found["collector"]["fields"]["spool_depth"])
    assert {"2026-11-22T12:00:00.000000Z"} == {point["time"] for point in found.values()}


def test_what_nobody_counts_is_absent_and_zero_is_a_measurement():
    assert "overruns" not in figures()["ports"]["fields"]
    assert 0 == figures(overruns=0)["ports"]["fields"]["overruns"]


def test_a_closed_port_is_closed_whatever_its_devices_were():
    assert "closed" == figures(connected=False)["ports"]["fields"]["state"]


def test_an_event_says_where_in_tags_and_what_in_fields():
    event = Event(NOON, "port_lost", "warning", {"port": "wall", "reason": "unplugged", "seconds": 3})
    point = telemetry.happened(event, "till-2")

    assert {"collector": "till-2", "event": "port_lost", "level": "warning", "port": "wall"} == point["tags"]
    assert {"count": 1, "reason": "unplugged", "seconds": 3} == point["fields"]


def test_what_an_event_says_can_always_travel():
    """A list of ports, a number that is none, an error of pages: the publisher's thread must not stumble."""
    facts = {"added": ["a", "b"], "seconds": float("nan"), "error": "x" * 10_000, "why": "a\nb\x1b", "device": None}
    [message] = telemetry.messages([telemetry.happened(Event(NOON, "reloaded", "info", facts), "c")])

    [point] = json.loads(message)
    assert {"count": 1, "added": "a, b", "error": "x" * 500, "why": "a b\\x1b"} == point["fields"]
    assert "device" not in point["tags"]


def test_an_event_is_counted_and_kept_once():
    kept = []
    events = Events(lambda: NOON, kept.append)

    events("port_lost", "warning", port="wall")
    events("port_lost", "warning", port="dock")

    assert {"port_lost": 2} == events.counts
    assert ["wall", "dock"] == [event.facts["port"] for event in kept]
