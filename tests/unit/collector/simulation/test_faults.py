"""Every fault on a real pty: what the simulator says went out whole arrives once, and damage harms nobody else."""

from collections import Counter
from datetime import timedelta

import pytest
from tests.unit.collector.simulation.worlds import PLAIN, START, played, prepared

from barograph.collector.simulation.faults import FAULTS
from barograph.windows import utc

TWO = [{"device": "fridge", "kind": "counter"}, {"device": "freezer", "kind": "counter"}]

DAMAGING = {
    "half": {"chance": 0.4},
    "noise": {"rate": 0.002},
    "wrong_baud": {"baud": 4800, "at": 20, "for": 10},
    "babble": {"at": 20, "for": 10},
}


def counted(pairs):
    return Counter((device, tuple(sorted(values.items()))) for device, values in pairs)


@pytest.mark.parametrize("fault", DAMAGING)
def test_damage_costs_the_damaged_frames_alone(tmp_path, fault):
    """With a checksum nothing wrong is read, and all others arrive once: also those right behind the damage."""
    told = prepared(devices=TWO, length=60, faults=[{"fault": fault, "device": "fridge", **DAMAGING[fault]}])

    arrived = played(tmp_path, told)

    assert arrived.sent("damaged", "dropped")
    assert counted(arrived.sent("whole", "exposed")) == counted(arrived.heard)
    assert {"freezer"} <= {device for device, _ in arrived.heard}
    assert arrived.line.counters.losses == 0


def test_without_a_checksum_whole_frames_arrive_too(tmp_path):
    """Only what stands right behind an open end may go with it, and the ledger says which that is."""
    told = prepared(PLAIN, devices=TWO, length=60, faults=[{"fault": "half", "device": "fridge", "chance": 0.4}])

    arrived = played(tmp_path, told)

    assert arrived.sent("exposed")
    assert counted(arrived.sent("whole")) <= counted(arrived.heard)
    assert counted(arrived.heard) <= counted(arrived.sent("whole", "exposed", "damaged"))


def test_a_tail_of_a_frame_exposes_nobody(tmp_path):
    """Its end is where it should be."""
    told = prepared(PLAIN, length=60, faults=[{"fault": "half", "keep": "tail", "chance": 0.4}])

    arrived = played(tmp_path, told)

    assert arrived.sent("damaged") and not arrived.sent("exposed")
    assert counted(arrived.sent("whole")) == counted(arrived.heard)


def test_a_frame_that_is_said_twice_arrives_twice(tmp_path):
    """The collector does not know that it is one; seq and ledger do."""
    arrived = played(tmp_path, prepared(length=30, faults=[{"fault": "duplicate", "chance": 0.5}]))

    assert len(arrived.heard) > 30
    assert arrived.sent("whole") == arrived.heard


def test_frames_out_of_order_arrive_in_the_order_of_the_wire(tmp_path):
    """Their own time says which was first."""
    arrived = played(tmp_path, prepared(length=30, faults=[{"fault": "reorder", "chance": 0.5}]))

    numbers = [values["count"] for _, values in arrived.heard]
    assert sorted(numbers) == list(range(30)) != numbers
    assert arrived.sent("whole") == arrived.heard


BENT = {
    "stuck": {},
    "drift": {"per_hour": 3600},
    "spike": {"by": 40, "chance": 0.5},
    "power_on": {"value": 85.0},
}


@pytest.mark.parametrize("fault", BENT)
def test_a_wrong_value_arrives_as_it_was_said(tmp_path, fault):
    """Frames are whole: what is true stands in the ledger, for whoever tests a rule or a flag against it."""
    devices = [{"device": "fridge", "kind": "fridge", "metrics": ["temperature"]}]
    told = prepared(PLAIN, devices=devices, length=40, faults=[{"fault": fault, "at": 20, **BENT[fault]}])

    arrived = played(tmp_path, told)

    assert arrived.sent("whole") == arrived.heard and len(arrived.heard) == 40
    bent = [each for each in arrived.ledger if "measured" in each]
    assert bent and all(each["faults"] == [fault] for each in bent)
    assert not [each for each in arrived.ledger[:20] if "measured" in each]


