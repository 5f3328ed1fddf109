from itertools import pairwise

from barograph.collector.pace import Pace

APART = 0.1


def turned(*times: float, frames: int = 1) -> Pace:
    pace = Pace(3)
    for time in times:
        pace.turn(time, frames)
    return pace


def test_a_single_frame_on_a_quiet_system_is_followed_at_once():
    """Nobody gains anything from waiting with it."""
    assert 0 == Pace(3).pause(10.0, APART)
    assert 0 == turned(10.0, 10.01, 10.02).pause(10.03, APART)


def test_what_comes_less_often_never_waits():
    assert 0 == turned(10.0, 10.4, 10.8, 11.2).pause(11.2, APART)


def test_under_load_turns_begin_some_milliseconds_apart():
    """What a turn took counts: one that took longer than that is followed at once."""
    pace = turned(10.0, 10.1, 10.2, 10.3)

    assert 0.1 == round(pace.pause(10.3, APART), 6)
    assert 0.04 == round(pace.pause(10.36, APART), 6)
    assert 0 == pace.pause(10.45, APART)


def test_a_steady_load_is_worked_through_in_steady_turns():
    """Frames count and not turns: else turns that are few would look like a load that is over, and hurry again."""
    pace, now = Pace(10), 0.0
    begun = []
    while now < 10:
        begun.append(now)
        pace.turn(now, 6)
        now += pace.pause(now, 0.2) or 1 / 30

    assert all(0.19 < after - before < 0.21 for before, after in pairwise(begun[2:]))


def test_a_load_that_is_over_is_forgotten_within_a_second():
    assert 0 == turned(10.0, 10.1, 10.2, 10.3).pause(11.0, APART)


def test_what_cannot_wait_does_not():
    """A recording, a socket, a board that replays its memory: the driver holds 4 KB, and then bytes are lost."""
    pace = turned(10.0, 10.1, 10.2, 10.3)
    pace.forget()

    assert 0 == pace.pause(10.3, APART)
