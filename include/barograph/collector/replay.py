"""A recording that speaks like a port: `file://recording.bin?pace=10x`.

A file of bytes is said as fast as the port's baud rate allows, or that many times faster; `pace=max` says it at once. A
recording with times (`.jsonl`, as `barograph sniff --record` writes it) keeps its own pace:

    {"at": 0.0, "hex": "7b2269642266"}
    {"at": 1.002, "hex": "72696467652d..."}      seconds since its beginning
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic as system_monotonic
from urllib.parse import parse_qs, unquote, urlsplit

from barograph.errors import PortError
from barograph.registry import Port

CHUNK = 64 * 1024


class Replay:
    """A port that is read from a file, to its end, once. Raises PortError for what is no recording."""

    descriptor: int | None = None

    def __init__(self, port: Port, home: Path, monotonic: Callable[[], float] = system_monotonic) -> None:
        told = urlsplit(port.url)
        path = home / unquote(told.netloc + told.path)
        self._name = f"port {port.port} ({port.url})"
        self._pace = self._paced(parse_qs(told.query).get("pace", ["1x"])[-1])
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PortError(f"Cannot open {self._name}. There is no recording to read: {error.strerror}.") from error
        per_byte = port.bits_per_byte / port.baud
        self._chunks = self._timed(content) if path.suffix == ".jsonl" else _on_wire(content, per_byte)
        self._next = next(self._chunks, None)
        self._monotonic = monotonic
        self._began = monotonic()

    def read(self) -> bytes:
        """What has been said by now."""
        now = (self._monotonic() - self._began) * self._pace
        said = bytearray()
        while self._next is not None and self._next[0] <= now and len(said) < CHUNK:
            said += self._next[1]
            self._next = next(self._chunks, None)
        return bytes(said)

    def rest(self) -> Iterator[tuple[float, bytes]]:
        """All that has not been read yet, without waiting: when each chunk was read, in its own seconds."""
        while self._next is not None:
            yield self._next
            self._next = next(self._chunks, None)

    def write(self, request: bytes) -> None:
        """A recording hears nothing."""

    def toggle_dtr(self) -> None:
        """A recording has no lines."""

    def close(self) -> None:
        self._next = None

    def _paced(self, pace: str) -> float:
        if pace == "max":
            return float("inf")
        try:
            times = float(pace.removesuffix("x"))
        except ValueError:
            times = 0.0
        if not 0 < times < float("inf"):
            raise PortError(f"Cannot open {self._name}. pace={pace} is neither `max` nor times faster, such as 10x.")
        return times

    def _timed(self, content: bytes) -> Iterator[tuple[float, bytes]]:
        for number, line in enumerate(content.splitlines(), 1):
            try:
                told = json.loads(line)
                yield float(told["at"]), bytes.fromhex(told["hex"])
            except (ValueError, KeyError, TypeError) as error:
                raise PortError(
                    f'Cannot read {self._name}: line {number} is not like {{"at": 1.5, "hex": "0d0a"}}.'
                ) from error


def _on_wire(content: bytes, per_byte: float, piece: int = 64) -> Iterator[tuple[float, bytes]]:
    for start in range(0, len(content), piece):
        said = content[start : start + piece]
        yield (start + len(said)) * per_byte, said
