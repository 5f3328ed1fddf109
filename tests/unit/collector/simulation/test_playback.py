"""Rows of a CSV file as frames of a device."""

import csv
from datetime import timedelta
from itertools import islice, pairwise

import pytest
from tests.unit.collector.declared import data
from tests.unit.collector.simulation.worlds import PLAIN, START, acts, prepared, script

from barograph.collector.simulation.playback import Recording, read_rows
from barograph.collector.simulation.scenario import Playback
from barograph.errors import DocumentError
from barograph.registry import Device, Port

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
    playback = Playback(file=path.name, values={"value": "temperature"}, units={"value": "degF"})
    with path.open() as file:
        celsius = [pytest.approx((float(row["value"]) - 32) / 1.8, abs=1e-5) for row in csv.DictReader(file)]

    rows = read_rows(path, playback)
    machine = Recording(Device(device="machine", zone="hall"), Port(port="p1", url="p1", format="f"), rows, START, None)
    steps = range(len(rows))

    assert celsius == [machine.values(step)["temperature"] for step in steps]
    assert {300.0} == {(machine.time(later) - machine.time(step)).total_seconds() for step, later in pairwise(steps)}
    assert machine.time(len(rows)) is None
    device = {"device": "machine", "csv": playback}
    said = islice(script(prepared(PLAIN, path.parent, devices=[device])).acts(), 5)
    assert celsius[:5] == [act.values["temperature"] for act in said]
