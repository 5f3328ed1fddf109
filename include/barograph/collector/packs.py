"""What lies in the spool: the frames that one device said within one turn of the loop are one record.

    [{"device":"sensor3","seq":41,"values":{...}},
    {"device":"sensor3","seq":42,"values":{...}}]
     `- the array form of the topic `readings`, a line for each frame: it is cut apart without reading the JSON

A record has a checksum, and each frame in it another, so that a damaged byte costs the frame that it hit.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple
from zlib import crc32

from barograph.readings import MAX_FRAMES_PER_MESSAGE

MAX_PACK_BYTES = 512 * 1024
OVERHEAD = 64
"""Bytes that a record takes beside what it holds, about."""
BETWEEN = b",\n"
"""Between two frames. `readings.encoded` writes no line ends; a payload that has one is a record of its own."""

Headers = tuple[tuple[str, str], ...]


class Entry(NamedTuple):
    """One message to be: a frame with its device as key, or a reject with headers."""

    topic: str
    payload: bytes
    key: str | None = None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes that it takes if nothing shares its record."""
        return len(self.payload) + len(self.key or "") + len(_stored(self.headers)) + OVERHEAD


class Pack(NamedTuple):
    """A record of the spool: one entry, or several frames of one device. `at` is microseconds since 1970."""

    id: int
    topic: str
    key: str | None
    headers: str
    """As JSON; empty where there are none."""
    frames: int
    at: int
    payload: bytes
    sums: bytes = b""
    """CRC32 of each frame, where there are several."""
    crc: int | None = None
    """CRC32 of the payload and of all facts before it; none, and no time, in files of an earlier version."""
    size: int = 0
    """Bytes that it takes of the quota."""

    @property
    def may_be_packed(self) -> bool:
        """Whether it is of frames, which may share a message with others of their device."""
        return self.key is not None and not self.headers

    @property
    def payloads(self) -> list[bytes]:
        """Its frames, one by one."""
        return [self.payload] if self.frames == 1 else self.payload[1:-1].split(BETWEEN)

    @property
    def entries(self) -> list[Entry]:
        headers = tuple((name, text) for name, text in json.loads(self.headers)) if self.headers else ()
        return [Entry(self.topic, payload, self.key, headers) for payload in self.payloads]

    def checked(self) -> bool:
        if self.crc is None:
            return self.at == 0
        return self.crc == _crc(self.payload, *self[:6])

    def of(self, payloads: Sequence[bytes]) -> Pack:
        """The same record with these frames."""
        return _pack(self.id, self.topic, self.key, self.headers, self.at, payloads)


def joined(payloads: Sequence[bytes]) -> bytes:
    """One frame as it is, several as an array."""
    return payloads[0] if len(payloads) == 1 else b"[" + BETWEEN.join(payloads) + b"]"


class _Growing:
    __slots__ = ("headers", "key", "payloads", "room", "topic")

    def __init__(self, topic: str, key: str | None, payload: bytes, headers: Headers = ()) -> None:
        self.topic = topic
        self.key = key
        self.headers = headers
        self.payloads = [payload]
        self.room = MAX_PACK_BYTES - len(payload)


def packed(entries: Iterable[Entry], at: int, first: int) -> list[Pack]:
    """Records of what one turn read, numbered from `first`. A device's frames keep their order."""
    records: list[_Growing] = []
    growing: dict[tuple[str, str | None], _Growing] = {}
    for entry in entries:
        payload, key = entry.payload, entry.key
        whose = (entry.topic, key)
        if key is None or entry.headers or b"\n" in payload:
            growing.pop(whose, None)
            records.append(_Growing(entry.topic, key, payload, entry.headers))
            continue
        record = growing.get(whose)
        if record is None or record.room < len(payload) or len(record.payloads) >= MAX_FRAMES_PER_MESSAGE:
            growing[whose] = record = _Growing(entry.topic, key, payload)
            records.append(record)
        else:
            record.payloads.append(payload)
            record.room -= len(payload) + len(BETWEEN)
    return [
        _pack(number, record.topic, record.key, _stored(record.headers), at, record.payloads)
        for number, record in enumerate(records, first)
    ]


def _pack(id_: int, topic: str, key: str | None, headers: str, at: int, payloads: Sequence[bytes]) -> Pack:
    frames = len(payloads)
    payload = joined(payloads)
    sums = array("I", map(crc32, payloads)).tobytes() if frames > 1 else b""
    size = len(payload) + len(sums) + len(key or "") + len(headers) + OVERHEAD
    try:
        crc = _crc(payload, id_, topic, key, headers, frames, at)
    except UnicodeEncodeError:
        # A lone surrogate from a JSON escape is no character: neither SQLite nor Kafka would take it.
        key = (key or "").encode("utf-8", "replace").decode()
        crc = _crc(payload, id_, topic, key, headers, frames, at)
    return Pack(id_, topic, key, headers, frames, at, payload, sums, crc, size)


def legible(record: Pack) -> tuple[list[bytes], list[bytes]]:
    """Of a damaged record the frames whose own checksums are right, and the rest."""
    expected = array("I")
    if record.frames < 2 or len(record.sums) != record.frames * expected.itemsize:
        return [], [record.payload]
    expected.frombytes(record.sums)
    found = [(payload, crc32(payload)) for payload in record.payloads]
    if len(found) == len(expected):
        right = [crc == there for (_, crc), there in zip(found, expected, strict=True)]
    else:
        # Frames have run together, or apart: from both ends on, up to where they did.
        ahead = _agreeing(found, expected)
        behind = _agreeing(found[ahead:][::-1], expected[ahead:][::-1])
        right = [not ahead <= place < len(found) - behind for place in range(len(found))]
    good = [payload for (payload, _), is_right in zip(found, right, strict=True) if is_right]
    bad = [payload for (payload, _), is_right in zip(found, right, strict=True) if not is_right]
    if not bad and record.of(good).crc != record.crc:
        # All frames are whole, and yet the record is damaged: its device, topic or time cannot be trusted.
        return [], [record.payload]
    return good, bad


def _agreeing(found: Sequence[tuple[bytes, int]], expected: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0][1] == pair[1], zip(found, expected, strict=False)))


def _crc(payload: bytes, *facts: object) -> int:
    """Of the id too: what stands in another place than it was put has lost its order."""
    return crc32("\0".join(map(str, facts)).encode(), crc32(payload))


def _stored(headers: Headers) -> str:
    return json.dumps(headers) if headers else ""
