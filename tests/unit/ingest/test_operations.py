"""From the topic `operations` to lines: what is bad costs itself, and a run says the same when it is cleared."""

import json
from datetime import timedelta

import pytest

from barograph.ingest.operations import MOST_POINTS, lines_of, step_lines
from barograph.kafka import Arrived
from barograph.windows import iso, microseconds, utc

NOON = utc("2026-11-22T12:00:00Z")
SENT = microseconds(NOON) // 1000


def arrived(content):
    return Arrived(content if isinstance(content, bytes) else json.dumps(content).encode(), SENT)


def a_point(**facts):
    return {"time": iso(NOON), "measurement": "ports", "tags": {"port": "wall"}, "fields": {"frames": 42}, **facts}


GOOD = "ports,port=wall frames=42.0 1795348800000000"


def test_a_message_is_one_point_or_an_array_of_them():
    lines, refused = lines_of([arrived(a_point()), arrived([a_point(), a_point(tags={})])])

    assert [GOOD, GOOD, "ports frames=42.0 1795348800000000"] == lines
    assert [] == refused


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff", b"{", b"[" * 100_000, b"", b"null", b"5", [[]],
        {key: fact for key, fact in a_point().items() if key != "time"},
        a_point(time="yesterday"), a_point(time=5), a_point(tags=[1]), a_point(fields={}), a_point(fields={"n": [1]}),
        a_point(fields={"n": 10**400}), a_point(measurement=None), a_point(tags={"port": "a\nb"}),
        a_point(time=iso(NOON + timedelta(days=400))), a_point(time=iso(NOON - timedelta(days=400))),
        [a_point()] * (MOST_POINTS + 1),
    ],
)  # fmt: skip
def test_what_is_bad_costs_itself_alone(bad):
    """Anybody may write to a topic."""
    lines, refused = lines_of([arrived(bad), arrived(a_point())])

    assert [GOOD] == lines
    assert 1 == len(refused)


def test_steps_stand_at_the_horizon_so_that_a_cleared_run_overwrites_them():
    """A point of another time would count the batch twice."""
    steps = {"drain": {"read": 10, "stored": 9, "seconds": 1.5}, "load": {"seconds": 0.25}}

    assert [
        "steps,dag=ingest,step=drain batch=7.0,read=10.0,seconds=1.5,stored=9.0 1795348800000000",
        "steps,dag=ingest,step=load batch=7.0,seconds=0.25 1795348800000000",
    ] == list(step_lines(steps, {"dag": "ingest"}, NOON, batch=7))
