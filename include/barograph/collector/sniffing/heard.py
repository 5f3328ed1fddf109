"""What was heard on a port: bytes, and the silences between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

MOST = 65_536
"""Bytes that are looked at; a minute of most boards is less."""
FEWEST_BURSTS = 4
CLEAR_GAP = 0.004
"""Seconds of silence that no driver's buffering makes within a frame."""


@dataclass(frozen=True)
class Piece:
    """Bytes that came together, and the seconds of silence before them."""

    data: bytes
    rest: float = 0.0


@dataclass(frozen=True)
class Heard:
    pieces: tuple[Piece, ...]

    @cached_property
    def data(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    def bursts(self, gap: float) -> list[bytes]:
        """What came between silences of at least `gap` seconds."""
        found: list[bytearray] = []
        for piece in self.pieces:
            if piece.rest >= gap or not found:
                found.append(bytearray())
            found[-1] += piece.data
        return [bytes(each) for each in found if each]

    @cached_property
    def gap(self) -> float | None:
        """The silence that clearly parts bursts; None where all came at once, or without a pattern."""
        rests = sorted(piece.rest for piece in self.pieces[1:] if piece.rest > CLEAR_GAP)
        if len(rests) < FEWEST_BURSTS:
            return None
        # The widest jump between short silences, within a frame, and long ones, between frames.
        jumps = [(high / low, low, high) for low, high in pairwise([CLEAR_GAP, *rests])]
        ratio, low, high = max(jumps)
        return (low * high) ** 0.5 if ratio >= 3 else median(rests) / 2


def heard(chunks: Iterable[tuple[float, bytes]], per_byte: float = 0.0) -> Heard:
    """From chunks as they were read: seconds since the beginning, and bytes that took `per_byte` seconds each."""
    pieces: list[Piece] = []
    last = 0.0
    left = MOST
    for at, data in chunks:
        if left <= 0:
            break
        taken = data[:left]
        left -= len(taken)
        pieces.append(Piece(taken, max(0.0, at - last - len(data) * per_byte) if pieces else 0.0))
        last = at
    return Heard(tuple(pieces))


def at_once(data: bytes) -> Heard:
    """A recording without times."""
    return Heard((Piece(data[:MOST]),)) if data else Heard(())
