"""Where a frame ends, when its end mark may also stand in it: escaped, doubled, or behind an interruption."""

from __future__ import annotations

import re
from typing import NamedTuple

from barograph.collector.formats.framing import BetweenFraming, DelimitedFraming, Interruption
from barograph.collector.formats.wire import Escape
from barograph.errors import FrameError

LONGEST_INTERRUPTION = 512


class End(NamedTuple):
    """Where the end mark begins and where it ends; begin -1: nowhere yet, go on searching at `end` with more bytes."""

    begin: int
    end: int


class PlainEnd:
    """The end mark cannot stand within a frame."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark

    def find(self, data: bytes | bytearray, at: int) -> End:
        begin = data.find(self._mark, at)
        if begin < 0:
            return End(-1, max(at, len(data) - len(self._mark) + 1))
        return End(begin, begin + len(self._mark))


class EscapedEnd:
    """The end mark counts only where no escape covers it.

    7e 12 7d 5e 34 7e         escape byte 7d
          `- passed over      `- the end
    """

    def __init__(self, mark: bytes, escape: Escape) -> None:
        doubled = escape.doubled_in(mark)
        covers = re.escape(doubled * 2) if doubled else re.escape(escape.byte or b"") + b"(?s:.)"
        self._tokens = re.compile(covers + b"|(" + re.escape(mark) + b")")
        self._longest = max(len(mark), 2 * len(doubled or b"."))

    def find(self, data: bytes | bytearray, at: int) -> End:
        for token in self._tokens.finditer(data, at):
            if token[1] is not None:
                return End(*token.span(1))
            at = token.end()
        return End(-1, max(at, len(data) - self._longest + 1))


class InterruptedEnd:
    """The end mark may be torn by a message that is no part of the frame.

    \\r\\nChec :7F0ED0071 \\n ksum\\t
             `- interruption
    """

    def __init__(self, mark: bytes, interruption: Interruption) -> None:
        self.interruption = pattern(interruption)
        between = b"(?:" + self.interruption.pattern + b")*"
        self._mark = re.compile(between.join(re.escape(mark[place : place + 1]) for place in range(len(mark))))
        self._longest = len(mark) + LONGEST_INTERRUPTION

    def find(self, data: bytes | bytearray, at: int) -> End:
        found = self._mark.search(data, at)
        return End(*found.span()) if found else End(-1, max(at, len(data) - self._longest))


def pattern(interruption: Interruption) -> re.Pattern[bytes]:
    digits = b"[0-9A-Fa-f]{1,%d}" % LONGEST_INTERRUPTION
    return re.compile(re.escape(interruption.start) + digits + re.escape(interruption.end))


def end_of(declared: BetweenFraming | DelimitedFraming) -> PlainEnd | EscapedEnd | InterruptedEnd:
    if isinstance(declared, BetweenFraming) and declared.escape:
        return EscapedEnd(declared.end, declared.escape)
    if declared.interrupted_by:
        return InterruptedEnd(declared.end, declared.interrupted_by)
    return PlainEnd(declared.end)


class Escaping:
    """Between what is meant and what is on the wire."""

    def __init__(self, escape: Escape, start: bytes, end: bytes) -> None:
        self.doubled = escape.doubled_in(end)
        self._byte = escape.byte or b""
        if escape.map:
            self._theirs = dict(escape.map)
        else:
            wanted = {*self._byte, *start, *end, *(escape.also or b"")}
            self._theirs = {bytes([one ^ (escape.xor or 0)]): bytes([one]) for one in sorted(wanted)}
        self._xor = None if escape.map else escape.xor
        self._ours = {meant: self._byte + written for written, meant in self._theirs.items()}
        self._escaped = re.compile(re.escape(self._byte) + b"(?s:(.))")
        self._special = re.compile(b"[" + b"".join(re.escape(one) for one in self._ours) + b"]")

    @property
    def covered(self) -> frozenset[int]:
        """Bytes that never stand in a frame as they are."""
        if self.doubled or self._xor == 0:
            return frozenset()
        return frozenset(meant[0] for meant in self._ours)

    def meant(self, body: bytes) -> bytes:
        """Raises FrameError."""
        if self.doubled:
            return body.replace(self.doubled * 2, self.doubled)
        return self._escaped.sub(self._unescaped, body) if self._byte in body else body

    def written(self, body: bytes) -> bytes:
        if self.doubled:
            return body.replace(self.doubled, self.doubled * 2)
        return self._special.sub(lambda found: self._ours[found[0]], body)

    def _unescaped(self, found: re.Match[bytes]) -> bytes:
        if self._xor is not None:
            return bytes([found[1][0] ^ self._xor])
        meant = self._theirs.get(found[1])
        if meant is None:
            raise FrameError("bad_frame", f"the escape byte stands before {found[1].hex()}")
        return meant
