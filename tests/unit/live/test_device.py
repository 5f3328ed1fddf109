from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from barograph.live.device import calibrations, form, port_of, step_of
from barograph.points import Calibration
from barograph.registry import Device, Site
from barograph.windows import Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "pixels", "step"),
    [(1, 800, 0), (6, 1200, 0), (24, 1200, 144), (24, 300, 576), (24 * 30, 1200, 4320)],
)
def test_a_chart_has_a_step_for_two_pixels_or_each_reading(hours: int, pixels: int, step: int):
    """A device with a beat of 30 s: 720 readings fit into 1,200 pixels, a day of them does not."""
    window = Window(NOON - timedelta(hours=hours), NOON)

    assert timedelta(seconds=step) == step_of(window, pixels, cadence=30)


@pytest.mark.parametrize(
    ("said", "calibration"),
    [
        ("1.02 · raw − 0.3", {"gain": 1.02, "offset": -0.3}),
        ("1 · raw + 0.5", {"offset": 0.5}),
        ("0.1 + 0.98 · raw + 0.0005 · raw^2", {"polynomial": [0.1, 0.98, 0.0005]}),
        ("through 2 reference readings", {"points": [[0.4, 0.0], [99.1, 100.0]]}),
    ],
)
def test_a_calibration_is_said_as_a_person_would_write_it(said: str, calibration: dict[str, object]):
    assert said == form(Calibration(since="2026-03-10", **calibration))  # type: ignore[arg-type]


def test_the_calibration_in_force_is_the_last_that_began():
    points = {
        "temperature": {"calibration": [{"since": f"2026-{month}-01", "gain": 1.1} for month in ("03", "09", "12")]}
    }
    site = Site(site="s", name="S", devices=[Device(device="d", zone="z", points=points)])  # type: ignore[arg-type]

    assert [(12, False), (9, True), (3, False)] == [
        (each.since.month, each.now) for each in calibrations(site, "d", NOON)
    ]


def test_without_a_collector_no_port_is_known(tmp_path: Path):
    assert port_of(tmp_path / "collector.json", "d", NOON) is None
