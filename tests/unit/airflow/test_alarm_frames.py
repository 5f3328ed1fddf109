"""When frames came, drawn beside an alarm about silence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from barograph.registry import Device, Poll, Port, Site
from barograph.windows import Window, microseconds
from barograph_airflow.ui.alarm_frames import MOST, devices_of, frames_of, step_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=3), NOON)
SITE = Site(
    site="shop",
    name="A shop",
    devices=[Device(device="dairy", zone="wall"), Device(device="ice", zone="wall")],
    ports=[
        Port(port="wall", url="/dev/null", format="x"),
        Port(port="bus", url="/dev/null", format="x", poll=Poll(request="hex:{address} 03", devices={"cold": "01"})),
        Port(port="desk", url="/dev/null", format="x", device="clerk"),
    ],
)


def an_alarm(device: str = "port:wall", **facts: Any) -> dict[str, Any]:
    started = NOON - timedelta(hours=1)
    return {"device": device, "thresholds": {}, "started": started, "cleared": None, **facts}


@pytest.mark.parametrize(
    ("alarm", "expected"),
    [
        (an_alarm("dairy"), ["dairy"]),
        (an_alarm(), ["folded"]),
        (an_alarm(thresholds={"heard": ["dairy", "ice"]}), ["dairy", "folded", "ice"]),
        (an_alarm("port:bus"), ["cold", "folded"]),
        (an_alarm("port:desk"), ["clerk", "folded"]),
        (an_alarm("collector:shop"), ["dairy", "folded", "ice"]),
    ],
)
def test_behind_a_silent_port_stand_the_devices_that_are_known_to_be(alarm: dict[str, Any], expected: list[str]):
    """Heard by the rule, folded under the alarm, or named by the site's file."""
    assert expected == devices_of(alarm, [SITE], ["folded", "port:wall"])


def test_steps_that_follow_each_other_are_one_bar_and_a_silence_is_none():
    step = step_of(WINDOW)
    heard = [microseconds(WINDOW.start + n * step) for n in (*range(10), *range(20, 25))]

    drawn = frames_of(an_alarm(), ["dairy", "ice"], {"dairy": heard}, WINDOW, "Europe/Berlin")

    assert [2, 0] == [len(row.heard) for row in drawn.rows]
    assert ["10:12", ""] == [row.last for row in drawn.rows]
    assert drawn.left <= drawn.alarm.x < drawn.right
    assert all(box.x + box.width <= drawn.right + 1 for row in drawn.rows for box in row.heard)


def test_of_many_devices_some_are_drawn_and_the_others_counted():
    drawn = frames_of(an_alarm(), [f"d{n}" for n in range(MOST + 7)], {}, WINDOW, "UTC")

    assert (MOST, 7) == (len(drawn.rows), drawn.more)
