import threading
import time

import pytest

from barograph import kafka
from barograph.errors import ServiceUnavailable
from barograph.kafka import Producer


@pytest.mark.parametrize(
    "ask",
    [
        Producer,
        kafka.create_topics,
        lambda settings: kafka.offsets(settings, ["readings"]),
        lambda settings: kafka.read_on(settings, "operations", {}, 10, 1.0),
    ],
)
def test_a_broker_that_is_not_there_is_noticed_soon_and_named(settings, monkeypatch, ask):
    """kafka-python would wait for half a minute, and say nothing about where to look."""
    monkeypatch.setattr("barograph.kafka.connections.BOOTSTRAP", 0.5)
    begun, before = time.monotonic(), threading.active_count()

    with pytest.raises(ServiceUnavailable, match=settings.brokers[0]):
        ask(settings)
    assert time.monotonic() - begun < 5
    assert before == threading.active_count(), "an outage of days must not eat threads and sockets"
