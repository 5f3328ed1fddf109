"""What a sensor says becomes what it should have said, from a moment on, and the raw value stays."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError
from tests.unit.transforms.quality.drawn import NOON, judged, marks, places, series

from barograph.points import Calibration
from barograph.registry import Device, Point, Site
from barograph.transforms.calibration import Correction, calibrated, coefficients, corrections, in_force

BERLIN = ZoneInfo("Europe/Berlin")


def a_calibration(**form):
    return Calibration.model_validate({"since": date(2026, 3, 10), **form})


def test_a_line_goes_exactly_through_two_references():
    """Ice water and boiling water."""
    c0, c1 = coefficients(a_calibration(points=[[0.4, 0.0], [99.1, 100.0]]))

    assert [pytest.approx(0.0, abs=1e-12), pytest.approx(100.0, abs=1e-12)] == [c0 + c1 * 0.4, c0 + c1 * 99.1]


def test_more_references_are_least_squares():
    """As the textbook has it: slope = cov / var."""
    raw, truth = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.1, 0.9, 2.2, 2.8])
    slope = ((raw - raw.mean()) * (truth - truth.mean())).sum() / ((raw - raw.mean()) ** 2).sum()

    c0, c1 = coefficients(a_calibration(points=[list(pair) for pair in zip(raw, truth, strict=True)]))

    assert (pytest.approx(slope), pytest.approx(truth.mean() - slope * raw.mean())) == (c1, c0)


def test_a_fit_of_higher_degree_stands_large_raw_values():
    """Counts of a converter: their powers would swamp a plain system of equations."""
    points = [[raw, 3.0 + 2e-5 * raw + 1e-11 * raw**2] for raw in range(60_000, 66_000, 500)]

    found = coefficients(a_calibration(points=points, degree=2))

    assert all(
        pytest.approx(truth, rel=1e-9) == sum(c * raw**k for k, c in enumerate(found)) for raw, truth in points
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "raw", "value"),
    [
        ({"gain": 2.0, "offset": -1.0}, 5.0, 9.0),
        ({"offset": -0.3}, 5.0, 4.7),
        ({"gain": 1.5}, 5.0, 7.5),
        ({"polynomial": [1.0, 0.0, 2.0]}, 3.0, 19.0),
    ],
)
def test_each_form_says_what_a_value_becomes(form, raw, value):
    known = [Correction(0, coefficients(a_calibration(**form)))]

    assert value == calibrated(np.array([raw]), np.array([1]), known)[0]


def test_each_is_in_force_from_its_moment_until_the_next():
    """A date is the local midnight: 23:00 UTC in winter, 22:00 in summer."""
    found = corrections([a_calibration(gain=2.0), a_calibration(since=date(2026, 7, 1), gain=3.0)], BERLIN)
    first, second = (each.since for each in found)

    assert [0, 1, 1, 2] == in_force(np.array([first - 1, first, second - 1, second]), found).tolist()
    assert ["2026-03-09T23:00", "2026-06-30T22:00"] == [str(np.datetime64(each.since, "us"))[:16] for each in found]


def test_a_missing_value_stays_missing_and_infinity_is_none():
    known = [Correction(0, (0.0, 0.0, 1e300))]

    assert np.isnan(calibrated(np.array([np.nan, 1e300]), np.array([1, 1]), known)).all()


def test_raw_and_calibrated_value_and_flag_travel_together():
    """What the sensor says is judged as it says it, what it means as it should have said it."""
    point = {
        "valid_min": -10, "valid_max": 50, "error_codes": [85], "expected_min": 0, "expected_max": 9,
        "rate": False, "spike": False, "calibration": [{"since": "2026-11-01", "gain": 10.0, "offset": 1.0}],
    }  # fmt: skip

    found = judged(series("0.4 0.9 60 85 -"), places(point=point))

    assert [0.4, 0.9, 60.0, 85.0, None] == found["raw"].to_pylist()
    assert [5.0, 10.0, 601.0, 851.0, None] == found["value"].to_pylist()
    assert ".sFFm" == marks(found)


def test_where_a_calibration_begins_nothing_happened_in_the_world():
    """The values jump by 20 degrees; no reading is a spike or too fast for that, and all before stay as they were."""
    begins = (NOON + timedelta(seconds=90)).isoformat()
    point = {"calibration": [{"since": begins, "offset": 20.0}]}

    found = judged(series("4.0 4.1 4.0 4.1 4.0 4.1"), places(point=point))

    assert ([4.0, 4.1, 4.0, 24.1, 24.0, 24.1], "......") == (found["value"].to_pylist(), marks(found))


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "needs one of"),
        ({"gain": 1.0, "polynomial": [0, 1]}, "needs one of"),
        ({"gain": 0.0}, "same value whatever"),
        ({"polynomial": [1.0, 0.0]}, "same value whatever"),
        ({"polynomial": [1.0]}, "at least 2 items"),
        ({"gain": float("inf")}, "finite"),
        ({"gain": True}, "valid number"),
        ({"points": [[1, 2], [1, 3]]}, "points at 2 different raw values, and has 1"),
        ({"points": [[1, 2], [2, 2]]}, "two different references"),
        ({"points": [[1, 2], [2, 3]], "degree": 2}, "points at 3 different raw values, and has 2"),
        ({"gain": 1.0, "degree": 1}, "degree belongs to points"),
        ({"points": [[1, float("nan")], [2, 3]]}, "finite"),
    ],
)
def test_a_calibration_that_means_nothing_is_refused(form, says):
    with pytest.raises(ValidationError, match=says):
        a_calibration(**form)


def test_calibrations_follow_each_other():
    """Two from one moment: which is in force? Only the site knows that local midnight is 23:00 UTC."""
    twice = [a_calibration(gain=2.0), a_calibration(since=NOON.replace(month=3, day=9, hour=23), gain=3.0)]
    device = Device(device="d", zone="z", points={"temperature": Point(calibration=twice)})

    with pytest.raises(ValidationError, match=r"d, temperature: the calibration since .* must be later"):
        Site(site="s", name="S", timezone="Europe/Berlin", devices=[device])
