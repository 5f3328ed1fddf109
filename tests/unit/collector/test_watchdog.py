"""A dead sensor, a dead cable and a dead collector look alike from afar; here they are told apart."""

from barograph.collector.watchdog import Watchdog

CADENCES = {"cold-1": 10.0, "cold-2": 10.0, "room": 60.0}


def watched(*devices, now=0.0):
    dog = Watchdog("wall", CADENCES, now)
    for device in devices:
        dog.heard(device, now)
    return dog


def states(dog, now):
    return {change.device: change.state for change in dog.changes(now)}


def test_a_device_is_late_then_suspect_then_silent():
    """One lost frame is no news; six are."""
    dog = watched("cold-1")
    dog.heard("room", 0.0)
    said = [states(dog, now).get("cold-1") for now in (14.0, 16.0, 29.0, 31.0, 61.0, 100.0)]

    assert [None, "late", None, "suspect", "silent", None] == said


def test_it_is_the_device_when_another_of_its_port_speaks():
    dog = watched("cold-1", "cold-2")
    for now in range(10, 70, 10):
        dog.heard("cold-2", now)

    assert {"cold-1": "silent"} == states(dog, 65.0)


def test_it_is_the_port_when_nobody_speaks_and_it_is_named_first():
    """Four devices behind one cable are one alarm."""
    dog = watched("cold-1", "cold-2")

    assert [(None, "silent"), ("cold-1", "silent"), ("cold-2", "silent")] == [
        (change.device, change.state) for change in dog.changes(65.0)
    ]


def test_a_slow_device_does_not_make_its_port_silent():
    """The port is as late as the most punctual of its devices, counted in their own cadence."""
    dog = watched("cold-1", "room")

    assert {"cold-1": "suspect"} == states(dog, 45.0)


def test_who_speaks_again_is_on_time():
    dog = watched("cold-1")
    list(dog.changes(65.0))
    dog.heard("cold-1", 66.0)

    [port, device] = dog.changes(67.0)
    assert ("on_time", "silent") == (device.state, device.before)
    assert (None, "on_time") == (port.device, port.state)


def test_a_device_that_never_spoke_is_silent_where_it_was_expected():
    """The port says whose it is: nothing behind it since the start is a silence too."""
    dog = Watchdog("dock", CADENCES, 0.0, expected=["room", "stranger"])

    assert {None: "silent", "room": "silent"} == states(dog, 400.0)


def test_what_may_end_a_silence_is_done_again_with_growing_pauses():
    """An adapter that came back to its senses is not helped by a door that is slammed each second."""
    dog = watched("cold-1")
    stirred = []
    for now in range(3_000):
        list(dog.changes(float(now)))
        if dog.stirs(float(now)):
            stirred.append(now)

    assert [61, 121, 241, 481, 961, 1921] == stirred


def test_a_new_silence_is_stirred_at_once():
    dog = watched("cold-1")
    list(dog.changes(65.0))
    assert dog.stirs(65.0)
    dog.heard("cold-1", 66.0)
    list(dog.changes(67.0))
    assert not dog.stirs(67.0)

    list(dog.changes(130.0))
    assert dog.stirs(130.0)


def test_strangers_are_not_watched():
    """Nobody said how often they speak; garbage names must not fill the memory."""
    dog = watched("noise")

    assert {} == states(dog, 1000.0)
