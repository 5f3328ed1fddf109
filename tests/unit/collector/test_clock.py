"""The machine's clock is set while we read: nobody's readings go back in time."""

from datetime import UTC, datetime, timedelta

import pytest

from barograph.collector.clock import SteadyClock

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Machine:
    wall = 0.0
    ticks = 500.0

    def passes(self, seconds):
        self.wall += seconds
        self.ticks += seconds


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def clock(machine):
    return SteadyClock(lambda: NOON + timedelta(seconds=machine.wall), lambda: machine.ticks)


def told(clock):
    return (clock() - NOON).total_seconds()


def test_it_tells_the_machines_time(machine, clock):
    machine.passes(90)

    assert 90 == told(clock)
    assert 0 == clock.steps


def test_set_back_it_goes_on_slowly_until_both_agree(machine, clock):
    """Half a minute too much is made up for in five minutes."""
    machine.passes(10)
    assert 10 == told(clock)
    machine.wall -= 30

    seen = []
    for _ in range(301):
        machine.passes(1)
        seen.append(told(clock))

    assert seen == sorted(seen) and len(set(seen)) == len(seen)
    assert (pytest.approx(10.9), 281) == (seen[0], seen[-1])
    assert 1 == clock.steps


def test_set_forward_it_is_followed_at_once(machine, clock):
    """After a suspend, or when the network's time comes at last."""
    machine.wall += 3600
    machine.passes(1)

    assert 3601 == told(clock)
    assert 1 == clock.steps


def test_a_small_correction_is_no_event(machine, clock):
    """NTP moves a clock all the time."""
    machine.passes(10)
    machine.wall -= 0.2

    assert 9.0 <= told(clock) <= 10
    assert 0 == clock.steps
