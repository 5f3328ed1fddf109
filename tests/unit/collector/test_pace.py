from barograph.collector.pace import HALF_FULL, MUCH, PAUSE, Pace


def test_a_single_frame_on_a_quiet_system_is_followed_at_once():
    """Nobody gains anything from waiting with it."""
    pace = Pace()

    pace.read(100, 100, now=10.0)

    assert 0 == pace.pause(10.0)


def test_thirty_boards_that_speak_each_second_are_no_load():
    pace = Pace()
    for number in range(3000):
        pace.read(100, 100, now=number / 30)

        assert 0 == pace.pause(number / 30)


def test_under_load_turns_begin_a_pause_apart():
    """What a turn took counts: one that took longer than the pause is followed at once."""
    pace = Pace()
    pace.read(2 * MUCH, 100, now=10.0)

    assert PAUSE / 2 == round(pace.pause(10.0 + PAUSE / 2), 6)
    assert 0 == pace.pause(10.0 + 2 * PAUSE)


def test_a_load_that_is_over_is_forgotten_within_seconds():
    pace = Pace()
    pace.read(2 * MUCH, 100, now=10.0)
    pace.read(100, 100, now=13.0)

    assert 0 == pace.pause(13.0)


def test_a_port_whose_buffer_fills_up_is_not_kept_waiting():
    """A recording, a socket, or a board that replays its memory: the driver holds 4 KB, and then bytes are lost."""
    pace = Pace()
    pace.read(2 * MUCH, HALF_FULL, now=10.0)

    assert 0 == pace.pause(10.0)