def test_bent_values_are_bent_as_they_should_be(tmp_path):
    """A stuck value is that of its beginning; a drift grows; a spike goes both ways; 85.0 is 85.0."""
    devices = [{"device": name, "kind": "fridge", "metrics": ["temperature"]} for name in BENT]
    faults = [{"fault": name, "device": name, "at": 10, **more} for name, more in BENT.items()]

    arrived = played(tmp_path, prepared(PLAIN, devices=devices, length=30, faults=faults))

    off = {name: [] for name in BENT}
    said = {name: [] for name in BENT}
    for each in arrived.ledger:
        now, true = each["values"]["temperature"], each.get("measured", each["values"])["temperature"]
        off[each["device"]].append(round(now - true, 3))
        said[each["device"]].append(now)
    assert len(set(said["stuck"][10:])) == 1
    assert [pytest.approx(number, abs=1.01) for number in range(20)] == off["drift"][10:]
    assert {0, 40, -40} == set(off["spike"])
    assert {85.0} == set(said["power_on"][10:])


def test_a_clock_that_is_set_and_one_that_runs_too_fast(tmp_path):
    """The device's own time goes with the frame; the collector compares it with its own."""
    devices = [{"device": "stepped", "kind": "counter"}, {"device": "fast", "kind": "counter"}]
    faults = [
        {"fault": "clock_step", "device": "stepped", "at": 10, "seconds": -3600},
        {"fault": "clock_skew", "device": "fast", "ppm": 100_000},
    ]

    arrived = played(tmp_path, prepared(devices=devices, length=20, faults=faults))

    ahead = {name: [] for name in ("stepped", "fast")}
    for each in arrived.ledger:
        ahead[each["device"]].append(round((utc(each["time"]) - utc(each["at"])).total_seconds(), 2))
    assert [0.0] * 10 + [-3600.0] * 10 == ahead["stepped"]
    assert [pytest.approx(0.1 * n, abs=0.11) for n in range(20)] == ahead["fast"]
    assert sorted(each["time"] for each in arrived.ledger) == sorted(frame["time"] for frame in arrived.frames)


def test_silence_is_a_gap_and_nothing_else(tmp_path):
    """Every ten seconds for five: the ledger has what would have been said."""
    arrived = played(tmp_path, prepared(length=40, faults=[{"fault": "silence", "at": 5, "for": 5, "every": 10}]))

    assert [n for n in range(40) if n % 10 < 5] == [values["count"] for _, values in arrived.heard]
    assert len(arrived.sent("dropped")) == 20
    assert {} == arrived.rejects


def test_a_port_that_is_pulled_comes_back_under_another_name(tmp_path):
    """The link is the identity, as a USB serial number is: the same device goes on, and nothing whole is lost."""
    told = prepared(length=60, faults=[{"fault": "unplug", "at": 20, "for": 10}])

    arrived = played(tmp_path, told, speed=20)

    counters = arrived.line.counters
    assert (2, 1) == (counters.opens, counters.losses)
    assert arrived.sent("whole") == arrived.heard
    assert {"fridge"} == {device for device, _ in arrived.heard}
    assert arrived.heard[-1][1]["count"] == 59
    events = [each["event"] for each in arrived.ledger if "event" in each]
    assert ["unplugged", "plugged"] == events


def test_each_fault_is_tried_here():
    """A fault that nobody has seen on a wire is a promise."""
    tried = {*DAMAGING, *BENT, "duplicate", "reorder", "clock_step", "clock_skew", "silence", "unplug"}

    assert FAULTS.keys() == tried


def test_times_of_the_ledger_are_those_of_the_scenario(tmp_path):
    """Accelerated or not: who compares knows when it was said to have been."""
    arrived = played(tmp_path, prepared(length=5))

    assert [START + timedelta(seconds=n) for n in range(5)] == [utc(each["at"]) for each in arrived.ledger]
