from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from barograph.collector.simulation.shop import history, sensors
from barograph.errors import DocumentError
from barograph.metrics import metric
from barograph.registry import Device, Site, read_site
from barograph.rules.book import read_rules
from barograph.windows import Window, utc

DEMO = Path(__file__).parents[4] / "include" / "sites" / "demo"
NOON = utc("2026-11-22T12:00:00Z")
WEEK = Window(NOON - timedelta(days=7), NOON)


@pytest.fixture(scope="module")
def site():
    return read_site(DEMO)


@pytest.fixture(scope="module")
def week(site):
    return list(history(site, WEEK, seed=7))


def alarms(frames, rule) -> set[str]:
    """Devices that were beyond the rule's limit for its hold, from reading to reading."""
    since, found = {}, set()
    for frame in frames:
        value = frame.values.get(rule.metric)
        if value is None or not rule.watches(frame.device, rule.metric):
            continue
        if not rule.bands[0].beyond(value):
            since.pop(frame.device, None)
        elif frame.time - since.setdefault(frame.device, frame.time) >= timedelta(seconds=rule.hold):
            found.add(frame.device)
    return found


def test_the_same_seed_is_the_same_shop(site):
    """Whoever reports a fault can say which history it was."""
    hour = Window(NOON - timedelta(hours=1), NOON)

    assert list(history(site, hour, 7)) == list(history(site, hour, 7))
    assert list(history(site, hour, 7)) != list(history(site, hour, 8))


def test_any_part_of_a_history_is_that_part_of_the_whole(site, week):
    """Publishing overlapping windows adds nothing: the same frame has the same identity and values."""
    part = Window(NOON - timedelta(minutes=47, seconds=13), NOON - timedelta(minutes=12))

    assert [frame for frame in week if frame.time in part] == list(history(site, part, 7))


def test_every_device_speaks_at_its_cadence(site, week):
    """But for the one whose battery is dead, seven days of 30 s are 20,160 frames each."""
    counts = {device.device: sum(frame.device == device.device for frame in week) for device in site.devices}

    assert sorted(counts.values())[1:] == [20_160] * 11
    assert min(counts.values()) == 20_160 - 660


def test_history_is_marked_and_numbered(week):
    """Marked, so that nobody is called out for last week; numbered, so that a copy is a duplicate."""
    assert {(True, "history-7")} == {(frame.historical, frame.boot) for frame in week}
    assert len(week) == len({(frame.device, frame.seq) for frame in week})
    assert all(earlier.time <= later.time for earlier, later in pairwise(week))
    assert all(frame.time in WEEK for frame in week)


def test_all_values_are_such_as_a_working_sensor_shows(week):
    """The range check must find nothing in a healthy shop."""
    for frame in week[::50]:
        for name, value in frame.values.items():
            low, high = metric(name).valid
            assert value is None or low <= value <= high


def test_a_week_has_alarms_in_its_fridges_and_none_elsewhere(week):
    """A report without an alarm teaches nothing, one full of them neither. Defrosting is no alarm."""
    rules = {rule.rule: rule for rule in read_rules(DEMO).rules}

    assert 1 <= len(alarms(week, rules["fridge-too-warm"])) <= 2
    assert set() == set().union(*(alarms(week, rule) for name, rule in rules.items() if name != "fridge-too-warm"))


def test_a_few_values_were_measured_badly(week):
    """The report must show that it knows the difference between bad and absent."""
    missing = [frame.device for frame in week if frame.values["temperature"] is None]

    assert len(set(missing)) == 1
    assert 10 < len(missing) < 60


def test_the_live_fridge_alarms_within_three_minutes_and_a_half(site):
    """Whoever just started the demo sits in front of it now."""
    rule = next(rule for rule in read_rules(DEMO).rules if rule.rule == "fridge-too-warm")
    for start in (NOON + timedelta(minutes=11 * n, seconds=7 * n) for n in range(50)):
        fridge = sensors(site, 7, failing_since=start)[0]
        first = fridge.step(start)
        warm = [
            fridge.time(step) for step in range(first, first + 12) if fridge.values(step)["temperature"] > rule.above
        ]

        assert (warm[0] - start).total_seconds() <= 91
        assert all((later - earlier).total_seconds() == 30 for earlier, later in pairwise(warm))


def test_live_goes_on_where_history_ends(site):
    """No step at the seam, and no number twice: the live sensor is the same function of time."""
    past = {
        (frame.device, frame.seq): frame.values for frame in history(site, Window(NOON, NOON + timedelta(hours=1)), 7)
    }
    live = sensors(site, 7, failing_since=NOON + timedelta(hours=1))

    for sensor in live:
        step = sensor.step(NOON)
        assert past[sensor.device.device, step] == sensor.values(step)


def test_a_device_without_a_port_is_named():
    """The simulator is for the demo site; another site hears which device it cannot place."""
    site = Site(site="mine", name="Mine", devices=[Device(device="boiler", zone="cellar", kind="boiler")])

    with pytest.raises(DocumentError, match="the boiler boiler"):
        sensors(site, 7)
