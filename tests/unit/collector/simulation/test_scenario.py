"""A scenario that cannot be played says where and why, before anything begins."""

from pathlib import Path

import pytest

from barograph.collector.simulation.scenario import changed, read_scenario
from barograph.errors import DocumentError
from barograph.windows import utc

GOOD = """
seed: 7
start: 2026-11-22T08:00:00Z
speed: 60x
length: 10m
ports:
  - {port: wall, format: mcu680, baud: 115200}
  - {port: yard, format: mcu680}
devices:
  - {device: fridge, port: wall, kind: fridge}
  - {device: air, port: yard, kind: outdoor, cadence: 30}
faults:
  - {fault: noise, port: wall, at: 1m, for: 30s, rate: 1e-3}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "day.yaml"
    path.write_text(text)
    return path


def test_times_and_speeds_are_written_as_people_say_them(tmp_path):
    told = read_scenario(written(tmp_path, GOOD)).scenario

    assert (60, 600, utc("2026-11-22T08:00:00Z")) == (told.speed, told.length, told.start)
    assert (60, 30, 0.001) == (told.faults[0].at, told.faults[0].length, told.faults[0].rate)


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("rate: 1e-3", "rat: 1e-3", r"day.yaml:13: faults.0.rate: is missing"),
        ("rate: 1e-3", "rate: 7", r"day.yaml:13: faults.0.rate: .*less than or equal to 1 \(found 7\)"),
        ("fault: noise", "fault: nois", r"day.yaml:13: faults.0: .*'nois'.*'stuck', .*'unplug'"),
        ("for: 30s", "for: 30 s", r"day.yaml:13: faults.0.for: must be a time such as 90, 90s, 5m, 2h or 1d"),
        ("at: 1m, for: 30s", "at: 1m, every: 30s", r"faults.0: `every` needs a `for`"),
        ("kind: outdoor,", "kind: outdoor, fails: [{at: 1m, for: 5m}],", r"`fails` is of a fridge or a freezer"),
        (
            "port: wall, at",
            "port: well, at",
            r"day.yaml:13: faults.0.port: there is no port well. .*wall, yard",
        ),
        ("port: yard, kind", "port: wood, kind", r"day.yaml:11: devices.1.port: there is no port wood"),
        ("port: wall, kind", "kind", r"day.yaml:10: devices.0: needs a `port`: one of wall, yard"),
        ("device: air", "device: fridge", r"day.yaml:11: devices.1: fridge is here twice"),
        ("kind: outdoor", "kind: garden", r"day.yaml:11: devices.1.kind: .*'outdoor'"),
        ("kind: outdoor, ", "", r"day.yaml:11: devices.1: needs a `kind` \(fridge, .*\) or a `csv`"),
        ("start: 2026-11-22T08:00:00Z", "start: yesterday", r"day.yaml:3: start: must be a time such as"),
        ("speed: 60x", "speed: fast", r"day.yaml:4: speed:"),
        ("format: mcu680}", "format: mcu68}", r"declares format mcu68"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_field(tmp_path, wrong, right, message):
    assert wrong in GOOD

    with pytest.raises(DocumentError, match=message):
        read_scenario(written(tmp_path, GOOD.replace(wrong, right)))


def test_a_pull_of_the_plug_has_an_end_and_is_of_a_port(tmp_path):
    good, two = GOOD.split("  - {fault")[0], "  - {fault: unplug, at: 5}\n  - {fault: unplug, for: 5, device: fridge}\n"

    with pytest.raises(DocumentError) as error:
        read_scenario(written(tmp_path, good + two))
    assert "faults.0: needs a `for`" in str(error.value) and "faults.1: is of a `port`" in str(error.value)


def test_options_change_what_the_file_says(tmp_path):
    """And are checked like it."""
    told = read_scenario(written(tmp_path, GOOD))

    assert 5 == changed(told, "--speed", speed="5x").scenario.speed
    assert told.scenario.faults == changed(told, "--seed", seed=9).scenario.faults
    with pytest.raises(DocumentError, match=r"day: speed: .*found 'slow'"):
        changed(told, "day", speed="slow")
