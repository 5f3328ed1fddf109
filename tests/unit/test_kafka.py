import socket
import threading
import time

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, NotLeaderForPartitionError
from kafka.future import Future

from barograph import kafka
from barograph.errors import ServiceUnavailable
from barograph.kafka import Delivery, Message, Producer
from barograph.settings import KafkaSettings, Settings


class FakeKafkaProducer:
    """Answers each send with what it was told to."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def send(self, topic, **message):
        self.sent.append((topic, message))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def flush(self, timeout):
        pass


@pytest.fixture
def settings(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    return Settings(home=tmp_path, kafka=KafkaSettings(brokers=f"127.0.0.1:{closed}"))


def producer(*answers) -> Producer:
    made = Producer.__new__(Producer)
    made._producer = FakeKafkaProducer(*answers)
    return made


def acked():
    return Future().success("metadata")


def failed(error):
    return Future().failure(error)


MESSAGES = [Message("readings", b"1", "fridge"), Message("readings", b"2", "fridge"), Message("readings", b"3")]


def test_each_message_is_told_what_became_of_it():
    """Only what is acknowledged may leave the spool, and only what is refused for good may be given up."""
    made = producer(acked(), failed(KafkaTimeoutError()), failed(MessageSizeTooLargeError()))

    assert made.deliver(MESSAGES) == [Delivery.ACKED, Delivery.FAILED, Delivery.REFUSED]


def test_a_message_that_is_too_large_does_not_stop_the_others():
    """The client refuses it before it is sent."""
    made = producer(acked(), MessageSizeTooLargeError(), acked())

    assert made.deliver(MESSAGES) == [Delivery.ACKED, Delivery.REFUSED, Delivery.ACKED]


def test_a_send_that_blocked_is_not_repeated_for_each_message():
    """5,000 sends that wait 5 s each would be seven hours."""
    made = producer(KafkaTimeoutError(), acked(), acked())

    assert made.deliver(MESSAGES) == [Delivery.FAILED] * 3
    assert len(made._producer.sent) == 1


def test_what_is_not_decided_in_time_has_failed():
    """It may arrive all the same: frame identity makes the second copy harmless."""
    assert producer(Future()).deliver(MESSAGES[:1]) == [Delivery.FAILED]
    assert producer(failed(NotLeaderForPartitionError())).deliver(MESSAGES[:1]) == [Delivery.FAILED]


def test_keys_and_headers_travel_as_utf8():
    """Devices are called Kühltheke."""
    made = producer(acked())
    made.deliver([Message("rejects", b"\xff", "Kühl", (("reason", "not_utf8"),))])

    assert [
        ("rejects", {"value": b"\xff", "key": "Kühl".encode(), "headers": [("reason", b"not_utf8")]})
    ] == made._producer.sent


@pytest.mark.parametrize("ask", [Producer, kafka.create_topics, lambda settings: kafka.offsets(settings, ["readings"])])
def test_a_broker_that_is_not_there_is_noticed_soon_and_named(settings, monkeypatch, ask):
    """kafka-python would wait for half a minute, and say nothing about where to look."""
    monkeypatch.setattr(kafka, "BOOTSTRAP", 0.5)
    begun, before = time.monotonic(), threading.active_count()

    with pytest.raises(ServiceUnavailable, match=settings.brokers[0]):
        ask(settings)
    assert time.monotonic() - begun < 5
    assert before == threading.active_count(), "an outage of days must not eat threads and sockets"
