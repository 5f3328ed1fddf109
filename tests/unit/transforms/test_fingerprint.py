"""A fingerprint changes when, and from when on, settling a day again would give something else."""

from datetime import date, timedelta

import pytest

from barograph.registry import Device, Point
from barograph.testing import a_site
from barograph.transforms.places import Places
from barograph.windows import Window

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(31)]
BERLIN = "Europe/Berlin"


def fingerprints(point=None, device="d", metrics=None, zone="z", more=(), timezone=BERLIN, **facts):
    """Of each day of March 2026."""
    points = {"temperature": Point.model_validate(point or {})}
    site = a_site(Device(device="d", zone=zone, points=points, **facts), *more, timezone=timezone)
    where = Places.of_sites([site], None, 10.0)
    return [where.fingerprint(device, Window.local_day(day, timezone), metrics) for day in DAYS]


def changed(before, after):
    """The days of March on which they differ."""
    return [day.day for day, one, other in zip(DAYS, before, after, strict=True) if one != other]


def since(day, **form):
    return {"since": date(2026, 3, day), **(form or {"offset": 0.5})}


ALL = list(range(1, 32))


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [
        ([], [since(10)], list(range(10, 32))),
        ([since(10)], [since(10, offset=0.6)], list(range(10, 32))),
        ([since(10)], [since(10), since(20, gain=1.1)], list(range(20, 32))),
        # The first windows of the day after begin before its midnight.
        ([since(10)], [since(12)], [10, 11, 12]),
        ([since(10), since(12, gain=2.0)], [since(10, offset=0.7), since(12, gain=2.0)], [10, 11, 12]),
        ([since(10)], [since(10), {"since": date(2026, 4, 1), "gain": 1.1}], []),
    ],
)
def test_a_calibration_counts_from_its_first_day_to_its_last(before, after, days):
    assert days == changed(fingerprints({"calibration": before}), fingerprints({"calibration": after}))


@pytest.mark.parametrize(
    "point", [{"rate": 5}, {"rate": False}, {"valid_max": 60}, {"spike": {"suspect": 1}}, {"error_codes": [85]}]
)
def test_a_test_of_quality_counts_always(point):
    """Tests have no date: who changes one changes all days."""
    assert ALL == changed(fingerprints(), fingerprints(point))


@pytest.mark.parametrize("facts", [{"cadence": 60}, {"zone": "elsewhere"}])
def test_the_place_counts(facts):
    assert ALL == changed(fingerprints(), fingerprints(**facts))


def test_a_device_that_leaves_counts_from_then_on():
    assert list(range(21, 32)) == changed(fingerprints(), fingerprints(until=date(2026, 3, 20)))


def test_what_the_goods_need_and_what_things_are_called_decide_nothing():
    """Limits of goods are drawn; alarms are rules."""
    assert [] == changed(fingerprints(), fingerprints({"low": 1, "high": 8}, name="Dairy"))


def test_it_is_the_same_in_every_process():
    """It stands in a table for years: a hash that depends on the process would make every day stale."""
    import subprocess
    import sys

    code = (
        "from tests.unit.transforms.test_fingerprint import *; "
        "print(fingerprints({'spike': {}, 'calibration': [since(10)]})[15])"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )

    assert fingerprints({"spike": {}, "calibration": [since(10)]})[15] == other.stdout.strip()


def test_only_metrics_that_the_device_has_need_to_count():
    """A line that somebody adds to the table of metrics says nothing about a door."""
    assert [] == changed(fingerprints(metrics=["door"]), fingerprints({"rate": 5}, metrics=["door"]))
    assert ALL == changed(fingerprints(metrics=["temperature"]), fingerprints({"rate": 5}, metrics=["temperature"]))


def test_a_neighbour_counts_where_neighbours_are_compared():
    """Another calibration next door changes what the device is compared with; a zone that compares nothing is calm."""
    asked = {"neighbours": {"difference": 2}}

    def with_neighbour(point, calibrated):
        other = Point.model_validate({"calibration": [since(10)] if calibrated else []})
        return fingerprints(point, more=[Device(device="e", zone="z", points={"temperature": other})])

    assert [] == changed(with_neighbour({}, False), with_neighbour({}, True))
    # The day before looks some minutes over midnight.
    assert list(range(9, 32)) == changed(with_neighbour(asked, False), with_neighbour(asked, True))


def test_a_stranger_has_one_too():
    assert [] == changed(fingerprints(device="nobody"), fingerprints({"rate": 5}, device="nobody"))


def test_a_day_is_decided_by_its_own_measuring_points_alone():
    """A device that joins in April changes nothing of March; one that spoke then and moves changes it."""
    march = Window.local_day(FIRST, BERLIN)
    places = Places.of_sites([a_site(Device(device="d", zone="z"))], None, 10.0)
    more = Places.of_sites([a_site(Device(device="d", zone="z"), Device(device="e", zone="z"))], None, 10.0)
    moved = Places.of_sites([a_site(Device(device="d", zone="y"))], None, 10.0)
    points = [("d", "temperature"), ("d", "humidity")]

    assert places.inputs(points, march) == more.inputs(points[::-1], march)
    assert places.inputs(points, march) != moved.inputs(points, march)
    assert places.inputs(points, march) != places.inputs(points[:1], march)
