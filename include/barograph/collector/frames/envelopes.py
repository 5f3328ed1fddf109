"""The inverse of cutting: what a device would send. For the simulator and for tests."""

from __future__ import annotations

from barograph.collector.formats.framing import (
    BetweenFraming,
    CobsFraming,
    DelimitedFraming,
    FixedFraming,
    Framing,
    LengthFraming,
    LineFraming,
    SlipFraming,
)
from barograph.collector.formats.wire import Checksum
from barograph.collector.frames.checking import Check
from barograph.collector.frames.ended import SLIP_END, to_cobs, to_slip
from barograph.collector.frames.escapes import Escaping
from barograph.collector.frames.sized import LengthField


def wrapped(payload: bytes, declared: Framing) -> bytes:
    """The payload with all that its framing adds, or writes into it. Raises ValueError."""
    if isinstance(declared, FixedFraming | LengthFraming):
        return bytes(_sized(payload, declared))
    if isinstance(declared, DelimitedFraming | BetweenFraming):
        return _marked(payload, declared)
    frame = bytearray(payload) + _room(declared.checksum, behind=0)
    write_all(frame, declared.checksum)
    if isinstance(declared, LineFraming):
        line = to_hex(frame) if declared.hex else bytes(frame)
        return line + (declared.end[0] if declared.end else b"\r\n")
    if isinstance(declared, CobsFraming):
        return to_cobs(bytes(frame)) + b"\0"
    return to_slip(bytes(frame)) + SLIP_END if isinstance(declared, SlipFraming) else bytes(frame)


def writes_into(declared: Framing) -> bool:
    """Whether bytes of the payload itself are the framing's: a length, a checksum that is kept."""
    kept = isinstance(declared, DelimitedFraming | BetweenFraming) and declared.keep
    sized = isinstance(declared, FixedFraming | LengthFraming)
    return kept or sized or any(each.kept for each in declared.checksum)


def own_tail(declared: Framing) -> int:
    """How many bytes at the end of a payload the framing writes itself: whoever renders one leaves room for them."""
    behind, size = 0, declared.size if isinstance(declared, FixedFraming) else 0
    if isinstance(declared, FixedFraming | LengthFraming):
        behind = len(declared.end or b"")
    elif isinstance(declared, DelimitedFraming | BetweenFraming):
        behind = _behind(declared)
    tail = _chain(declared.checksum, behind, size, kept=True)
    inside = isinstance(declared, DelimitedFraming | BetweenFraming) and not declared.keep
    return tail - behind if inside else tail


def write_all(frame: bytearray, checksums: list[Checksum], *, escaped: bool = False) -> None:
    """Twice where there are several, since one may be over another. Raises ValueError."""
    mine = [Check(each) for each in checksums if each.escaped == escaped]
    for check in mine * min(2, len(mine)):
        check.write(frame)


def to_hex(frame: bytes | bytearray) -> bytes:
    return frame.hex().upper().encode()


def _chain(checksums: list[Checksum], behind: int, size: int, *, kept: bool) -> int:
    """How far from the end the checksums begin that follow each other up to `behind` bytes before it."""
    places = [(at - size * (at >= 0), each) for each in checksums if (at := each.place) is not None]
    for at, each in sorted(places, key=lambda place: -place[0]):
        if at < 0 and each.kept == kept and at + each.size == -behind:
            behind += each.size
    return behind


def _room(checksums: list[Checksum], behind: int, size: int = 0, end: bytes = b"") -> bytes:
    """Zeros for checksums that are not in the payload, and the marks that they stand behind."""
    marks = [each for each in checksums if each.after and not each.kept and each.after not in end]
    texts = b"".join((each.after or b"") + b"0" * each.size for each in marks)
    return bytes(_chain(checksums, behind, size, kept=False) - behind) + texts


def _behind(declared: DelimitedFraming | BetweenFraming) -> int:
    return len(declared.end) + (declared.after if isinstance(declared.after, int) else 0)


def _marked(payload: bytes, declared: DelimitedFraming | BetweenFraming) -> bytes:
    start = declared.start if isinstance(declared, BetweenFraming) else b""
    escape = declared.escape if isinstance(declared, BetweenFraming) else None
    sums = declared.checksum
    if declared.keep:
        frame = bytearray(payload)
        behind = len(frame) - frame.rfind(declared.end) if declared.after == "line" else _behind(declared)
    else:
        following = bytes(declared.after) if isinstance(declared.after, int) else b""
        if not following:
            following = b"".join(b"0" * each.size for each in sums if each.after and each.after in declared.end)
        behind = len(declared.end) + len(following)
        room = _room(sums, behind, end=declared.end)
        frame = bytearray(start + payload + room + declared.end + following)
    write_all(frame, sums)
    low, high = len(start), len(frame) - behind
    body = bytes(frame[low:high])
    if escape:
        body = Escaping(escape, start, declared.end).written(body)
    elif declared.hex:
        body = to_hex(body)
    wire = bytearray(start + body + declared.end + frame[high + len(declared.end) :])
    write_all(wire, sums, escaped=True)
    return bytes(wire) + (b"\r\n" if declared.after == "line" else b"")


def _sized(payload: bytes, declared: FixedFraming | LengthFraming) -> bytearray:
    size = declared.size if isinstance(declared, FixedFraming) else 0
    frame = bytearray(payload) + _room(declared.checksum, 0, size)
    if size:
        if len(frame) > size:
            raise ValueError(f"{len(frame)} bytes do not fit into a frame of {size}")
        frame += bytes(size - len(frame))
    for at, mark in (*declared.marks.items(), (0, declared.start or b"")):
        frame[at : at + len(mark)] = mark
    if declared.end:
        frame[-len(declared.end) :] = declared.end
    if isinstance(declared, LengthFraming):
        _tell_length(frame, declared)
    write_all(frame, declared.checksum)
    return frame


def _tell_length(frame: bytearray, declared: LengthFraming) -> None:
    """The first length is what the other ones leave; they are told by whoever made the payload, if that can be."""
    first, *others = [LengthField(each) for each in declared.lengths]
    left = len(frame) - declared.add
    for field in others:
        told = _told(frame, field)
        if told > left:
            told = 0
            field.write(frame, told)
        left -= told
    first.write(frame, left)
    if declared.again is not None:
        LengthField(declared.lengths[0].model_copy(update={"at": declared.again})).write(frame, left)


def _told(frame: bytearray, field: LengthField) -> int:
    try:
        return field.read(frame, 0)
    except (ValueError, IndexError):
        return 0
