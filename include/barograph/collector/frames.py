"""Bytes to lines. Pure: the port is opened elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE = 256
"""Bytes kept of a line that is too long."""


@dataclass(frozen=True)
class TooLong:
    """The beginning of a line that is longer than its port allows; the rest is skipped up to the next line end."""

    sample: bytes


class LineSplitter:
    """Cuts what a port says into lines, whatever the chunks.

        {"id":"fridge-dairy","t":4.2}\\r\\n{"id":"fridge-da      iry","t":4.3}\\n
        `------------ a line -------'     `- kept until the next chunk -'

    A line ends with CR, LF or both; empty lines are skipped. A line is told once that it is too long.
    """

    def __init__(self, max_line: int) -> None:
        self._max_line = max_line
        self._rest = b""
        self._skipping = False

    @property
    def pending(self) -> int:
        """Bytes of a line that has not ended yet."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        parts = chunk.replace(b"\r", b"\n").split(b"\n")
        found: list[bytes | TooLong] = []
        for part in parts[:-1]:
            self._grow(part, found)
            if self._rest:
                found.append(self._rest)
            self._rest, self._skipping = b"", False
        self._grow(parts[-1], found)
        return found

    def _grow(self, part: bytes, found: list[bytes | TooLong]) -> None:
        if self._skipping:
            return
        self._rest += part
        if len(self._rest) > self._max_line:
            found.append(TooLong(self._rest[:SAMPLE]))
            self._rest, self._skipping = b"", True
