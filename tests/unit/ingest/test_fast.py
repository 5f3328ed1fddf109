"""What comes from collectors comes from outside: whatever is no event costs itself alone."""

import json
from datetime import UTC, datetime

import pytest
from tests.unit.rules.told import watches

from barograph.ingest.fast import events_of
from barograph.kafka import Arrived

RULES = watches({"rule": "warm", "metric": "temperature", "above": 8})
EVENT = {
    "collector": "till", "rule": "warm", "device": "fridge-1", "metric": "temperature", "transition": "opened",
    "time": "2026-11-22T12:00:00.000000Z", "started": "2026-11-22T11:59:00.000000Z", "value": 9.0,
    "severity": "major", "version": "v", "limit": 8.0, "port": "wall", "details": {"anything": "else"},
}  # fmt: skip


def arrived(content):
    return Arrived(content, 0)


def told(**facts):
    return arrived(json.dumps({**EVENT, **facts}).encode())


def test_an_event_is_what_the_collector_said():
    [event] = events_of([told()], RULES)

    assert (("warm", "fridge-1", "temperature"), "opened", 9.0) == (event.key, event.transition, event.value)
    assert datetime(2026, 11, 22, 12, tzinfo=UTC) == event.time
    assert {"collector": "till", "port": "wall"} == event.details


@pytest.mark.parametrize(
    "bad",
    [
        arrived(b"\xff"),
        arrived(b"[" * 100_000),
        arrived(b"[]"),
        told(transition="acknowledged"),
        told(severity="<script>"),
        told(value=float("inf")),
        told(time="yesterday"),
        told(rule="no-such-rule"),
        told(device="x" * 1000),
        told(port="../../etc"),
    ],
)
def test_what_is_no_event_costs_itself_alone(bad):
    assert [9.0] == [event.value for event in events_of([bad, told()], RULES)]
