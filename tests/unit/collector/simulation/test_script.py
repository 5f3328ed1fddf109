"""The pure core: what happens is a function of scenario, seed and start."""

from itertools import islice

import pytest
from tests.unit.collector.declared import Heard, declared, ours
from tests.unit.collector.simulation.worlds import PLAIN, START, SUMMED, acts, prepared, script

from barograph.collector.formats import shipped
from barograph.errors import DocumentError

EVERYTHING = [
    {"fault": "stuck", "at": 5, "for": 5},
    {"fault": "drift", "per_hour": 600},
    {"fault": "spike", "by": 5, "chance": 0.2},
    {"fault": "half", "chance": 0.1},
    {"fault": "noise", "rate": 0.001, "at": 10, "for": 10, "every": 30},
    {"fault": "wrong_baud", "baud": 1200, "at": 40, "for": 3},
    {"fault": "duplicate", "chance": 0.1},
    {"fault": "reorder", "chance": 0.1},
    {"fault": "babble", "at": 50, "for": 3},
    {"fault": "unplug", "at": 55, "for": 3},
    {"fault": "clock_step", "seconds": 60, "at": 30},
]
DEVICES = [{"device": "fridge", "kind": "fridge"}, {"device": "cold", "kind": "freezer", "cadence": 0.7}]

FORMAT_DEVICES = {
    "connected-seeds": "seeds-07",
    "enocean-esp3": "0181b744",
    "hcp-tc038": "port-01",
    "lacrosse-jeelink": "lacrosse-3-1",
    "modbus-ascii": "port-17",
    "modbus-rtu": "port-17",
    "modbus-tcp": "port-17",
    "mks-937b": "port-253",
    "opentherm-gateway": "port-B",
    "oxford-mercury": "port-MB1.T1",
    "rfxcom": "56-0000",
    "rtl433": "GT-WT02-211-1",
    "sdi12": "port-3",
}
METRICS = {"sdi12": ["value_1", "value_2"], "modbus-rtu": ["register_0", "register_1"]}
CANNOT = {"davis-archive", "nmea2000-canboat", "seabird-cnv", "thyracont"}
"""Why each cannot be said, see test_rendering."""


def everything(seed):
    row = declared("json", device="device", time={"field": "ts", "unit": "seconds"}, values="*")
    return acts(prepared(row, devices=DEVICES, faults=EVERYTHING, length=70, seed=seed))


def test_the_same_seed_is_the_same_bytes():
    """Whoever reports a fault can say which scenario and seed it was."""
    assert everything(7) == everything(7)
    assert [act.said for act in everything(7)] != [act.said for act in everything(8)]


def test_all_happens_in_the_order_of_time():
    told = everything(7)

    assert [act.at for act in told] == sorted(act.at for act in told)
    assert {"whole", "exposed", "damaged", "dropped"} == {act.fate for act in told if act.do == "say"}


def test_every_frame_is_told_once_whatever_became_of_it():
    """The ledger has no gaps: 70 of one device, 100 of the other. Only the last may wait for one to be behind."""
    told = [act for act in everything(7) if act.do == "say" and "duplicate" not in act.faults]

    numbers = {name: sorted(act.number for act in told if act.device == name) for name in ("fridge", "cold")}
    assert (list(range(69)), list(range(99))) == (numbers["fridge"][:69], numbers["cold"][:99])


@pytest.mark.parametrize("name", [name for name in shipped() if name not in CANNOT])
def test_a_shipped_format_round_trips_through_the_simulator(name):
    """Its bytes, read as a stream, are the values that the ledger has."""
    device = {"device": FORMAT_DEVICES.get(name, "port"), "kind": "any", "metrics": METRICS.get(name, [])}
    told = list(islice(script(prepared(ours(name), devices=[device])).acts(), 3))

    heard = [Heard(ours(name), act.said) for act in told]  # with a silence behind each

    assert [([], [])] * 3 == [(each.refused, each.bad) for each in heard]
    assert [(act.device, act.values) for act in told] == [
        (frame.device, frame.values) for each in heard for frame in each.frames
    ]
    assert all(act.values for act in told)


