"""Frames that are looked for by their start: what is refused is searched again from its second byte on."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from barograph.collector.frames.cuts import SAMPLE, STOPPED, Cut, Cutter, Found, Refused

LOST = "no frame begins here"
WORK = 1 << 24
"""Bytes that false starts within one refused frame may cost; then the rest of it is given up."""


class Claim(NamedTuple):
    """A start that turned out to be none, or a damaged frame; it claimed the bytes up to `end`."""

    reason: str
    end: int
    detail: str
    shown: int | None = None
    """Bytes to be told, if not all that it claimed."""
    covers: int = 0
    """How far it would reach if what it says is true; what is found wrong up to there is the same damage."""
    likely: bool = True
    """Whether it looked like a frame at all, beyond its start."""
    again: int | None = None
    """Where the next start is looked for, if not from its second byte on."""


Verdict = tuple[Cut | Claim | None, int]
"""What was found, and where in the data to go on behind a cut; None is nothing worth telling."""


class SearchingCutter(Cutter):
    """Finds starts, and asks what begins there.

        noise | 55 .. damaged .. 55 .. good .. | 55 .. good .. 5
        `- told once                                           `- kept until the next chunk
                `- refused: told once; then searched again from here + 1, and found
                                 `- begins within the refused one

    Whatever is decided at a place depends on what came before it and on the bytes that the frame there claims, so that
    chunks don't matter.
    """

    def __init__(self, start: bytes, limit: int, gap: float | None, *, resyncs: bool, filler: bytes = b"") -> None:
        """`resyncs`: a frame can be told from what is none, so searching within a refused one makes sense."""
        self.gap = gap
        self._start = start
        self._limit = limit
        self._resyncs = resyncs
        self._filler = filler
        self._rest = bytearray()
        self._base = 0  # of the data at hand, in the stream
        self._told = 0  # up to here in the stream it was told that something is lost
        self._work = 0
        self._from = 0  # here in the stream the search goes on after a frame that was given up
        self._quiet = 0  # up to here what does not even look like a frame is part of the last damage
        self._noise = b""
        self._noise_at = 0

    @property
    def pending(self) -> int:
        return len(self._rest)

    def feed(self, chunk: bytes) -> Found:
        if not self._rest:
            return self._search(chunk)
        self._rest += chunk
        return self._search(self._rest)

    def silence(self) -> Found:
        found = self._search(self._rest, final=True) if self.pending else []
        if self._noise:
            self._tell_noise(found)
        self._told = self._quiet = 0
        return found

    @abstractmethod
    def _judge(self, data: bytes | bytearray, begin: int) -> Verdict | None:
        """What begins at `begin`; None where more bytes are needed to know."""

    def _search(self, data: bytes | bytearray, final: bool = False) -> Found:
        found: Found = []
        at = max(0, self._from - self._base)
        size = len(data)
        while at < size:
            begin = data.find(self._start, at)
            if begin < 0:
                begin = size if final else size - _overlap(data, at, self._start)
                self._lose(data, at, begin, found)
                at = begin
                break
            if begin > at:
                self._lose(data, at, begin, found)
            if self._noise:
                self._tell_noise(found)
            verdict = self._judge(data, begin)
            if verdict is None:
                if not final:
                    at = begin
                    break
                verdict = Claim("bad_frame", size, STOPPED), size
            what, at = verdict
            if isinstance(what, Cut):
                found.append(what)
                self._told = self._quiet = 0
            elif what is not None:
                at = self._refuse(data, begin, what, found)
        self._keep(data, min(at, size))
        return found

    def _refuse(self, data: bytes | bytearray, begin: int, claim: Claim, found: Found) -> int:
        """Tell it, unless it lies in what was told already; where to go on."""
        place = self._base + begin
        if place >= (self._told if claim.likely else max(self._told, self._quiet)):
            self._told = self._base + max(claim.end, claim.covers)
            self._quiet = max(self._told, place + self._limit)
            self._work = 0
            shown = min(SAMPLE, claim.end - begin) if claim.shown is None else claim.shown
            raw = bytes(data[begin : begin + shown])
            found.append(Refused(claim.reason, raw, place, claim.detail))
        if not self._resyncs:
            return claim.end
        self._work += claim.end - begin
        if self._work > WORK:
            self._from = self._told
        return max(begin + 1 if claim.again is None else claim.again, self._from - self._base)

    def _lose(self, data: bytes | bytearray, at: int, until: int, found: Found) -> None:
        """Bytes between frames: part of the damage before them, or told, unless they mean nothing."""
        at = max(at, max(self._told, self._quiet) - self._base)
        while at < until:
            lost = bytes(data[at : min(until, at + SAMPLE)])
            at += len(lost)
            if not self._noise:
                lost = lost.lstrip(self._filler)
                self._noise_at = self._base + at - len(lost)
            self._noise += lost
            if len(self._noise) >= SAMPLE:
                self._noise = self._noise[:SAMPLE]
                self._tell_noise(found)
                at = max(self._noise_at + SAMPLE, self._quiet) - self._base

    def _tell_noise(self, found: Found) -> None:
        noise = self._explained(self._noise).rstrip(self._filler)
        if noise:
            found.append(Refused("bad_frame", noise, self._noise_at, LOST))
            self._quiet = self._noise_at + max(self._limit, SAMPLE)
        self._noise = b""

    def _explained(self, noise: bytes) -> bytes:
        """Without what may stand between frames."""
        return noise

    def _keep(self, data: bytes | bytearray, at: int) -> None:
        self._base += at
        if data is self._rest:
            del self._rest[:at]
        elif at < len(data):
            self._rest += data[at:]


def _overlap(data: bytes | bytearray, at: int, start: bytes) -> int:
    """How many of the last bytes may be the beginning of a start."""
    for size in range(min(len(start) - 1, len(data) - at), 0, -1):
        if data.endswith(start[:size]):
            return size
    return 0
