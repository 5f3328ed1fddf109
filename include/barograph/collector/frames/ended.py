"""Frames that only have an end: lines, COBS, SLIP, and what silences part. Nothing is searched again in them."""

from __future__ import annotations

import re

from barograph.collector.formats.framing import CobsFraming, IdleFraming, LineFraming, SlipFraming
from barograph.collector.frames.cuts import SAMPLE, STOPPED, Cut, Cutter, Found, Judge, Refused
from barograph.errors import FrameError

SLIP_END, SLIP_ESCAPE = b"\xc0", b"\xdb"
ESCAPED_END, ESCAPED_ESCAPE = b"\xdb\xdc", b"\xdb\xdd"
BLOCK = 254
"""Bytes of a COBS block without a zero behind it."""


class EndedCutter(Cutter):
    """Cuts at ends, however many follow each other.

    21.5;60\\r\\n21.6;6      0;x\\n
    `- frame -'  `- kept until the next chunk
    """

    def __init__(self, ends: list[bytes], limit: int, judge: Judge, gap: float | None) -> None:
        self.gap = gap
        self._ends = re.compile(b"(?:" + b"|".join(re.escape(end) for end in ends) + b")+")
        self._overlap = max(len(end) for end in ends) - 1
        self._limit = limit
        self._judge = judge
        self._rest = bytearray()
        self._offset = 0
        self._skipping = False

    @property
    def pending(self) -> int:
        return len(self._rest)

    def feed(self, chunk: bytes) -> Found:
        found: Found = []
        data: bytes | bytearray = chunk
        searched = 0
        if self._rest:
            searched = max(0, len(self._rest) - self._overlap)
            self._rest += chunk
            data = self._rest
        at = 0
        for ends in self._ends.finditer(data, searched):
            begin, end = ends.span()
            if self._skipping:
                self._skipping = False
            elif begin - at > self._limit:
                found.append(self._too_long(data, at))
            elif begin > at:
                self._take(bytes(data[at:begin]), self._offset + at, found)
            at = end
        self._keep(data, at, found)
        return found

    def silence(self) -> Found:
        rest, begin = bytes(self._rest), self._offset
        skipped = self._skipping
        self._drop()
        return [] if skipped or not rest.strip() else [self._stopped(rest, begin)]

    def _keep(self, data: bytes | bytearray, at: int, found: Found) -> None:
        """Go on behind `at`; what is there may still be too long, and then only its end is waited for."""
        left = len(data) - at
        if left > self._limit + self._overlap and not self._skipping:
            found.append(self._too_long(data, at))
            self._skipping = True
        if self._skipping:
            at, left = len(data) - min(left, self._overlap), min(left, self._overlap)
        self._offset += at
        if data is self._rest:
            del self._rest[:at]
        elif left:
            self._rest += data[at:]

    def _drop(self) -> None:
        self._offset += len(self._rest)
        self._rest.clear()
        self._skipping = False

    def _too_long(self, data: bytes | bytearray, at: int) -> Refused:
        sample = bytes(data[at : at + min(SAMPLE, self._limit + 1)])
        return Refused("too_long", sample, self._offset + at, f"longer than {self._limit} bytes")

    def _stopped(self, rest: bytes, begin: int) -> Refused:
        return Refused("bad_frame", rest[:SAMPLE], begin, STOPPED)

    def _take(self, raw: bytes, begin: int, found: Found) -> None:
        raise NotImplementedError


class LineCutter(EndedCutter):
    def __init__(self, declared: LineFraming, limit: int) -> None:
        super().__init__(declared.end or [b"\r", b"\n"], limit, Judge(declared), declared.gap)
        self._strip = declared.strip
        self._hex = declared.hex
        self._simple = not declared.checksum and not declared.hex

    def end(self) -> Found:
        """The last line of a file may lack its end."""
        found: Found = []
        rest, begin = bytes(self._rest), self._offset
        if not self._skipping:
            self._take(rest, begin, found)
        self._drop()
        return found

    def _take(self, raw: bytes, begin: int, found: Found) -> None:
        line = raw.strip() if self._strip else raw
        if not line:
            return
        if self._simple:
            found.append(Cut(line, raw, begin, begin + len(raw), False))
            return
        if self._hex:
            try:
                line = from_hex(line)
            except FrameError as error:
                found.append(Refused(error.reason, raw[:SAMPLE], begin, error.detail))
                return
        found.append(self._judge.cut(line, raw, begin, begin + len(raw)))


