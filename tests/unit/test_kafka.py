import socket
import threading
import time

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, NotLeaderForPartitionError
from kafka.future import Future
from kafka.record.default_records import DefaultRecordBatchBuilder

from barograph import kafka
from barograph.errors import ServiceUnavailable, SettingsError
from barograph.kafka import Delivery, Message, Producer
from barograph.settings import KafkaSettings, Settings, load_settings


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


def secured(home, password="secret", **how) -> Settings:
    (home / "secrets").mkdir(exist_ok=True)
    (home / "secrets" / "kafka_password").write_text(password + "\n")
    (home / "secrets" / "kafka_password").chmod(0o600)
    return Settings(home=home, kafka=KafkaSettings(brokers="broker:9093", **how))


def test_without_a_word_nothing_is_encrypted_and_nobody_logs_in(settings):
    """The local stack on loopback."""
    assert {"security_protocol": "PLAINTEXT"} == kafka.security(settings)
    assert {
        "kafka.bootstrap.servers": settings.brokers[0],
        "kafka.security.protocol": "PLAINTEXT",
    } == kafka.spark_options(settings)


def test_a_password_comes_from_a_file_and_never_from_the_settings(tmp_path):
    """Neither `ps` nor a copy of settings.yaml shows it."""
    made = secured(tmp_path, "hush", security="SASL_SSL", username="collector")

    options = kafka.security(made)

    assert ("SASL_SSL", "SCRAM-SHA-512", "collector", "hush") == tuple(
        options[name] for name in ("security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
    )
    assert options["ssl_context"].check_hostname
    assert "hush" not in made.model_dump_json()


def test_a_password_cannot_break_out_of_spark_s_options(tmp_path):
    """They are a line of Java's own language."""
    options = kafka.spark_options(secured(tmp_path, 'a"b\\c; evil="', security="SASL_SSL", username="col"))

    assert (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        r'username="col" password="a\"b\\c; evil=\"";'
    ) == options["kafka.sasl.jaas.config"]


def test_certificates_are_handed_to_spark_as_pem(tmp_path):
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).write_text(f"content of {name}")

    options = kafka.spark_options(
        secured(tmp_path, security="SSL", cafile="ca.pem", certfile="own.pem", keyfile="own.key")
    )

    assert str(tmp_path / "ca.pem") == options["kafka.ssl.truststore.location"]
    assert "content of own.pem" == options["kafka.ssl.keystore.certificate.chain"]
    assert "content of own.key" == options["kafka.ssl.keystore.key"]
    assert not [name for name in options if "sasl" in name]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_an_authority_that_cannot_be_used_is_named(tmp_path, content):
    """At once, and not as an outage that nobody understands."""
    if content:
        (tmp_path / "ca.pem").write_text(content)

    with pytest.raises(SettingsError, match=r"kafka\.cafile ca\.pem cannot be used"):
        kafka.security(secured(tmp_path, security="SSL", cafile="ca.pem"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("security: SASL_SSL", "needs a username"),
        ("security: SASL_PLAINTEXT\n  username: a\n  mechanism: PLAIN", "sends the password as it is"),
        ("security: SSL\n  certfile: own.pem", "certfile and keyfile go together"),
        ("cafile: ca.pem", "need security SSL or SASL_SSL, not PLAINTEXT"),
        ("security: TLS", "SASL_SSL"),
    ],
)
def test_settings_that_make_no_sense_together_are_refused_where_they_stand(tmp_path, lines, problem):
    (tmp_path / "settings.yaml").write_text(f"kafka:\n  {lines}\n")

    with pytest.raises(SettingsError, match=rf"settings.yaml:\d+: kafka.*{problem}"):
        load_settings(tmp_path)


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
    monkeypatch.setattr(kafka, "KafkaProducer", lambda **options: asked.update(options))

    Producer(settings)

    assert (True, "all", "gzip", 20) == tuple(
        asked[name] for name in ("enable_idempotence", "acks", "compression_type", "linger_ms")
    )
    assert "retries" not in asked, "for ever, until the delivery times out"
    assert asked["delivery_timeout_ms"] >= asked["request_timeout_ms"] + asked["linger_ms"]
