"""Kafka at arm's length: create topics, deliver messages, read offsets. Only home of kafka-python.

Every client here fails fast: kafka-python's defaults wait 30 s for a broker and 60 s inside `send`. A delivery that
fails is no loss: what comes from the spool stays in it until it is acknowledged, however long that takes, and whoever
publishes without a spool is told and does it again.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.codec import gzip_encode
from kafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.consumer import OffsetSpec
from kafka.record import default_records

from barograph.errors import ServiceUnavailable, SettingsError
from barograph.settings import Settings

BOOTSTRAP = 5.0
REQUEST = 5.0
DELIVERY = 10.0
"""Seconds until a broker counts as gone: for the first contact, one request, and a message with all its retries."""

MAX_MESSAGE_BYTES = 900_000
"""A broker takes about 1 MB; the rest is room for the envelope."""

COMPRESSION = 1
"""Of 1 to 9. kafka-python knows 9 alone, which takes ten times the CPU for a fifth fewer bytes of frames."""
default_records.gzip_encode = partial(gzip_encode, compresslevel=COMPRESSION)


@dataclass(frozen=True)
class Message:
    topic: str
    value: bytes
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


_SOCKET = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, option), value)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, option)
]
"""A broker whose power went says no goodbye; keepalive notices within half a minute even if nothing is sent."""


PASSWORD = "kafka_password"  # noqa: S105
"""The secret with the password for SASL."""


class Delivery(Enum):
    ACKED = "acked"
    """The broker has it, in page cache at least."""
    REFUSED = "refused"
    """The broker will never take it: too large."""
    FAILED = "failed"
    """Not now. It may have arrived all the same; frame identity makes a second one harmless."""


class Producer:
    """An idempotent producer that tells what became of each message. Raises ServiceUnavailable if no broker answers."""

    def __init__(self, settings: Settings, *, client_id: str = "barograph") -> None:
        self._settings = settings
        self._clients = _Clients()
        secured = security(settings)
        with _translated(settings, self._clients), self._clients.closed_on_failure():
            self._producer = KafkaProducer(
                **secured,
                bootstrap_servers=settings.brokers,
                client_id=client_id,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip",
                linger_ms=20,
                batch_size=256 * 1024,
                bootstrap_timeout_ms=int(BOOTSTRAP * 1000),
                max_block_ms=int(REQUEST * 1000),
                request_timeout_ms=int(REQUEST * 1000),
                delivery_timeout_ms=int(DELIVERY * 1000),
                reconnect_backoff_max_ms=1000,
                allow_auto_create_topics=False,
                socket_options=_SOCKET,
                metrics_enabled=False,
                kafka_client=self._clients.make,
            )

    @property
    def losses(self) -> int:
        """How many connections to brokers were closed so far.

        A broker that restarts within the delivery timeout fails no message, yet may have lost its page cache.
        """
        return self._clients.losses

    def require(self, topic: str) -> None:
        """Raises ServiceUnavailable, with a hint, if `topic` does not exist."""
        with _translated(self._settings, self._clients, missing=topic):
            self._producer.partitions_for(topic)

    def deliver(self, messages: Sequence[Message], timeout: float = DELIVERY + REQUEST) -> list[Delivery]:
        """Send all, wait for all, and say of each what became of it, in the same order."""
        futures: list[Any] = []
        for message in messages:
            try:
                futures.append(self._send(message))
            except KafkaError as error:
                futures.append(error)
                if not _too_large(error):
                    break  # each further send would block as long as this one
        with contextlib.suppress(KafkaError):
            self._producer.flush(timeout=timeout)
        outcomes = [_outcome(future) for future in futures]
        return outcomes + [Delivery.FAILED] * (len(messages) - len(outcomes))

    def close(self, timeout: float = 1.0) -> None:
        with contextlib.suppress(KafkaError):
            self._producer.close(timeout=timeout)

    def _send(self, message: Message) -> Any:
        return self._producer.send(
            message.topic,
            value=message.value,
            key=message.key.encode() if message.key else None,
            headers=[(name, text.encode()) for name, text in message.headers],
        )


@dataclass(frozen=True)
class PartitionOffsets:
    """What Kafka holds of one partition: offsets `beginning` <= n < `end`. A recreated topic has another `topic_id`."""

    topic: str
    topic_id: str
    partition: int
    beginning: int
    end: int


def security(settings: Settings) -> dict[str, Any]:
    """What kafka-python's clients, consumers too, need to be let in. Raises SettingsError."""
    kafka = settings.kafka
    options: dict[str, Any] = {"security_protocol": kafka.security}
    if kafka.encrypted:
        options["ssl_context"] = _tls(settings)
    if kafka.logs_in:
        options |= {
            "sasl_mechanism": kafka.mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": settings.secret(PASSWORD),
        }
    return options


