"""Frames with an end mark, and mostly a start mark too."""

from __future__ import annotations

import re

from barograph.collector.formats.framing import BetweenFraming, DelimitedFraming
from barograph.collector.frames.cuts import SAMPLE, Cut, Found, Judge
from barograph.collector.frames.ended import from_hex
from barograph.collector.frames.escapes import Escaping, end_of, pattern
from barograph.collector.frames.searching import Claim, SearchingCutter, Verdict
from barograph.errors import FrameError

LINE_END = re.compile(rb"[\r\n]")
LONGEST_LINE = 1024
"""Bytes behind an end mark that are looked through for the line's end."""
WEAK = 16
"""Bits of a checksum that may not be tried for each start that a damaged frame happens to hold: one in 256 fits."""


class MarkedCutter(SearchingCutter):
    """Cuts from a start mark (or the last end) to the end mark and what belongs to it behind.

    /ISk5\\2MT382-1000 ... !6EEE\\r\\n
    `- start              |`- after: line
                          `- end
    """

    def __init__(self, declared: BetweenFraming | DelimitedFraming, limit: int) -> None:
        start, filler, escape = b"", b"", None
        if isinstance(declared, BetweenFraming):
            start, filler, escape = declared.start, declared.filler, declared.escape
        super().__init__(start, limit, declared.gap, resyncs=bool(start), filler=filler)
        self._declared = declared
        self._checks = Judge(declared, marked=bool(start))
        self._ends = end_of(declared)
        self._interruption = pattern(declared.interrupted_by) if declared.interrupted_by else None
        self._escaping = Escaping(escape, start, declared.end) if escape else None
        self._after = declared.after
        self._shared = start == declared.end
        self._restarts = bool(start) and not self._shared and not declared.sure and self._unmistakable(start)
        self._weak = self._restarts or (declared.bits < WEAK and not escape and not declared.hex)
        self._searched = 0  # up to here in the stream there is no end of the frame at hand
        self._skipping = False
        self._simple = not (self._interruption or self._escaping or declared.hex)

    @property
    def pending(self) -> int:
        flag = len(self._start) if self._shared and self._rest == self._start else 0
        return 0 if self._skipping else len(self._rest) - flag

    def _unmistakable(self, start: bytes) -> bool:
        """Whether a start mark within a frame can only be the next frame's."""
        return self._escaping is None or start[0] in self._escaping.covered

    def silence(self) -> Found:
        if self._skipping or (not self._start and not self._rest.strip()):
            self._skipping = False
            self._keep(self._rest, len(self._rest))
        return super().silence()

    def end(self) -> Found:
        """The last line of a file may lack its end."""
        closing = self._declared.end if not self._declared.end.strip(b"\r\n") else b"\n" * (self._after == "line")
        return (self.feed(closing) if self.pending and closing else []) + self.silence()

    def _judge(self, data: bytes | bytearray, begin: int) -> Verdict | None:
        mark, behind = self._ends.find(data, max(begin + len(self._start), self._searched - self._base))
        searched = behind if mark < 0 else mark
        self._searched = self._base + searched
        end = -1 if mark < 0 else self._end(data, behind)
        if self._skipping:
            return self._skip(begin, searched, end)
        if end < 0:
            return self._too_long(begin, searched) if len(data) - begin > self._limit else None
        if self._shared and mark == begin + len(self._start):
            return None, mark
        if end - begin > self._limit:
            return self._too_long(begin, searched, end)
        if self._restarts and (again := data.rfind(self._start, begin + 1, mark)) >= 0:
            return Claim("bad_frame", again, "another one begins before its end"), again
        return self._cut(bytes(data[begin:end]), begin, mark, behind)

    def _end(self, data: bytes | bytearray, behind: int) -> int:
        """Behind the bytes that follow the end mark; -1 where they have not all come."""
        if self._after == "line":
            found = LINE_END.search(data, behind, behind + LONGEST_LINE)
            if found:
                return found.start()
            return behind + LONGEST_LINE if len(data) >= behind + LONGEST_LINE else -1
        return behind + self._after if behind + self._after <= len(data) else -1

    def _cut(self, raw: bytes, begin: int, mark: int, behind: int) -> Verdict:
        end = begin + len(raw)
        following = mark if self._shared else end
        frame, low, high = raw, len(self._start), mark - begin
        if high == 0 and end == behind:
            return None, end
        try:
            if not self._simple:
                body = self._meant(raw[low:high])
                frame = self._start + body + self._declared.end + raw[behind - begin :]
                high = low + len(body)
            if self._declared.keep:
                low, high = 0, len(frame)
            payload, whole = self._checks.payload(frame, low, high, raw)
        except FrameError as error:
            again = self._last_start(raw, begin, mark, behind) if self._weak else None
            return Claim(error.reason, following, error.detail, again=again), following
        return Cut(payload, raw, self._base + begin, self._base + end, whole), following

    def _last_start(self, raw: bytes, begin: int, mark: int, behind: int) -> int:
        """Of those within it, else wherever one follows its end mark."""
        last = raw.rfind(self._start, 1, mark - begin)
        return begin + last if last > 0 else mark if self._shared else behind

    def _meant(self, body: bytes) -> bytes:
        """Raises FrameError."""
        if self._interruption:
            body = self._interruption.sub(b"", body)
        if self._escaping:
            body = self._escaping.meant(body)
        return from_hex(body) if self._declared.hex else body

    def _too_long(self, begin: int, searched: int, end: int | None = None) -> Verdict:
        """With a start mark the next one may be a better one; without, the rest of it is skipped."""
        claimed = begin + self._limit + 1
        if not self._start:
            claimed = max(searched, begin + 1) if end is None else end
            self._skipping = end is None
        shown = min(SAMPLE, self._limit + 1)
        return Claim("too_long", claimed, f"longer than {self._limit} bytes", shown), claimed

    def _skip(self, begin: int, searched: int, end: int) -> Verdict | None:
        if end >= 0:
            self._skipping = False
            return None, end
        return (None, searched) if searched > begin else None

    def _explained(self, noise: bytes) -> bytes:
        return self._interruption.sub(b"", noise) if self._interruption else noise
