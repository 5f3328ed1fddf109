"""All devices of a table are judged at once, and nobody's flags know of anybody else's readings."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.transforms.quality.drawn import NOON, a_record, reasons
from tests.unit.transforms.tables import RECORD

from barograph.registry import Device, Point
from barograph.testing import a_site
from barograph.transforms import cleaning
from barograph.transforms.places import Places
from barograph.transforms.quality.timeline import timeline

CALIBRATIONS = (
    {"since": "2026-03-01", "gain": 1.1, "offset": -0.3},
    {"since": (NOON + timedelta(minutes=20)).isoformat(), "polynomial": [0.1, 0.98, 0.01]},
)
POINTS = {
    "a": {},
    "b": {},
    "c": {"valid_max": 9, "expected_min": 3, "flat": {"seconds": 300, "tolerance": 0.2}},
    "d": {"calibration": CALIBRATIONS, "warm_up": 60, "error_codes": [85]},
    "e": {"calibration": CALIBRATIONS[1:], "spike": {"readings": 3, "method": "average"}, "gap": 90},
    "f": {"neighbours": {"difference": 1, "seconds": 60, "least": 1}, "rate": 2},
    "g": {"neighbours": {"difference": 1, "seconds": 60, "least": 1}, "expected_max": 8},
}
ALONE = ("a", "b", "c", "d", "e", "fg", "stranger")
"""Devices whose flags may depend on each other."""
WHERE = Places.of_sites(
    [
        a_site(
            *(
                Device(
                    device=device, zone="cold" if device in "fg" else "warm", cadence=30,
                    points={"temperature": Point.model_validate({"recovery": 90, **point})},
                )
                for device, point in POINTS.items()
            )
        )
    ],
    None, 10.0,
)  # fmt: skip


def an_hour(dice, device):
    """Readings of one device, from none to a hundred: two metrics, jumps, silences, copies, collisions, boots."""
    rows, value, at, boot = [], 4.0, NOON + timedelta(seconds=int(dice.integers(0, 3))), 0
    for seq in range(int(dice.choice([0, 1, 2, 40, 100]))):
        value += float(dice.choice([0, 0, 0.03, -0.03]))
        at += timedelta(seconds=int(dice.choice([30, 30, 30, 10, 0, 400], p=[0.3, 0.3, 0.3, 0.04, 0.03, 0.03])))
        boot += bool(dice.random() < 0.03)
        said = dice.choice([value, value + 5, 85.0, 500.0, None], p=[0.87, 0.05, 0.02, 0.02, 0.04])
        row = {"device": device, "metric": str(dice.choice(["temperature", "humidity"], p=[0.9, 0.1])), "time": at,
               "value": said, "seq": seq, "boot": str(boot)}  # fmt: skip
        rows += [row, {**row, "value": 3.3}] if dice.random() < 0.05 else [row]
    return rows


def flags_of(table):
    names = ("device", "metric", "time", "batch", "raw", "value", "came", "flag", "reasons")
    return sorted(map(repr, zip(*(table[name].to_pylist() for name in names), strict=True)))


def of_many(seed):
    dice = np.random.default_rng(seed)
    rows = [row for device in (*POINTS, "stranger") for row in an_hour(dice, device)]
    dice.shuffle(rows)
    return a_record(rows)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), block=st.sampled_from([1, 60, 300, cleaning.BLOCK]))
def test_what_is_judged_together_has_the_flags_it_has_alone(seed, block):
    """However many of them are judged at once."""
    record = of_many(seed)
    devices = np.array(record["device"].to_pylist(), object)
    parts = [np.isin(devices, [names] if names == "stranger" else list(names)) for names in ALONE]
    expected = [row for part in parts if part.any() for row in flags_of(cleaning.judged(record.filter(part), WHERE))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "BLOCK", block)
        found = flags_of(cleaning.judged(record, WHERE))

    assert sorted(expected) == found


def test_those_who_are_judged_together_have_a_bit_of_everything():
    """Else the promise above would promise little."""
    found = {reason for seed in range(9) for reason in reasons(cleaning.judged(of_many(seed), WHERE))}

    assert {
        "error_code", "out_of_range", "unexpected", "spike", "too_fast", "recovering", "stuck", "warming_up",
        "unlike_neighbours", "other_copy", "same_time", "after_gap", "no_value",
    } <= found  # fmt: skip


def test_a_table_without_readings_is_refined_to_one_without_readings():
    found = cleaning.judged(RECORD.empty_table(), WHERE)

    assert (0, [column.split()[0] for column in cleaning.REFINED.split(", ")]) == (len(found), found.column_names)


def test_points_are_apart_on_the_line_of_time_and_within_a_point_nothing_moves():
    """Silences longer than any test looks are shortened, or a reading from the year 9999 would leave no room."""
    second = 1_000_000
    times = np.array([5, 6, 8, 5, 8000, 8001]) * second
    begins = np.array([True, False, False, True, False, False])

    line = timeline(times, begins, 60.0)

    assert [1, 2, 60, 60, 1] == (np.diff(line) // second).tolist()
