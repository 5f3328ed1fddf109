"""How well a format fits what was heard.

`share` is what it reads of the bytes. Many formats read "any numbers between commas", so that alone says little: what
counts as well is how much of the frames could not be otherwise. A few frames are damaged on purpose, a byte at a time;
each place where that is noticed, and that is no mere digit or separator, is evidence that the frame is of this format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from barograph.collector.decoding import Decoded, Decoder, decoder
from barograph.collector.formats import Format
from barograph.collector.frames import Cut, Refused, cutter
from barograph.collector.sniffing.heard import Heard
from barograph.errors import FrameError

LONGEST = 8192
FILLER = b" \t\r\n\x00\xff"
TRIED_FRAMES = 4
TRIED_BYTES = 48
ENOUGH = 12
"""Pieces of evidence; more make nobody surer."""
A_TIME = 4
"""Evidence of a frame that tells a time: few other digits are a date."""
GENERIC = frozenset(b"+-., ;:\t|=0123456789")
"""What any text with numbers has."""


@dataclass
class Read:
    """One frame and what came of it."""

    found: Cut | Refused
    decoded: Decoded | None = None
    reason: str = ""
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.decoded is not None and not self.decoded.bad

    @property
    def values(self) -> int:
        """How many numbers; a null says that something is no number."""
        if self.decoded is None:
            return 0
        return sum(value is not None for frame in self.decoded.frames for value in frame.values.values())


@dataclass(frozen=True)
class Score:
    share: float = 0.0
    """Bytes in frames that are read, of all."""
    evidence: int = 0
    frames: int = 0
    values: int = 0
    refused: int = 0
    bad: int = 0
    passed_over: int = 0
    devices: tuple[str, ...] = field(default=())

    @property
    def total(self) -> float:
        """From 0 to 1. Without evidence it is at most a half: any numbers would do."""
        return self.share * (1 - 0.5 ** (1 + min(self.evidence, ENOUGH)))


def reads(declared: Format, heard: Heard, device: str | None = "port", read: Decoder | None = None) -> Iterator[Read]:
    """Everything that was heard, frame by frame, with the silences that parted it."""
    read = read or decoder(declared)
    for found in cut(declared, heard):
        yield _read(found, read, device)


def cut(declared: Format, heard: Heard) -> Iterator[Cut | Refused]:
    cuts = cutter(declared.frame, LONGEST)
    for piece in heard.pieces:
        if cuts.gap is not None and piece.rest >= cuts.gap:
            yield from cuts.silence()
        yield from cuts.feed(piece.data)
    yield from cuts.end()


def _read(found: Cut | Refused, read: Decoder, device: str | None) -> Read:
    if isinstance(found, Refused):
        return Read(found, None, found.reason, found.detail)
    try:
        return Read(found, read(found.payload, device))
    except FrameError as error:
        return Read(found, None, error.reason, error.detail)


def score(declared: Format, heard: Heard) -> Score:
    """Raises DocumentError for a plugin that is not there."""
    read = decoder(declared)
    found = list(reads(declared, heard, read=read))
    ends = (found[:1] + found[-1:]) if len(found) > 2 else []
    # A recording begins and ends in the middle of something: that is no mistake of the format.
    halves = [each for each in ends if each.decoded is None]
    good = [each for each in found if each.good and each.decoded and (each.decoded.frames or each.decoded.ignored)]
    with_values = [each for each in good if each.values]
    passed_over = len(good) - len(with_values)
    read_bytes = sum(len(each.found.raw) for each in with_values)
    if passed_over and not with_values:
        read_bytes = 0
    elif passed_over:
        read_bytes += sum(len(each.found.raw) for each in good if not each.values)
    every = (
        len(heard.data)
        - _filler(heard.data, found)
        - _ends(declared, heard.data)
        - sum(len(each.found.raw) for each in halves)
    )
    share = min(1.0, read_bytes / every) if every > 0 else 0.0
    return Score(
        share=share,
        evidence=_evidence(declared, read, with_values) if share > 0.3 else 0,
        frames=len(with_values),
        values=sum(each.values for each in with_values),
        refused=sum(each.decoded is None for each in found) - len(halves),
        bad=sum(len(each.decoded.bad) for each in found if each.decoded),
        passed_over=passed_over,
        devices=tuple(
            dict.fromkeys(f.device for each in with_values for f in (each.decoded.frames if each.decoded else []))
        ),
    )


def _filler(data: bytes, found: list[Read]) -> int:
    """Line ends and the like that belong to no frame."""
    inside = sum(sum(byte in FILLER for byte in each.found.raw) for each in found)
    return max(0, sum(byte in FILLER for byte in data) - inside)


def _ends(declared: Format, data: bytes) -> int:
    """What stands between frames and is part of none."""
    end = b"\xc0" if declared.frame.cut == "slip" else declared.frame.end if declared.frame.cut == "delimited" else b""
    return data.count(end) * len(end) if end else 0


def _evidence(declared: Format, read: Decoder, good: list[Read]) -> int:
    distinct = list({each.found.raw: each for each in good}.values())
    step = max(1, len(distinct) // TRIED_FRAMES)
    found = 0
    for each in distinct[::step][:TRIED_FRAMES]:
        raw = each.found.raw
        if not _same(declared, read, raw, each):
            # Cut out of what was around it, it cannot be tried: a header line came before.
            continue
        places = range(0, len(raw), max(1, len(raw) // TRIED_BYTES))
        noticed = sum(
            raw[place] not in GENERIC and all(not _same(declared, read, wrong, each) for wrong in _damaged(raw, place))
            for place in places
        )
        # Digits are checked too where there is a checksum.
        digits = [place for place in places if 0x30 <= raw[place] <= 0x39][:8]
        if len(digits) >= 4:
            caught = sum(
                all(not _same(declared, read, wrong, each) for wrong in _damaged(raw, place)) for place in digits
            )
            noticed += caught if caught > len(digits) / 2 else 0
        times = [frame.time for frame in each.decoded.frames] if each.decoded else []
        noticed += A_TIME * all(times)
        found = max(found, noticed)
    return found


def _damaged(raw: bytes, place: int) -> Iterator[bytes]:
    byte = raw[place]
    if 0x30 <= byte <= 0x39:
        others = [0x30 + (byte - 0x30 + shift) % 10 for shift in (1, 4)]
    elif chr(byte).isascii() and chr(byte).isalpha():
        first = byte & 0x60
        others = [first | (1 + ((byte & 0x1F) - 1 + shift) % 26) for shift in (7, 11)]
    else:
        others = [byte ^ 0x11, byte ^ 0x24]
    for other in others:
        yield raw[:place] + bytes([other]) + raw[place + 1 :]


def _same(declared: Format, read: Decoder, raw: bytes, as_read: Read) -> bool:
    """Whether it is still taken for a frame with as many values."""
    cuts = cutter(declared.frame, LONGEST)
    ending = declared.frame.cut in ("line", "cobs", "slip", "delimited")
    end = {"line": b"\r\n", "cobs": b"\0", "slip": b"\xc0"}.get(declared.frame.cut, b"") if ending else b""
    ends = getattr(declared.frame, "end", None)
    if declared.frame.cut == "line" and ends:
        end = ends[0]
    found = [_read(each, read, "port") for each in [*cuts.feed(raw + end), *cuts.end()]]
    values = sum(each.values for each in found)
    return values >= as_read.values and all(each.good for each in found)
