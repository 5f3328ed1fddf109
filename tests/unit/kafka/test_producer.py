from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, NotLeaderForPartitionError
from kafka.future import Future
from kafka.record.default_records import DefaultRecordBatchBuilder

from barograph.kafka import Delivery, Message, Producer


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


def test_batches_are_compressed_at_the_level_that_is_worth_its_cpu():
    """Level 9 takes 6 us of each frame's 27; the library has no setting for it."""
    batch = DefaultRecordBatchBuilder(2, 1, False, -1, -1, -1, 1_000_000)
    batch.append(0, 0, None, b'{"device":"fridge-1"}' * 1000, [])
    built = bytes(batch.build())

    gzip = built[built.index(b"\x1f\x8b") :]
    assert gzip[8] == 4, "RFC 1952: 2 is the slowest, 4 the fastest"


def test_the_producer_asks_for_all_that_keeps_messages(settings, monkeypatch):
    """Idempotent, acknowledged by all, and each failure told soon: the spool keeps what fails."""
    asked = {}
    monkeypatch.setattr("barograph.kafka.producer.KafkaProducer", lambda **options: asked.update(options))

    Producer(settings)

    assert (True, "all", "gzip", 20) == tuple(
        asked[name] for name in ("enable_idempotence", "acks", "compression_type", "linger_ms")
    )
    assert "retries" not in asked, "for ever, until the delivery times out"
    assert asked["delivery_timeout_ms"] >= asked["request_timeout_ms"] + asked["linger_ms"]
