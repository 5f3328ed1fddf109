"""Rows of a CSV file as frames of a device."""

import csv
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.unit.collector.declared import data
from tests.unit.collector.simulation.worlds import PLAIN, START, acts, prepared

from barograph.errors import DocumentError

ROWS = "when,celsius,note\n2026-01-01 00:00:00,4.5,\n2026-01-01 00:00:30,,\n2026-01-01 00:02:00,5.5,\n"


def told(folder, text=ROWS, **more):
    (folder / "cellar.csv").write_text(text)
    playback = {"file": "cellar.csv", "time": "when", "values": {"celsius": "temperature"}, **more}
    return acts(prepared(PLAIN, folder, devices=[{"device": "cellar", "csv": playback}]))


def test_rows_are_said_at_their_own_distances(tmp_path):
    """The first when the simulation starts. An empty cell was measured badly."""
    found = told(tmp_path)

    assert [START, START + timedelta(seconds=30), START + timedelta(seconds=120)] == [act.at for act in found]
    assert [4.5, None, 5.5] == [act.values["temperature"] for act in found]


def test_rows_are_said_at_another_pace(tmp_path):
    assert [START + timedelta(seconds=n) for n in (0, 5, 10)] == [act.at for act in told(tmp_path, every=5)]


def test_units_are_converted(tmp_path):
    """The file is of another country."""
    found = told(tmp_path, "when,celsius\n0,68\n60,32\n", units={"celsius": "degF"})

    assert [20.0, 0.0] == [act.values["temperature"] for act in found]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("when,celsius\nmonday,4\n", r"cellar.csv:2: when: 'monday' is no time"),
        ("when,celsius\n0,4\n60,cold\n", r"cellar.csv:3: celsius: 'cold' is no number"),
        ("time,celsius\n0,4\n", r"cellar.csv:1: has no column when. Its columns: time, celsius"),
        ("when,celsius\n", r"cellar.csv: has no rows"),
    ],
)
def test_a_file_that_cannot_be_said_is_refused(tmp_path, text, message):
    with pytest.raises(DocumentError, match=message):
        told(tmp_path, text)


def test_a_recording_of_a_machine_is_said_whole():
    """Three months of a real temperature; where its clock was set back an hour, the rows go on at their usual pace."""
    path = data("nab", "data", "realKnownCause", "machine_temperature_system_failure.csv")
    playback = {"file": path.name, "values": {"value": "temperature"}, "units": {"value": "degF"}}

    found = acts(prepared(PLAIN, path.parent, devices=[{"device": "machine", "csv": playback}]))

    with path.open() as file:
        fahrenheit = [float(row["value"]) for row in csv.DictReader(file)]
    assert [pytest.approx((each - 32) / 1.8, abs=1e-5) for each in fahrenheit] == [
        act.values["temperature"] for act in found
    ]
    gaps = {(later.at - earlier.at).total_seconds() for earlier, later in pairwise(found)}
    assert min(gaps) == 300
