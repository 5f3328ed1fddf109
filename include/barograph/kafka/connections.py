"""Connections to brokers that are noticed when they are lost, and errors that say what a broker has against us."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

from kafka.errors import KafkaError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from barograph.errors import ServiceUnavailable
from barograph.kafka.access import PASSWORD, security
from barograph.settings import Settings

BOOTSTRAP = 5.0
REQUEST = 5.0
"""Seconds until a broker counts as gone: for the first contact, and for one request."""

SOCKET = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, option), value)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, option)
]
"""A broker whose power went says no goodbye; keepalive notices within half a minute even if nothing is sent."""


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

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        receive = transport._sock_recv

        def last_words_first() -> tuple[bytes, Exception | None]:
            """A broker says why it refuses us and hangs up; kafka-python forgets the first if both come at once."""
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = last_words_first
        return transport

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


class Clients:
    """The network clients behind a producer or an administrator that may not get as far as being made."""

    def __init__(self) -> None:
        self._made: list[_WatchedClient] = []

    def options(self, settings: Settings) -> dict[str, Any]:
        """What both are told: where brokers are, how to be let in, when to give up. Raises SettingsError."""
        return security(settings) | {
            "bootstrap_servers": settings.brokers,
            "bootstrap_timeout_ms": int(BOOTSTRAP * 1000),
            "request_timeout_ms": int(REQUEST * 1000),
            "kafka_client": self._make,
        }

    @property
    def losses(self) -> int:
        return sum(client.losses for client in self._made)

    @property
    def refusal(self) -> Exception | None:
        return next((client.refusal for client in self._made if client.refusal), None)

    def _make(self, **configs: Any) -> _WatchedClient:
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
def translated(settings: Settings, clients: Clients, missing: str | None = None) -> Iterator[None]:
    try:
        yield
    except (KafkaError, OSError) as error:
        why = _refused(settings, clients.refusal)
        if why:
            raise ServiceUnavailable(why) from error
        if missing:
            raise ServiceUnavailable(no_topic(settings, missing)) from error
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


def no_topic(settings: Settings, topic: str) -> str:
    return (
        f"Kafka at {','.join(settings.brokers)} does not say anything about topic {topic}. "
        "`barograph stack up` creates the topics; see kafka.topics in settings.yaml."
    )
