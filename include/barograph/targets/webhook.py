"""A target of kind `webhook`: JSON by POST, signed, and with an identity that is the same when it is sent again.

POST /barograph HTTP/1.1
Content-Type: application/json
Barograph-Id: windows/000000000017-20261127T140000.000000Z/0
Barograph-Signature: sha256=5f3c...            HMAC-SHA256 of the body, in hex, with the secret as the key

{"id":"windows/.../0","what":"windows","rows":[{"id":"windows/000000000017/fridge-1/...","mean":4.2,...}]}

2xx  it has it        408, 425, 429, 5xx, no answer: later        any other answer: it is stopped, somebody looks
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import httpx

from barograph.destinations import WebhookTarget
from barograph.errors import SettingsError, TargetError, TargetRefused
from barograph.settings import Settings
from barograph.targets.parcels import Parcel, as_json

ROWS = 500
"""Readings or windows in one POST. An alarm comes alone: what one says must not depend on which others are due."""
LATER = (408, 425, 429)
WORDS = 300
"""Bytes of an answer that are kept."""


class WebhookSender:
    def __init__(self, settings: Settings, target: WebhookTarget, transport: httpx.BaseTransport | None = None) -> None:
        """Raises TargetError if there is no key to sign with."""
        try:
            self._key = settings.secret(target.secret).encode()
        except SettingsError as error:
            raise TargetError(
                f"no key to sign with: put one into {settings.secrets_folder / target.secret}, mode 600 ({error})"
            ) from error
        if not self._key:
            raise TargetError(f"the key to sign with is empty: {settings.secrets_folder / target.secret}.")
        self._url = target.url
        self._client = httpx.Client(timeout=target.timeout, transport=transport, trust_env=False)

    def send(self, parcel: Parcel) -> None:
        for identity, body in posts(parcel):
            self.post(identity, body)

    def close(self) -> None:
        self._client.close()

    def post(self, identity: str, body: bytes) -> None:
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "Barograph-Id": identity,
            "Barograph-Signature": signature(self._key, body),
        }
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                status = answer.status_code
                said = b"" if answer.is_success else next(answer.iter_bytes(), b"")[:WORDS]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TargetError(f"{self._url} does not answer ({type(error).__name__}: {error}).") from error
        if 200 <= status < 300:
            return
        words = f"{self._url} answers {status} to {identity}: {said.decode('utf-8', 'replace').strip()}"
        raise (TargetError if status in LATER or status >= 500 else TargetRefused)(words)


def posts(parcel: Parcel) -> Iterator[tuple[str, bytes]]:
    """(identity, body) of each POST."""
    rows = ({"id": identity, **row} for identity, row in parcel.rows())
    if parcel.what == "alarms":
        for row in rows:
            yield row["id"], _body(row["id"], parcel, [row])
        return
    for number in count():
        some = list(islice(rows, ROWS))
        if not some:
            return
        identity = f"{parcel.what}/{parcel.name}/{number}"
        yield identity, _body(identity, parcel, some)


def signature(key: bytes, body: bytes) -> str:
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


def _body(identity: str, parcel: Parcel, rows: list[dict[str, Any]]) -> bytes:
    return as_json({"id": identity, "what": parcel.what, "rows": rows})
