"""A channel of kind `webhook`: JSON by POST, signed with the time of the attempt.

POST /alarms HTTP/1.1
Content-Type: application/json
Barograph-Id: 5f0c...                            the same on every attempt
Barograph-Signature: t=1764252000,v1=9a31...     HMAC-SHA256 of "1764252000." and the body, in hex

2xx  it has it        408, 425, 429, 5xx, a redirect, no answer: later        any other answer: never

A signature without a time could be played again years later; docs/notify.md shows how to check one. We connect to the
address that we looked at: a name that points to another one a moment later gets nothing (DNS rebinding).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import httpcore

from barograph.errors import DeliveryError, DeliveryRefused, SettingsError
from barograph.notify.channels.redaction import redacted
from barograph.notify.contacts import WebhookChannel, forbidden, web_address
from barograph.notify.reading import host_of
from barograph.notify.rendering import Letter
from barograph.settings import Settings

LATER = (408, 425, 429)
WORDS = 300
"""Bytes of an answer that are kept."""


def send(settings: Settings, channel: WebhookChannel, letter: Letter, at: datetime) -> None:
    """Raises DeliveryError or DeliveryRefused."""
    try:
        key = settings.secret(channel.secret)
        url = channel.url or web_address(settings.secret(channel.url_secret or ""))
    except (SettingsError, ValueError) as error:
        raise DeliveryError(str(error)) from error
    if not key:
        raise DeliveryError(f"The secret {channel.secret} is empty: there is no key to sign with.")
    content = body(letter)
    headers = {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Barograph",
        "Barograph-Id": letter.identity,
        "Barograph-Signature": signature(key.encode(), content, at),
    }
    status, said = _post(url, content, headers, channel.timeout)
    if 200 <= status < 300:
        return
    # What comes back may quote what was sent to it.
    words = redacted(said.decode("utf-8", "replace").strip(), url, key)
    refusal = f"{host_of(url)} answers {status}: {words}" if words else f"{host_of(url)} answers {status}."
    later = status in LATER or status >= 500 or 300 <= status < 400
    raise (DeliveryError if later else DeliveryRefused)(refusal)


def body(letter: Letter) -> bytes:
    """The same bytes on every attempt."""
    told = {
        "id": letter.identity,
        "thread": letter.thread,
        "test": bool(letter.facts.get("test")),
        "contact": letter.facts["contact"],
        "as_of": letter.facts["as_of"],
        "subject": letter.rendered.subject,
        "text": letter.rendered.chat,
        "counts": letter.facts["counts"],
        "alarms": [{**one, "link": letter.links.get(str(one["alarm"]), "")} for one in letter.facts["entries"]],
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False, default=str).encode("utf-8", "replace")


def signature(key: bytes, content: bytes, at: datetime) -> str:
    seconds = int(at.timestamp())
    signed = hmac.new(key, f"{seconds}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"


def _post(url: str, content: bytes, headers: dict[str, str], seconds: float) -> tuple[int, bytes]:
    backend = _Careful(time.monotonic() + seconds)
    pool = httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=backend, http2=False)
    limits = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    try:
        with (
            pool,
            pool.stream(
                "POST", url, headers=list(headers.items()), content=content, extensions={"timeout": limits}
            ) as answer,
        ):
            said = b"" if 200 <= answer.status < 300 else next(iter(answer.iter_stream()), b"")[:WORDS]
            return answer.status, said
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        why = redacted(str(error), url)
        raise DeliveryError(f"{host_of(url)} does not answer ({type(error).__name__}: {why}).") from error


class _Careful(httpcore.NetworkBackend):
    """Connects only where webhooks may go, and gives all of a request one limit of time: a server that sends a byte now
    and then would never run into one of a single answer."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"no machine of that name: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if bad := [address for address in addresses if forbidden(address)]:
            raise DeliveryRefused(f"{host} is {bad[0]}: webhooks do not go there.")
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(address, port, self.left(timeout), local_address, socket_options)
                return _Stream(stream, self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    def left(self, timeout: float | None) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("it took too long")
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, backend: _Careful) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._backend.left(timeout)), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
