"""Messages out, and of each what became of it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from kafka import KafkaProducer
from kafka.codec import gzip_encode
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from kafka.record import default_records

from barograph.kafka.connections import REQUEST, SOCKET, Clients, translated
from barograph.settings import Settings

DELIVERY = 10.0
"""Seconds for a message with all its retries."""

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
        self._clients = Clients()
        common = self._clients.options(settings)
        with translated(settings, self._clients), self._clients.closed_on_failure():
            self._producer = KafkaProducer(
                **common,
                client_id=client_id,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip",
                linger_ms=20,
                batch_size=256 * 1024,
                max_block_ms=int(REQUEST * 1000),
                delivery_timeout_ms=int(DELIVERY * 1000),
                reconnect_backoff_max_ms=1000,
                allow_auto_create_topics=False,
                socket_options=SOCKET,
                metrics_enabled=False,
            )

    @property
    def losses(self) -> int:
        """How many connections to brokers were closed so far.

        A broker that restarts within the delivery timeout fails no message, yet may have lost its page cache.
        """
        return self._clients.losses

    def require(self, topic: str) -> None:
        """Raises ServiceUnavailable, with a hint, if `topic` does not exist."""
        with translated(self._settings, self._clients, missing=topic):
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


def _outcome(future: Any) -> Delivery:
    error = future if isinstance(future, KafkaError) else getattr(future, "exception", None)
    if error is None and future.is_done:
        return Delivery.ACKED
    return Delivery.REFUSED if _too_large(error) else Delivery.FAILED


def _too_large(error: object) -> bool:
    return isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError)
