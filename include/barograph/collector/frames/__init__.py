"""Bytes to frames, and back. Pure: the port is opened elsewhere.

ended      lines, COBS, SLIP, what silences part      searching  whatever has a start: resynchronises after damage
marked     start and end marks, escapes               sized      fixed sizes, lengths in the head
checking   where a checksum stands                    envelopes  the inverse
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from barograph.collector.formats.framing import (
    BetweenFraming,
    CobsFraming,
    DelimitedFraming,
    FixedFraming,
    Framing,
    IdleFraming,
    LengthFraming,
    LineFraming,
    SlipFraming,
)
from barograph.collector.frames.cuts import SAMPLE, Cut, Cutter, Found, Refused
from barograph.collector.frames.ended import CobsCutter, IdleCutter, LineCutter, SlipCutter
from barograph.collector.frames.envelopes import own_tail, wrapped, writes_into
from barograph.collector.frames.marked import MarkedCutter
from barograph.collector.frames.sized import FixedCutter, LengthCutter

__all__ = ["SAMPLE", "Cut", "Cutter", "Found", "Refused", "cutter", "enveloped", "own_tail"]

CUTTERS: dict[type, Callable[[Any, int], Cutter]] = {
    LineFraming: LineCutter,
    DelimitedFraming: MarkedCutter,
    BetweenFraming: MarkedCutter,
    FixedFraming: FixedCutter,
    LengthFraming: LengthCutter,
    IdleFraming: IdleCutter,
    CobsFraming: CobsCutter,
    SlipFraming: SlipCutter,
}


def cutter(declared: Framing, longest: int) -> Cutter:
    """What cuts the bytes of one connection. `longest` is the most bytes of a frame where the framing does not say."""
    return CUTTERS[type(declared)](declared, declared.max or longest)


def enveloped(payload: bytes, declared: Framing) -> bytes:
    """What a device would send: cutting it gives the payload.

    What the framing says itself and the payload has room for, such as a length or a checksum, is written there.
    Raises ValueError for a payload that the framing cannot carry.
    """
    sent = wrapped(payload, declared)
    cuts = cutter(declared, max(len(sent), 16))
    found = [*cuts.feed(sent), *cuts.silence()]
    carried = found[0].payload if len(found) == 1 and isinstance(found[0], Cut) else None
    if carried == payload or (carried is not None and writes_into(declared) and len(carried) == len(payload)):
        return sent
    raise ValueError(f"{len(payload)} bytes cannot be carried by {declared.cut}: cutting would give {_short(found)}")


def _short(found: Found) -> str:
    return (
        ", ".join(each.reason if isinstance(each, Refused) else repr(each.payload[:40]) for each in found) or "nothing"
    )
