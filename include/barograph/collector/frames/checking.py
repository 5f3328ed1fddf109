"""Where a checksum stands in a frame: read and compared there, or written there."""

from __future__ import annotations

import re

from barograph.collector.formats.wire import Checksum
from barograph.errors import FrameError

DIGITS = re.compile(rb"[0-9]+")
HEX = b"0123456789abcdefABCDEF"
BLANK = b" \t\r\n"

Place = tuple[int, int]
"""Where a checksum and its mark begin, and where it ends."""


class Check:
    """One declared checksum.

    $BX2,0017,+0235,055*6A        {kind: xor8, between: ["$", "*"], after: "*", as: hex}
     `------- over ---' |`- it
                        `- after
    """

    def __init__(self, declared: Checksum) -> None:
        self.declared = declared
        self.kept = declared.kept
        self.escaped = declared.escaped
        self.size = declared.size
        self.is_text = declared.after is not None and declared.as_ != "bytes"
        self._algorithm = declared.algorithm()
        self._of = self._algorithm.of
        self._low, self._high = declared.over or (None, None)
        plain = declared.as_ == "bytes" and declared.at is not None and not declared.between
        self._plain = plain and (self._low or 0) >= 0 and self._high is None

    def __call__(self, frame: bytes) -> Place | None:
        """Where it stands; None where it is optional and is not there. Raises FrameError."""
        declared = self.declared
        if declared.residue is not None:
            return self._residue(frame, declared.residue)
        if self._plain:
            return self._at_place(frame)
        place = self._place(frame)
        if place is None:
            if declared.optional:
                return None
            raise FrameError("bad_checksum", f"there is no {declared.after!r} before it")
        told = self._told(frame, place[1])
        if told is None:
            if declared.optional and (declared.after is None or not frame[place[1] :].strip(BLANK)):
                return None
            raise FrameError("bad_checksum", f"{frame[place[1] : place[1] + self.size]!r} is no checksum")
        value, size = told
        low, high = self._over(frame, place[1])
        if declared.optional and low == high:
            return None  # Over nothing it would protect nothing: what stands there is the frame itself.
        self._compare(value, self._of(frame[low:high]))
        return place[0], place[1] + size

    def write(self, frame: bytearray) -> None:
        """Compute it and put it in its place, over whatever stands there. Raises ValueError."""
        declared = self.declared
        if declared.residue is not None:
            self._solve(frame, declared.residue)
            return
        try:
            place = self._place(bytes(frame))
            if place is None:
                raise ValueError(f"there is no room for it, or no {declared.after!r} for it to follow")
            value = self._of(bytes(frame[slice(*self._over(bytes(frame), place[1]))]))
        except FrameError as error:
            raise ValueError(error.detail) from error
        written = self.written(value)
        frame[place[1] : place[1] + len(written)] = written

    def written(self, value: int) -> bytes:
        """As it stands in a frame."""
        declared = self.declared
        if declared.as_ == "hex":
            text = b"%0*X" % (self.size, value)
            return text if declared.order == "big" else bytes.fromhex(text.decode())[::-1].hex().upper().encode()
        if declared.as_ == "decimal":
            return b"%0*d" % (self.size, value)
        if declared.as_ == "sdi12":
            return bytes(0x40 | (value >> (6 * place)) & 0x3F for place in reversed(range(self.size)))
        return value.to_bytes(self.size, declared.order)

    def _at_place(self, frame: bytes) -> Place:
        """The way of most binary frames, without detours: the hot path."""
        at = self.declared.at or 0
        begin = at + len(frame) if at < 0 else at
        end = begin + self.size
        low = self._low or 0
        if begin < low or end > len(frame):
            raise FrameError("bad_frame", f"{len(frame)} bytes are too few for its checksum")
        told = int.from_bytes(frame[begin:end], self.declared.order)
        computed = self._of(frame[low:begin])
        if told != computed:
            self._compare(told, computed)
        return begin, end

    def _residue(self, frame: bytes, wanted: int) -> Place:
        if len(frame) < self.size:
            raise FrameError("bad_frame", f"{len(frame)} bytes are too few for its checksum")
        low, high = self._over(frame, len(frame))
        found = self._of(frame[low:high])
        if found != wanted:
            raise FrameError("bad_checksum", f"{self._algorithm.name} over all is {found:#x}, not {wanted:#x}")
        return high - self.size, high

    def _compare(self, told: int, computed: int) -> None:
        if told != computed:
            raise FrameError("bad_checksum", f"it says {told:#x}; {self._algorithm.name} of what came is {computed:#x}")

    def _place(self, frame: bytes) -> Place | None:
        """Where its mark begins, and where itself."""
        declared = self.declared
        if declared.after is not None:
            mark = frame.rfind(declared.after)
            return None if mark < 0 else (mark, mark + len(declared.after))
        at = declared.at or 0
        begin = at + len(frame) if at < 0 else at
        if not 0 <= begin <= len(frame) - (self.size if declared.as_ != "decimal" else 1):
            if declared.optional:
                return None  # A frame without room for one has none.
            raise FrameError("bad_frame", f"{len(frame)} bytes are too few for its checksum")
        return begin, begin

    def _over(self, frame: bytes, place: int) -> Place:
        between = self.declared.between
        if between:
            low = frame.find(between[0])
            high = frame.rfind(between[1])
            if low < 0 or high < low + len(between[0]):
                raise FrameError("bad_checksum", f"nothing stands between {between[0]!r} and {between[1]!r}")
            return low + len(between[0]), high
        size = len(frame)
        low = (self._low or 0) + (size if (self._low or 0) < 0 else 0)
        high = place if self._high is None else self._high + (size if self._high < 0 else 0)
        if not 0 <= low <= high <= size:
            raise FrameError("bad_frame", f"{size} bytes are too few for its checksum")
        return low, high

    def _told(self, frame: bytes, at: int) -> Place | None:
        """The number that stands there and the bytes it takes, or None if there is none."""
        declared = self.declared
        text = frame[at : at + self.size]
        if declared.as_ == "bytes":
            return (int.from_bytes(text, declared.order), self.size) if len(text) == self.size else None
        if declared.as_ == "hex":
            # Some meters leave the leading zeros out; then the frame ends early.
            if not text or text.strip(HEX):
                return None
            value = int(text, 16)
            if declared.order == "little" and len(text) == self.size:
                value = int.from_bytes(bytes.fromhex(text.decode()), "little")
            return value, len(text)
        if declared.as_ == "decimal":
            digits = DIGITS.match(text)
            return (int(digits[0]), len(digits[0])) if digits else None
        if len(text) < self.size or any(not 0x40 <= one < 0x80 for one in text):
            return None
        value = 0
        for one in text:
            value = value << 6 | one & 0x3F
        return value, self.size

    def _solve(self, frame: bytearray, wanted: int) -> None:
        """Find the last bytes that make it come out: there are at most 65,536 of them, and mostly one of three does."""
        try:
            low, end = self._over(bytes(frame), len(frame))
        except FrameError as error:
            raise ValueError(error.detail) from error
        most = 1 << (8 * self.size)
        told = self._of(bytes(frame[low : end - self.size]))
        other_way = int.from_bytes(told.to_bytes(self.size, "little"), "big")
        for value in (told, other_way, (wanted - told) % most, *range(most)):
            frame[end - self.size : end] = value.to_bytes(self.size, self.declared.order)
            try:
                self._residue(bytes(frame), wanted)
            except FrameError:
                continue
            return
        raise ValueError(f"no checksum makes {self._algorithm.name} {wanted:#x}")
