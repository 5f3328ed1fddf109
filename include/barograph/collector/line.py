"""One port's line of work: chunks in, entries of the spool out. Pure but for its counters; the loop opens and reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from barograph.collector.decoding import Bad, decoder
from barograph.collector.formats import Format
from barograph.collector.frames import Cut, Found, Refused, cutter
from barograph.collector.health import Counters
from barograph.collector.publisher import Topics, fits
from barograph.collector.rejects import reject
from barograph.collector.spool import Entry
from barograph.errors import FrameError
from barograph.readings import Frame, encoded
from barograph.registry import Port
from barograph.windows import TICK

log = structlog.get_logger()

SILENCE = timedelta(milliseconds=200)
"""After this much silence behind an opening, the first byte begins a frame; before, it may be in the middle of one."""
CHUNKS = 1024
"""Chunks of one frame whose times are remembered."""


class Numbers:
    """Numbers the frames of each device from 0 within one start of the collector: a gap is a loss.

    Devices that are not registered share one count, so that garbage names cannot fill the memory.
    """

    def __init__(self, registered: frozenset[str] = frozenset()) -> None:
        self._registered = registered
        self._next: dict[str | None, int] = {}

    def register(self, devices: frozenset[str]) -> None:
        """From now on these; nobody gets a number again that was taken in another role."""
        gone, new = self._registered - devices, devices - self._registered
        strangers = max([self._next.get(None, 0), *(self._next.get(device, 0) for device in gone)])
        self._next[None] = strangers
        for device in new:
            self._next[device] = max(self._next.get(device, 0), strangers)
        self._registered = devices

    def registered(self, device: str) -> bool:
        return device in self._registered

    def take(self, device: str) -> int:
        whose = device if device in self._registered else None
        number = self._next.get(whose, 0)
        self._next[whose] = number + 1
        return number


class Arrivals:
    """When each byte of one connection came, from when its chunk was read and how long the rest took on the wire.

    chunk, read at 12:00:00.050          chunk, read at 12:00:00.070
    ..60\\r\\n21.5;                         60\\r\\n
            `- 5 bytes of 1.04 ms before: 12:00:00.045, the time of the frame 21.5;60
    """

    def __init__(self, per_byte: float) -> None:
        """`per_byte`: seconds that one takes on the wire."""
        self.per_byte = per_byte
        self._microseconds = per_byte * 1e6
        self._chunks: deque[tuple[int, datetime]] = deque(maxlen=CHUNKS)
        self._bytes = 0
        self._last: datetime | None = None

    def read(self, size: int, at: datetime) -> None:
        self._bytes += size
        self._chunks.append((self._bytes, at))

    def of(self, byte: int) -> datetime:
        """Later than the last one that was asked for: one device's frames must not collide."""
        while len(self._chunks) > 1 and self._chunks[0][0] <= byte:
            self._chunks.popleft()
        end, at = self._chunks[0]
        moment = at - timedelta(microseconds=round((end - byte) * self._microseconds))
        if self._last is not None and moment <= self._last:
            moment = self._last + TICK
        self._last = moment
        return moment


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
        self.heard: set[str] = set()
        """Registered devices that spoke since somebody last looked."""
        self.asked: str | None = None
        """Whose answer a frame is that does not say who sent it, where the port is polled."""
        self.listener: Callable[[Frame], None] | None = None
        """Who judges the frames of registered devices as they come."""
        self._rejected = 0
        self.opened(None)

    def opened(self, at: datetime | None) -> None:
        """A new connection: whatever was half read belongs to the old one."""
        self._cutter = cutter(self.declared.frame, self.port.max_line)
        self._decode = decoder(self.declared)
        self._arrivals = Arrivals(self.port.bits_per_byte / self.port.baud)
        self._opened = at
        self._maybe_half = True

    def lost(self) -> None:
        self.counters.partial += bool(self._cutter.pending)

    @property
    def gap(self) -> float | None:
        """Seconds of silence that end a frame, where they do."""
        return self._cutter.gap

    def silent_at(self, now: float) -> float | None:
        """When `silent` is to be called if nothing has come since `now`; None where silence means nothing."""
        gap = self._cutter.gap
        return now + gap if gap is not None and self._cutter.pending else None

    def on_wire(self, size: int) -> float:
        """Seconds that so many bytes take."""
        return size * self._arrivals.per_byte

    def take(self, chunk: bytes, at: datetime) -> list[Entry]:
        """Everything that this chunk, read at `at`, completes."""
        self.counters.bytes += len(chunk)
        if self._maybe_half and self._opened and at - self._opened >= SILENCE and not self._cutter.pending:
            self._maybe_half = False
        self._arrivals.read(len(chunk), at)
        return self._entries(self._cutter.feed(chunk))

    def silent(self) -> list[Entry]:
        """Nothing has come for as long as the framing's gap."""
        return self._entries(self._cutter.silence())

    def _entries(self, found: Found) -> list[Entry]:
        entries: list[Entry] = []
        for each in found:
            half, self._maybe_half = self._maybe_half, False
            entries.extend(self._one(each, self._arrivals.of(each.begin), half))
        return entries

    def _one(self, found: Cut | Refused, at: datetime, half: bool) -> list[Entry]:
        self.counters.lines += 1
        if isinstance(found, Refused):
            if half and found.reason != "too_long":
                self.counters.partial += 1
                return []
            return [self._reject(found.reason, found.raw, at, detail=found.detail)]
        # Nothing in columns without a checksum shows that the first is cut: 12.5 may have been -12.5.
        if half and not found.whole and not self.declared.shows_its_end:
            self.counters.partial += 1
            return []
        try:
            decoded = self._decode(found.payload, self.asked or self.port.device)
        except FrameError as error:
            if half and not found.whole:
                self.counters.partial += 1
                return []
            return [self._reject(error.reason, found.raw, at, detail=error.detail)]
        except Exception as error:
            # A mistake of our decoder costs this frame; the port, and the other ports, go on.
            log.exception("decoder_failed", port=self.port.port)
            return [self._reject("no_fields", found.raw, at, detail=f"our decoder failed: {error!r}")]
        entries = [self._bad(bad, found.raw, at) for bad in decoded.bad]
        return entries + [self._frame(frame, found.raw, at) for frame in decoded.frames]

    def _frame(self, frame: Frame, raw: bytes, at: datetime) -> Entry:
        ahead = (frame.time - at).total_seconds() if frame.time else None
        off = ahead is not None and self.port.max_skew is not None and abs(ahead) > self.port.max_skew
        if off:
            frame.skew = ahead
        if off or ahead is None:
            frame.time = at
        frame.boot, frame.port = self.boot, self.port.port
        frame.seq = self.numbers.take(frame.device)
        payload = encoded([frame])
        if not fits(payload):
            return self._reject("too_long", raw, at, device=frame.device, detail=f"a frame of {len(payload)} bytes")
        self.counters.frames += 1
        self.counters.readings += len(frame.values)
        self.counters.clock_off += off
        if self.numbers.registered(frame.device):
            self.heard.add(frame.device)
            known = self.counters.device(frame.device)
            known.frames += 1
            known.last_frame = at
            known.skew = ahead
            if self.listener is not None:
                self.listener(frame)
        else:
            self.counters.unregistered += 1
        self.counters.last_frame = at
        return Entry(self.topics.readings, payload, frame.device)

    def _bad(self, bad: Bad, raw: bytes, at: datetime) -> Entry:
        return self._reject(bad.reason, raw, at, device=bad.device, metric=bad.metric, detail=bad.detail)

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
