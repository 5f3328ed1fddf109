"""Two sensors set to one id: an alarm names both ports, and ends when one of them got an id of its own."""

from __future__ import annotations

import pytest
from tests.services.river import opened


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        yield own


def told(river):
    return river.sql("select device, state, message from alarms where rule = 'shared-id' order by opened")


def test_two_sensors_with_one_id_are_an_alarm_until_they_are_two(river):
    turns = [
        river.frame(1500 - 30 * n, 4.0, seq=n, port="dock" if n % 2 else "wall", boot="a") for n in range(8)
    ]  # fmt: skip
    river.send(*turns, river.frame(1400, 4.0, seq=99, boot="x", device="single"))
    river.ingest("first")
    [(device, state, message)] = told(river)
    assert (river.fridge, "open") == (device, state)
    assert "dock and wall" in message

    river.ingest("first")
    assert 1 == len(told(river)), "a run that is cleared tells nothing twice"
    river.send(*[river.frame(300 - 30 * n, 4.0, seq=20 + n, port="wall", boot="a") for n in range(4)])
    river.ingest("second")

    assert [(river.fridge, "cleared")] == [row[:2] for row in told(river)]
