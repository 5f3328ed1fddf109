from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from barograph.live.summed import drawn
from barograph.settings import Settings
from barograph.windows import Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def how(
    hours: float, pixels: int = 800, cadence: float = 10, ago: float = 0, **windows: Any
) -> tuple[str, float, float, float]:
    settings = Settings(home=Path("/nowhere"), windows=windows)
    end = NOON - timedelta(hours=ago)
    found = drawn(settings, Window(end - timedelta(hours=hours), end), pixels, cadence, NOON)
    return found.period, found.size.total_seconds(), found.step.total_seconds(), found.joined.total_seconds()


@pytest.mark.parametrize(
    ("hours", "pixels", "chosen"),
    [
        (1, 800, ("window", 60, 5, 0)),
        (1, 400, ("window", 60, 5, 18)),
        (24, 800, ("window", 60, 5, 216)),
        (24 * 7, 800, ("window", 60, 5, 1512)),
        (24 * 8, 800, ("hour", 3600, 3600, 0)),
        (24 * 30, 800, ("hour", 3600, 3600, 0)),
        (24 * 30, 300, ("day", 86_400, 86_400, 0)),
        (24 * 400, 2400, ("day", 86_400, 86_400, 0)),
    ],
)
def test_there_are_never_more_steps_than_pixels(hours: int, pixels: int, chosen: tuple[Any, ...]):
    """720 windows of an hour fit into 800 pixels, those of a day go together; a month is its hours, a year its days."""
    assert chosen == how(hours, pixels)


def test_what_influxdb_has_forgotten_is_made_of_rollups():
    """Windows are kept for seven days, whatever the length of the stretch."""
    assert ("window", "hour") == (how(1, ago=24 * 6)[0], how(1, ago=24 * 8)[0])


def test_a_slow_device_has_windows_as_its_cadence_allows():
    assert ("window", 60, 30, 0) == how(6, cadence=30)
    assert ("window", 300, 300, 0) == how(24, cadence=300)


def test_where_no_hours_are_made_there_are_days():
    assert "day" == how(24 * 8, rollups=["day"])[0]
