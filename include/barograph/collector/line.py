"""One port's line of work: chunks in, entries of the spool out. Pure but for its counters; the loop opens and reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from barograph.collector.decoding import Bad, decode
from barograph.collector.formats import DelimitedFormat, Format
from barograph.collector.frames import LineSplitter, TooLong
from barograph.collector.health import Counters
from barograph.collector.publisher import Topics, fits
from barograph.collector.rejects import reject
from barograph.collector.spool import Entry
from barograph.errors import FrameError
from barograph.readings import Frame, encoded
from barograph.registry import Port

log = structlog.get_logger()

TICK = timedelta(microseconds=1)
SILENCE = timedelta(milliseconds=200)
"""After this much silence behind an opening, the first byte begins a line; before, it may be in the middle of one."""


class Numbers:
    """Numbers the frames of each device from 0 within one start of the collector: a gap is a loss.

    Devices that are not registered share one count, so that garbage names cannot fill the memory.
    """

    def __init__(self, registered: frozenset[str]) -> None:
        self._registered = registered
        self._next: dict[str | None, int] = {}

    def registered(self, device: str) -> bool:
        return device in self._registered

    def take(self, device: str) -> int:
        whose = device if device in self._registered else None
        number = self._next.get(whose, 0)
        self._next[whose] = number + 1
        return number


@dataclass
class Line:
    port: Port
    declared: Format
    boot: str
    topics: Topics
    numbers: Numbers
    counters: Counters = field(init=False)

    def __post_init__(self) -> None:
        self.counters = Counters(url=self.port.url)
        self._rejected = 0
        self.opened(None)

    def opened(self, at: datetime | None) -> None:
        """A new connection: whatever was half read belongs to the old one."""
        self._splitter = LineSplitter(self.port.max_line)
        self._opened = at
        self._maybe_half = True

    def lost(self) -> None:
        self.counters.partial += bool(self._splitter.pending)

    def take(self, chunk: bytes, at: datetime) -> list[Entry]:
        """Everything that this chunk, read at `at`, completes."""
        self.counters.bytes += len(chunk)
        if self._maybe_half and self._opened and at - self._opened >= SILENCE and not self._splitter.pending:
            self._maybe_half = False
        entries: list[Entry] = []
        for place, line in enumerate(self._splitter.feed(chunk)):
            half, self._maybe_half = self._maybe_half, False
            # Two lines of one chunk were not said at the same time, and one device's frames must not collide.
            entries.extend(self._line(line, at + place * TICK, half))
        return entries

    def _line(self, line: bytes | TooLong, at: datetime, half: bool) -> list[Entry]:
        self.counters.lines += 1
        if isinstance(line, TooLong):
            return [self._reject("too_long", line.sample, at, detail=f"longer than {self.port.max_line} bytes")]
        # Nothing in columns without a checksum shows that the first is cut: 12.5 may have been -12.5.
        if half and isinstance(self.declared, DelimitedFormat):
            self.counters.partial += 1
            return []
        try:
            decoded = decode(line, self.declared, self.port.device)
        except FrameError as error:
            if half:
                self.counters.partial += 1
                return []
            return [self._reject(error.reason, line, at, detail=error.detail)]
        except Exception as error:
            # A mistake of our decoder costs this line; the port, and the other ports, go on.
            log.exception("decoder_failed", port=self.port.port)
            return [self._reject("no_fields", line, at, detail=f"our decoder failed: {error!r}")]
        entries = [self._bad(bad, line, at) for bad in decoded.bad]
        return entries + [self._frame(frame, line, at) for frame in decoded.frames]

    def _frame(self, frame: Frame, line: bytes, at: datetime) -> Entry:
        moment = frame.time or at
        ahead = (moment - at).total_seconds()
        if self.port.max_skew is not None and abs(ahead) > self.port.max_skew:
            detail = f"the frame says {moment.isoformat()}, {ahead:+.0f} s from our clock"
            return self._reject("clock_skew", line, at, device=frame.device, detail=detail)
        payload = encoded(
            [
                replace(
                    frame,
                    time=moment,
                    seq=self.numbers.take(frame.device),
                    boot=self.boot,
                    port=self.port.port,
                )
            ]
        )
        if not fits(payload):
            return self._reject("too_long", line, at, device=frame.device, detail=f"a frame of {len(payload)} bytes")
        self.counters.frames += 1
        self.counters.readings += len(frame.values)
        self.counters.unregistered += not self.numbers.registered(frame.device)
        self.counters.last_frame = at
        return Entry(self.topics.readings, payload, frame.device)

    def _bad(self, bad: Bad, line: bytes, at: datetime) -> Entry:
        return self._reject(bad.reason, line, at, device=bad.device, metric=bad.metric, detail=bad.detail)

    def _reject(
        self,
        reason: str,
        raw: bytes,
        at: datetime,
        *,
        detail: str = "",
        device: str | None = None,
        metric: str | None = None,
    ) -> Entry:
        self.counters.rejects[reason] += 1
        self._rejected += 1
        return reject(
            reason,
            raw,
            self.topics.rejects,
            detail=detail,
            port=self.port.port,
            device=device,
            metric=metric,
            at=at,
            boot=self.boot,
            seq=self._rejected,
        )
