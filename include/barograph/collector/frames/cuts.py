"""What cutters give and share: frames, what is refused, and the judgement of whether a frame came as it was sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from barograph.collector.formats.wire import Checksum
from barograph.collector.frames.checking import BLANK, Check
from barograph.errors import FrameError

SAMPLE = 256
"""Bytes kept of what is too long, or is no frame."""
STOPPED = "it stopped before its end"


class Cut(NamedTuple):
    """A frame. `begin` and `end` are offsets in the stream: of its first byte, and behind its last."""

    payload: bytes
    raw: bytes
    begin: int
    end: int
    whole: bool
    """A start mark or a checksum showed that nothing is missing before it."""


class Refused(NamedTuple):
    """Bytes that are no frame; `reason` is one of readings.REASONS."""

    reason: str
    raw: bytes
    begin: int
    detail: str = ""


Found = list[Cut | Refused]


class Cutter(ABC):
    """Cuts what a port says into frames, whatever the chunks."""

    gap: float | None = None
    """Seconds of silence after which `silence` is to be called."""

    @property
    @abstractmethod
    def pending(self) -> int:
        """Bytes of a frame that has not ended yet."""

    @abstractmethod
    def feed(self, chunk: bytes) -> Found:
        """Everything that this chunk completes."""

    @abstractmethod
    def silence(self) -> Found:
        """The gap has passed: what is pending has ended, or will never do."""

    def end(self) -> Found:
        """A recording has ended: the same, also where no gap is declared."""
        return self.silence()


class Declared(Protocol):
    """What of every framing is used here."""

    @property
    def checksum(self) -> list[Checksum]: ...


class Judge:
    """Takes frames whose checksums are right, without those that are not to be in the payload."""

    def __init__(self, declared: Declared, *, marked: bool = False) -> None:
        """`marked` frames show by their start that they are whole."""
        # From the last to the first, so that each that is cut off uncovers the one before it.
        self._checks = tuple(sorted((Check(each) for each in declared.checksum), key=_place, reverse=True))
        self._marked = marked

    def payload(self, frame: bytes, low: int, high: int, raw: bytes | None = None) -> tuple[bytes, bool]:
        """What of `frame` is to be read, within low and high, and whether it is whole. Raises FrameError.

        `raw` is the frame with its escapes, for checksums that are over those.
        """
        whole = self._marked
        for check in self._checks:
            stands = check(raw if check.escaped and raw is not None else frame)
            if stands is None:
                continue
            whole = True
            if not check.kept and not check.escaped and low <= stands[0] < high:
                if stands[1] < high and check.is_text and frame[stands[1] : high].strip(BLANK):
                    raise FrameError("bad_frame", "something stands behind its checksum")
                if stands[1] == high or check.is_text:
                    high = stands[0]
        return frame[low:high], whole

    def cut(self, frame: bytes, raw: bytes, begin: int, end: int) -> Cut | Refused:
        """For frames of which all is payload."""
        if not self._checks:
            return Cut(frame, raw, begin, end, self._marked)
        try:
            payload, whole = self.payload(frame, 0, len(frame))
        except FrameError as error:
            return Refused(error.reason, raw[:SAMPLE], begin, error.detail)
        return Cut(payload, raw, begin, end, whole)


def _place(check: Check) -> int:
    at = check.declared.place
    return 0 if at is None else at
