"""Frames that say how long they are, or are all of one size."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Literal

from barograph.collector.formats.framing import FixedFraming, Length, LengthFraming
from barograph.collector.frames.checking import Check
from barograph.collector.frames.cuts import Cut, Judge
from barograph.collector.frames.searching import Claim, SearchingCutter, Verdict
from barograph.errors import FrameError

Data = bytes | bytearray
WIDTHS = {2: "H", 4: "I"}


class LengthField:
    """Reads and writes one length in the head of a frame."""

    def __init__(self, declared: Length) -> None:
        self.at = declared.at
        self._times = declared.times
        self._sizes = declared.sizes
        self._mask = declared.mask
        self._shift = (declared.mask & -declared.mask).bit_length() - 1 if declared.mask else 0
        kind = declared.type
        self._base = {"hex": 16, "dec": 10}.get(kind[:3], 0)
        self.size = int(kind[3:]) if self._base else int(kind[1:].rstrip("bel")) // 8
        self._order: Literal["little", "big"] = "little" if kind.endswith("le") else "big"
        self.end = self.at + self.size
        self._read = self._reader()

    def read(self, data: Data, begin: int) -> int:
        """Bytes that it tells. Raises ValueError where it is no number, or none that says something."""
        number = self._read(data, begin + self.at)
        if self._mask:
            number = (number & self._mask) >> self._shift
        if not self._sizes:
            return number * self._times
        if number not in self._sizes:
            raise ValueError(f"no size is declared for {number:#x}")
        return self._sizes[number]

    def write(self, frame: bytearray, told: int) -> None:
        """The other bits of it stay. Raises ValueError where it does not fit."""
        number, over = divmod(told, self._times)
        if self._sizes:
            number, over = next((one for one, size in self._sizes.items() if size == told), -1), 0
        if number < 0 or over:
            raise ValueError(f"a length of {told} bytes cannot be told")
        if self._mask:
            number = number << self._shift | self._read(frame, self.at) & ~self._mask
        written = self._written(number)
        if len(written) != self.size or self.read(written.rjust(self.end, b"0"), 0) != told:
            raise ValueError(f"a length of {told} bytes does not fit into {self.size}")
        frame[self.at : self.end] = written

    def _reader(self) -> Callable[[Data, int], int]:
        if self._base:
            return self._digits
        if self.size == 1:
            return lambda data, at: data[at]
        if self.size == 3:
            return lambda data, at: int.from_bytes(data[at : at + 3], self._order)
        number = struct.Struct(("<" if self._order == "little" else ">") + WIDTHS[self.size]).unpack_from
        return lambda data, at: int(number(data, at)[0])

    def _digits(self, data: Data, at: int) -> int:
        text = bytes(data[at : at + self.size])
        if not text.isalnum():
            raise ValueError(f"{text!r} is no number")
        return int(text.decode("ascii"), self._base)

    def _written(self, number: int) -> bytes:
        if self._base:
            return (b"%0*X" if self._base == 16 else b"%0*d") % (self.size, number)
        try:
            return number.to_bytes(self.size, self._order)
        except OverflowError:
            return b""


class _SizedCutter(SearchingCutter):
    def __init__(self, declared: FixedFraming | LengthFraming, limit: int) -> None:
        start = declared.start or b""
        super().__init__(start, limit, declared.gap, resyncs=declared.resyncs, filler=declared.filler)
        self._checks = Judge(declared, marked=bool(start))
        self._marks = sorted(declared.marks.items())
        self._end = declared.end or b""
        self._likely = bool(start or self._marks)

    def _unmarked(self, data: Data, begin: int) -> int | None:
        """The first place where a mark should stand and does not."""
        for at, mark in self._marks:
            if not data.startswith(mark, begin + at):
                return at
        return None

    def _cut(self, data: Data, begin: int, size: int) -> Verdict:
        end = begin + size
        frame = bytes(data[begin:end])
        if self._end and not frame.endswith(self._end):
            return Claim("bad_frame", end, f"it ends with {frame[-len(self._end) :].hex()}", likely=self._likely), end
        try:
            payload, whole = self._checks.payload(frame, 0, size)
        except FrameError as error:
            return Claim(error.reason, end, error.detail, likely=self._likely), end
        return Cut(payload, frame, self._base + begin, self._base + end, whole), end


class FixedCutter(_SizedCutter):
    """aa c0 | .. .. .. .. .. .. | cs | ab        size: 10"""

    def __init__(self, declared: FixedFraming, limit: int) -> None:
        super().__init__(declared, limit)
        self._size = declared.size

    def _judge(self, data: Data, begin: int) -> Verdict | None:
        if len(data) - begin < self._size:
            return None
        wrong = self._unmarked(data, begin)
        if wrong is not None:
            end = begin + self._size
            return Claim("bad_frame", end, f"another byte than declared at {wrong}"), end
        return self._cut(data, begin, self._size)


class LengthCutter(_SizedCutter):
    """68 | 1b 1b | 68 | .. 27 bytes .. | cs | 16      at: 1, add: 6, again: 2, marks: {3: "h"}

    A false start claims some length too. Whatever its head shows, marks, a second length or a checksum over the head,
    is looked at before the rest is waited for.
    """

    def __init__(self, declared: LengthFraming, limit: int) -> None:
        super().__init__(declared, limit)
        self._lengths = [LengthField(each) for each in declared.lengths]
        first = declared.lengths[0]
        self._again = (
            LengthField(first.model_copy(update={"at": declared.again})) if declared.again is not None else None
        )
        self._add = declared.add
        heads = [each for each in declared.checksum if in_head(Check(each))]
        self._head_checks = [Check(each) for each in heads]
        ends = [field.end for field in [*self._lengths, *([self._again] if self._again else [])]]
        ends += [len(self._start), *(at + len(mark) for at, mark in self._marks)]
        ends += [check.declared.at + check.size for check in self._head_checks if check.declared.at is not None]
        self._head = max(ends)

    def _judge(self, data: Data, begin: int) -> Verdict | None:
        head = begin + self._head
        if len(data) < head:
            return None
        try:
            size = self._size(data, begin)
        except FrameError as error:
            return Claim(error.reason, head, error.detail, likely=False), head
        if size > self._limit:
            return Claim("too_long", head, f"it says {size} bytes; {self._limit} is the most", likely=False), head
        try:
            for check in self._head_checks:
                check(bytes(data[begin:head]))
        except FrameError as error:
            return Claim(error.reason, head, error.detail, covers=begin + size), head
        return self._cut(data, begin, size) if len(data) - begin >= size else None

    def _size(self, data: Data, begin: int) -> int:
        """Bytes of the whole frame, as its head says. Raises FrameError."""
        wrong = self._unmarked(data, begin)
        if wrong is not None:
            raise FrameError("bad_frame", f"another byte than declared at {wrong}")
        try:
            size = self._add
            for field in self._lengths:
                size += field.read(data, begin)
            if self._again and self._again.read(data, begin) != self._lengths[0].read(data, begin):
                raise FrameError("bad_frame", "it says two different lengths")
        except ValueError as error:
            raise FrameError("bad_frame", f"its length says nothing: {error}") from error
        if size < self._head + len(self._end):
            raise FrameError("bad_frame", f"it says {size} bytes, which is less than its head and end")
        return size


def in_head(check: Check) -> bool:
    """Whether a checksum stands in the head of a frame of any length, over bytes of the head alone."""
    declared = check.declared
    offsets = [declared.at, *(declared.over or ())]
    fixed = declared.at is not None and declared.between is None
    return fixed and all(offset is None or offset >= 0 for offset in offsets)
