"""Which silences are one alarm."""

from datetime import UTC, datetime, timedelta

from barograph.rules.roots import Silent, folded

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def silent(number, device, opened, cleared=None, port="wall"):
    return Silent(number, "gone", device, at(opened), None if cleared is None else at(cleared), 300, port, "shop")


def test_devices_stand_under_their_port_and_ports_under_their_collector():
    alarms = [
        silent(1, "collector:shop", 3),
        silent(2, "port:wall", 4),
        silent(3, "fridge-1", 5),
        silent(4, "room-1", 5, port="floor"),
    ]

    assert {2: 1, 3: 1, 4: 1} == folded(alarms, at(10))
    assert {3: 2} == folded(alarms[1:], at(10))


def test_a_device_that_was_missed_before_has_an_alarm_of_its_own():
    """It was dead before the cable was."""
    assert {} == folded([silent(1, "fridge-1", 1), silent(2, "port:wall", 3)], at(10))


def test_a_device_that_stays_silent_when_its_port_speaks_is_missed_for_itself():
    """It has as long to come back as it is always allowed."""
    alarms = [silent(1, "port:wall", 3, 20), silent(2, "fridge-1", 5), silent(3, "fridge-2", 5, 21)]

    assert {2: 1, 3: 1} == folded(alarms, at(25))
    assert {3: 1} == folded(alarms, at(26))
