"""Telemetry is worth less than a reading: it may be lost, never in silence, and never in a reading's way."""

import json

import pytest
from tests.unit.collector.fakes import Broker

from barograph.collector.outbox import MOST_EVENTS, MOST_FIGURES, PAUSE, Outbox


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outbox(clock):
    return Outbox("operations", monotonic=clock)


def sent(broker):
    return [point for message in broker.log for point in json.loads(message.value)]


def test_all_that_waits_is_one_message(outbox):
    broker = Broker()
    outbox.event({"n": 1})
    outbox.figures([{"n": 2}, {"n": 3}])

    outbox.send(broker)
    outbox.send(broker)

    assert [{"n": 1}, {"n": 2}, {"n": 3}] == sent(broker)
    assert 1 == len(broker.log)


def test_figures_of_many_devices_go_in_messages_that_a_broker_takes(outbox):
    broker = Broker()
    outbox.figures([{"n": n, "text": "x" * 200} for n in range(2_000)])

    outbox.send(broker)

    assert 2_000 == len(sent(broker))
    assert max(len(message.value) for message in broker.log) < 500_000


def test_an_outage_keeps_the_newest_and_counts_the_rest(outbox):
    """Memory is small on a board; the first minutes of a long outage tell least."""
    broker = Broker()
    for n in range(MOST_FIGURES + 5):
        outbox.figures([{"figure": n}, {"figure": n}])
    for n in range(MOST_EVENTS + 7):
        outbox.event({"event": n})

    assert 2 * 5 + 7 == outbox.dropped
    outbox.send(broker)
    points = sent(broker)
    assert [*range(7, MOST_EVENTS + 7)] == [point["event"] for point in points if "event" in point]
    assert {*range(5, MOST_FIGURES + 5)} == {point["figure"] for point in points if "figure" in point}


def test_a_broker_that_does_not_take_it_is_left_alone_for_a_minute(outbox, clock):
    """An attempt can block the readings' thread for seconds."""
    broker = Broker()
    broker.missing = {"operations"}
    outbox.event({"n": 1})
    outbox.send(broker)
    broker.missing = set()
    outbox.event({"n": 2})

    outbox.send(broker)
    assert [] == sent(broker)
    clock.now = PAUSE
    outbox.send(broker)

    assert [{"n": 1}, {"n": 2}] == sent(broker)
    assert 0 == outbox.dropped


def test_what_no_broker_will_ever_take_is_given_up_and_counted(outbox):
    broker = Broker()
    broker.largest = 1
    outbox.figures([{"n": 1}, {"n": 2}])

    outbox.send(broker)
    outbox.send(broker)

    assert 2 == outbox.dropped
    assert [] == sent(broker)