def spark_options(settings: Settings) -> dict[str, str]:
    """The same for Spark's Kafka source, whose Java client wants an own certificate's key as PKCS #8."""
    kafka = settings.kafka
    options = {"kafka.bootstrap.servers": ",".join(settings.brokers), "kafka.security.protocol": kafka.security}
    if kafka.cafile:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": str(_file(settings, "cafile"))}
    if kafka.certfile:
        options |= {
            "kafka.ssl.keystore.type": "PEM",
            "kafka.ssl.keystore.certificate.chain": _file(settings, "certfile").read_text(),
            "kafka.ssl.keystore.key": _file(settings, "keyfile").read_text(),
        }
    if kafka.logs_in:
        module = "plain.Plain" if kafka.mechanism == "PLAIN" else "scram.Scram"
        user, password = (_quoted(text) for text in (kafka.username, settings.secret(PASSWORD)))
        options |= {
            "kafka.sasl.mechanism": kafka.mechanism,
            "kafka.sasl.jaas.config": f"org.apache.kafka.common.security.{module}LoginModule required "
            f"username={user} password={password};",
        }
    return options


def _tls(settings: Settings) -> ssl.SSLContext:
    kafka = settings.kafka
    name = "cafile"
    try:
        context = ssl.create_default_context(cafile=str(_file(settings, name)) if kafka.cafile else None)
        name = "certfile"
        if kafka.certfile:
            context.load_cert_chain(_file(settings, name), _file(settings, "keyfile"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"kafka.{name} {getattr(kafka, name)} cannot be used ({error}). It must be a readable PEM file"
            f"{', and keyfile the key that belongs to it, without a passphrase' if name == 'certfile' else ''}."
        ) from error
    return context


def _file(settings: Settings, name: str) -> Path:
    """A relative path starts in the data folder."""
    return settings.home / str(getattr(settings.kafka, name))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are not there yet, and name them. Existing ones are left as they are."""
    wanted = {
        **dict.fromkeys(settings.kafka.topics, settings.kafka.partitions),
        settings.kafka.rejects: 1,
    }
    config = {
        "retention.ms": str(settings.kafka.retention_hours * 3_600_000),
        # One broker's acknowledgement is page cache; the collector keeps its last minute for what this leaves open.
        "flush.ms": "1000",
        "message.timestamp.type": "CreateTime",
    }
    with _administration(settings) as admin:
        existing = set(admin.list_topics())
        missing = {
            topic: {"num_partitions": partitions, "configs": config}
            for topic, partitions in wanted.items()
            if topic not in existing
        }
        if missing:
            with contextlib.suppress(TopicAlreadyExistsError):  # someone else was faster
                admin.create_topics(missing, wait_for_metadata=True)
        admin.wait_for_topics(list(wanted))
    return sorted(missing)


def offsets(settings: Settings, topics: Sequence[str]) -> list[PartitionOffsets]:
    """What Kafka holds now, sorted by topic and partition. Raises ServiceUnavailable if a topic does not exist."""
    with _administration(settings) as admin:
        described = {topic["name"]: topic for topic in admin.describe_topics(list(topics))}
        _require_all(settings, topics, described)
        partitions = [
            TopicPartition(name, partition["partition_index"])
            for name, topic in described.items()
            for partition in topic["partitions"]
        ]
        beginnings = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return [
        PartitionOffsets(
            topic=place.topic,
            topic_id=str(described[place.topic]["topic_id"]),
            partition=place.partition,
            beginning=beginnings[place].offset,
            end=ends[place].offset,
        )
        for place in sorted(partitions)
    ]


def _require_all(settings: Settings, topics: Sequence[str], described: dict[str, Any]) -> None:
    missing = [name for name in topics if name not in described or described[name]["error_code"]]
    if missing:
        raise ServiceUnavailable(_no_topic(settings, ", ".join(missing)))


class _WatchedManager(KafkaConnectionManager):  # type: ignore[misc]
    def __init__(self, *args: Any, **configs: Any) -> None:
        self.losses = 0
        self.refusal: Exception | None = None
        """Why the last connection came to nothing. kafka-python tells nobody, and tries again."""
        self._known: WeakSet[Any] = WeakSet()
        super().__init__(*args, **configs)

    async def _connect(self, node: Any, conn: Any, *args: Any, **options: Any) -> None:
        await super()._connect(node, conn, *args, **options)
        error = conn.init_future.exception
        # A broker that refuses us may also just hang up the next time: the reason is what it once said.
        if error is None or self.refusal is None or _is_refusal(error):
            self.refusal = error

    def get_connection(self, node_id: Any, *args: Any, pop_on_close: bool = True, **options: Any) -> Any:
        connection = super().get_connection(node_id, *args, pop_on_close=pop_on_close, **options)
        # pop_on_close is False for the bootstrap connection only, which is closed on purpose.
        if pop_on_close and connection not in self._known:
            self._known.add(connection)
            connection.close_future.add_both(self._lost)
        return connection

    def _lost(self, _: object) -> None:
        self.losses += 1


class _WatchedClient(KafkaNetClient):  # type: ignore[misc]
    """kafka-python retries behind our back; this counts the connections it lost meanwhile."""

    def __init__(self, **configs: Any) -> None:
        network = NetworkSelector(**configs)
        self._watched = _WatchedManager(network, **configs)
        super().__init__(net=network, manager=self._watched, **configs)

    @property
    def losses(self) -> int:
        return self._watched.losses

    @property
    def refusal(self) -> Exception | None:
        return self._watched.refusal


class _Clients:
    """The network clients behind a producer or an administrator that may not get as far as being made."""

    def __init__(self) -> None:
        self._made: list[_WatchedClient] = []

    @property
    def losses(self) -> int:
        return sum(client.losses for client in self._made)

    @property
    def refusal(self) -> Exception | None:
        return next((client.refusal for client in self._made if client.refusal), None)

    def make(self, **configs: Any) -> _WatchedClient:
        self._made.append(_WatchedClient(**configs))
        return self._made[-1]

    @contextlib.contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """kafka-python leaves sockets and a thread behind when it finds no broker: an outage of days would eat them."""
        try:
            yield
        except BaseException:
            for client in self._made:
                client.close()
            raise


@contextlib.contextmanager
def _administration(settings: Settings) -> Iterator[Any]:
    clients = _Clients()
    secured = security(settings)
    with _translated(settings, clients), clients.closed_on_failure():
        admin = KafkaAdminClient(
            **secured,
            bootstrap_servers=settings.brokers,
            client_id="barograph",
            bootstrap_timeout_ms=int(BOOTSTRAP * 1000),
            request_timeout_ms=int(REQUEST * 1000),
            kafka_client=clients.make,
        )
        try:
            yield admin
        finally:
            admin.close()


@contextlib.contextmanager
def _translated(settings: Settings, clients: _Clients, missing: str | None = None) -> Iterator[None]:
    try:
        yield
    except (KafkaError, OSError) as error:
        why = _refused(settings, clients.refusal)
        if why:
            raise ServiceUnavailable(why) from error
        if missing:
            raise ServiceUnavailable(_no_topic(settings, missing)) from error
        raise ServiceUnavailable(
            f"Kafka at {','.join(settings.brokers)} does not answer ({type(error).__name__}: {error}). "
            "`barograph status` shows whether it runs; BAROGRAPH_KAFKA__BROKERS says where to look for it."
        ) from error


def _refused(settings: Settings, refusal: Exception | None) -> str | None:
    """What a broker that is there has against us, or we against it."""
    if refusal is None or not _is_refusal(refusal):
        return None
    kafka, brokers = settings.kafka, ",".join(settings.brokers)
    if isinstance(refusal, _LOGIN):
        return (
            f"Kafka at {brokers} does not let {kafka.username} in ({refusal}). "
            f"Check kafka.username, kafka.mechanism ({kafka.mechanism}) and the secret {PASSWORD}."
        )
    return (
        f"No encrypted connection to Kafka at {brokers} ({refusal}). kafka.cafile must be of the authority that "
        "signed the broker's certificate, the certificate for this address, and the listener one that encrypts."
    )


_LOGIN = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, _LOGIN) or "Handshake failed" in str(error) or "SSL" in str(error)


def _no_topic(settings: Settings, topic: str) -> str:
    return (
        f"Kafka at {','.join(settings.brokers)} does not say anything about topic {topic}. "
        "`barograph stack up` creates the topics; see kafka.topics in settings.yaml."
    )


def _outcome(future: Any) -> Delivery:
    error = future if isinstance(future, KafkaError) else getattr(future, "exception", None)
    if error is None and future.is_done:
        return Delivery.ACKED
    return Delivery.REFUSED if _too_large(error) else Delivery.FAILED


def _too_large(error: object) -> bool:
    return isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError)