@pytest.mark.parametrize("name", sorted(CANNOT))
def test_what_no_device_could_say_is_refused(name):
    with pytest.raises(DocumentError, match="cannot be simulated in format"):
        script(prepared(ours(name), devices=[{"device": "port", "kind": "any"}]))


def test_a_device_that_the_format_calls_otherwise_is_refused():
    """A board number is four digits: nobody would find the readings of `fridge` again."""
    row = declared("delimited", device="board-{1}", columns=[{"name": "1"}, {"metric": "temperature"}])

    with pytest.raises(DocumentError, match="Device fridge cannot be simulated in format f on port p1"):
        script(prepared(row, devices=[{"device": "fridge", "kind": "fridge", "metrics": ["temperature"]}]))


def test_a_kind_says_what_its_format_has_a_place_for():
    """A fridge with a door in a format that knows none has no door."""
    row = declared("delimited", columns=[{"is": "device"}, {"metric": "temperature"}])

    (act, *_) = acts(prepared(row, devices=[{"device": "fridge", "kind": "fridge"}], length=3))

    assert ["temperature"] == list(act.values)


def test_a_fault_of_a_clock_that_nobody_sees_is_refused():
    """Who wrote it expects to see something."""
    with pytest.raises(DocumentError, match="clock_step\\) could not show"):
        script(prepared(PLAIN, faults=[{"fault": "clock_step", "seconds": 60}]))


def test_a_value_that_does_not_fit_is_said_without_its_fault():
    """No board could say 85 °C in a byte of half degrees from -10 to 50: it says what is true."""
    byte = declared(
        "binary", fields=[{"metric": "temperature", "at": 0, "scale": 0.2}], frame={"cut": "fixed", "size": 1}
    )
    fridge = [{"device": "port", "kind": "fridge"}]

    (act, *_) = acts(prepared(byte, devices=fridge, length=3, faults=[{"fault": "power_on", "value": 85}]))

    assert () == act.faults
    assert 3 < act.values["temperature"] < 8


def test_a_value_that_no_frame_has_room_for_costs_that_frame(tmp_path):
    """-5 °C in a byte without a sign: the next one that fits is said again."""
    byte = declared("binary", fields=[{"metric": "temperature", "at": 0}], frame={"cut": "fixed", "size": 1})
    (tmp_path / "yard.csv").write_text("at,temperature\n0,5\n60,-5\n120,6\n")

    told = acts(prepared(byte, tmp_path, devices=[{"device": "port", "csv": {"file": "yard.csv"}}]))

    assert [("whole", ()), ("dropped", ("unsayable",)), ("whole", ())] == [(act.fate, act.faults) for act in told]


def test_a_spell_comes_again_and_ends():
    """At 5, 15 and 25, for 2 seconds."""
    told = acts(prepared(SUMMED, length=30, faults=[{"fault": "silence", "at": 5, "for": 2, "every": 10}]))

    assert [5, 6, 15, 16, 25, 26] == [round((act.at - START).total_seconds()) for act in told if act.fate == "dropped"]


def test_a_fridge_that_fails_is_warm_in_truth():
    """No fault of a sensor: what it says is what is so, and it gets cold again."""
    fails = [{"at": 120, "for": 600, "tau": 600}]
    fridge = {"device": "fridge", "kind": "fridge", "metrics": ["temperature"], "cadence": 60, "fails": fails}

    said = [act.facts() for act in acts(prepared(PLAIN, devices=[fridge], length=7200))]

    warm = [each["values"]["temperature"] for each in said]
    assert max(warm[:2]) < 8 < max(warm[8:13]) and max(warm[-10:]) < 8
    assert not [each for each in said if "measured" in each or "faults" in each]
