from barograph.collector.pace import Pace


def turned(*times: float) -> Pace:
    pace = Pace(4, 0.1)
    for time in times:
        pace.turn(time)
    return pace


def test_a_single_frame_on_a_quiet_system_is_followed_at_once():
    """Nobody gains anything from waiting with it."""
    assert 0 == Pace(4, 0.1).pause(10.0)
    assert 0 == turned(10.0, 10.01, 10.02).pause(10.03)


def test_what_comes_less_often_never_waits():
    assert 0 == turned(10.0, 10.4, 10.8, 11.2).pause(11.2)


def test_under_load_turns_begin_some_milliseconds_apart():
    """What a turn took counts: one that took longer than that is followed at once."""
    pace = turned(10.0, 10.1, 10.2, 10.3)

    assert 0.1 == round(pace.pause(10.3), 6)
    assert 0.04 == round(pace.pause(10.36), 6)
    assert 0 == pace.pause(10.45)


def test_a_load_that_is_over_is_forgotten_within_a_second():
    assert 0 == turned(10.0, 10.1, 10.2, 10.3).pause(11.0)


def test_what_cannot_wait_does_not():
    """A recording, a socket, a board that replays its memory: the driver holds 4 KB, and then bytes are lost."""
    pace = turned(10.0, 10.1, 10.2, 10.3)
    pace.forget()

    assert 0 == pace.pause(10.3)