class CobsCutter(EndedCutter):
    def __init__(self, declared: CobsFraming, limit: int) -> None:
        super().__init__([b"\0"], limit, Judge(declared), declared.gap)

    def _take(self, raw: bytes, begin: int, found: Found) -> None:
        try:
            frame = from_cobs(raw)
        except FrameError as error:
            found.append(Refused(error.reason, raw[:SAMPLE], begin, error.detail))
        else:
            found.append(self._judge.cut(frame, raw, begin, begin + len(raw)))


class SlipCutter(EndedCutter):
    def __init__(self, declared: SlipFraming, limit: int) -> None:
        super().__init__([SLIP_END], limit, Judge(declared), declared.gap)

    def _take(self, raw: bytes, begin: int, found: Found) -> None:
        try:
            frame = from_slip(raw)
        except FrameError as error:
            found.append(Refused(error.reason, raw[:SAMPLE], begin, error.detail))
        else:
            found.append(self._judge.cut(frame, raw, begin, begin + len(raw)))


class IdleCutter(Cutter):
    """Whatever comes without a silence in it is a frame."""

    def __init__(self, declared: IdleFraming, limit: int) -> None:
        self.gap = declared.gap
        self._judge = Judge(declared)
        self._limit = limit
        self._rest = bytearray()
        self._offset = 0
        self._skipping = False

    @property
    def pending(self) -> int:
        return len(self._rest) or int(self._skipping)

    def feed(self, chunk: bytes) -> Found:
        if self._skipping:
            self._offset += len(chunk)
            return []
        self._rest += chunk
        if len(self._rest) <= self._limit:
            return []
        sample = bytes(self._rest[: min(SAMPLE, self._limit + 1)])
        refused = Refused("too_long", sample, self._offset, f"longer than {self._limit} bytes without a silence")
        self._drop()
        self._skipping = True
        return [refused]

    def silence(self) -> Found:
        frame, begin = bytes(self._rest), self._offset
        self._drop()
        return [self._judge.cut(frame, frame, begin, begin + len(frame))] if frame else []

    def _drop(self) -> None:
        self._offset += len(self._rest)
        self._rest.clear()
        self._skipping = False


def from_hex(text: bytes) -> bytes:
    """Raises FrameError."""
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise FrameError("bad_frame", "it is not written in pairs of hex digits") from error


def from_slip(raw: bytes) -> bytes:
    """Raises FrameError."""
    escapes = raw.count(SLIP_ESCAPE)
    if not escapes:
        return raw
    if escapes != raw.count(ESCAPED_END) + raw.count(ESCAPED_ESCAPE):
        raise FrameError("bad_frame", "an escape byte stands before neither dc nor dd")
    return raw.replace(ESCAPED_END, SLIP_END).replace(ESCAPED_ESCAPE, SLIP_ESCAPE)


def to_slip(frame: bytes) -> bytes:
    return frame.replace(SLIP_ESCAPE, ESCAPED_ESCAPE).replace(SLIP_END, ESCAPED_END)


def from_cobs(raw: bytes) -> bytes:
    """Each block begins with how far it is to the next zero. Raises FrameError.

    03 11 22 02 33      11 22 00 33
    `- block  `- block
    """
    parts: list[bytes] = []
    at = 0
    while at < len(raw):
        code = raw[at]
        if at + code > len(raw):
            raise FrameError("bad_frame", f"its block at {at} reaches behind its end")
        parts.append(raw[at + 1 : at + code])
        at += code
        if code <= BLOCK and at < len(raw):
            parts.append(b"\0")
    return b"".join(parts)


def to_cobs(frame: bytes) -> bytes:
    parts: list[bytes] = []
    for block in frame.split(b"\0"):
        while len(block) >= BLOCK:
            parts.append(b"\xff" + block[:BLOCK])
            block = block[BLOCK:]
        parts.append(bytes([len(block) + 1]) + block)
    return b"".join(parts)
