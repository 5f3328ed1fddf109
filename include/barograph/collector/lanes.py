"""The order of the spool, in memory: a queue for each device, 14 bytes for each record.

    kept                offered            still waiting
    [4, 9, 17,          23, 31,            40, 41, 48, ...]   ids of one device's records, oldest first
     acknowledged,      on their way
     sent again if the broker comes back

That Kafka acknowledged a record is remembered here alone, which saves a write for each: a start sends all again.
"""

from __future__ import annotations

import heapq
import itertools
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from barograph.collector.packs import MAX_PACK_BYTES
from barograph.readings import MAX_FRAMES_PER_MESSAGE

MOST_LANES = 4096
"""Devices with a queue of their own; others share, so that garbage names cannot fill the memory."""
SHARED = 64


@dataclass(slots=True, eq=False)
class Lane:
    name: str | int | None
    """A device, None for what has no key, or the number of a shared lane."""
    ids: array[int] = field(default_factory=lambda: array("q"))
    frames: array[int] = field(default_factory=lambda: array("H"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    kept: int = 0
    """Records at the head that Kafka acknowledged."""
    offered: int = 0
    """Records behind them that are on their way."""
    acked: deque[tuple[float, int]] = field(default_factory=deque)
    """When how many of those at the head were acknowledged."""
    waiting_frames: int = 0
    waiting_bytes: int = 0
    served: int = 0
    """The last round in which it had its turn."""

    @property
    def waiting(self) -> int:
        return len(self.ids) - self.kept

    @property
    def is_live(self) -> bool:
        """Whether one message can take all that waits."""
        return self.waiting_frames <= MAX_FRAMES_PER_MESSAGE and self.waiting_bytes <= MAX_PACK_BYTES

    def head(self, most: int) -> int:
        """How many of its waiting records make one message of at most so many bytes; one at least."""
        frames = size = 0
        for count, place in enumerate(range(self.kept, len(self.ids))):
            frames += self.frames[place]
            size += self.sizes[place]
            if count and (frames > MAX_FRAMES_PER_MESSAGE or size > most):
                return count
        return self.waiting


@dataclass(slots=True)
class Cut:
    """Records `begin` <= n < `end` of a lane."""

    lane: Lane
    begin: int
    end: int

    @property
    def ids(self) -> list[int]:
        return self.lane.ids[self.begin : self.end].tolist()

    @property
    def may_go(self) -> bool:
        """Whether all of it waits, and nothing of it is on its way."""
        return self.begin >= self.lane.kept + self.lane.offered


class Lanes:
    def __init__(self) -> None:
        self._own: dict[str | None, Lane] = {}
        self._shared: dict[int, Lane] = {}
        self._offered: list[Lane] = []
        self._round = 0
        self.waiting = 0
        """Frames that Kafka does not have yet."""
        self.size = 0
        """Bytes of all records, those that are only kept included."""

    def __iter__(self) -> Iterator[Lane]:
        yield from self._own.values()
        yield from self._shared.values()

    def add(self, id_: int, key: str | None, frames: int, size: int) -> None:
        lane = self.of(key)
        lane.ids.append(id_)
        lane.frames.append(frames)
        lane.sizes.append(size)
        lane.waiting_frames += frames
        lane.waiting_bytes += size
        self.waiting += frames
        self.size += size

    def of(self, key: str | None) -> Lane:
        """The lane of a device. It stays the same as long as a record of the device is in it: order depends on it."""
        own = self._own.get(key)
        if own is not None:
            return own
        number = crc32((key or "").encode()) % SHARED
        shared = self._shared.get(number)
        if shared is None and len(self._own) < MOST_LANES:
            return self._own.setdefault(key, Lane(key))
        return shared or self._shared.setdefault(number, Lane(number))

    def offer(self, most: int) -> list[list[int]]:
        """Ids for one round of about `most` bytes: of each lane what makes one message.

        With one message of a device on its way at a time, its order cannot depend on which of two arrives. Lanes
        without a backlog go before the others, but for one place that always is a backlog's; among their like, those
        go first whose last turn is longest ago.
        """
        self.release()
        self._round += 1
        busy = sorted((lane for lane in self if lane.waiting), key=lambda lane: lane.served)
        share = min(MAX_PACK_BYTES, most // max(1, min(4, len(busy))))
        live = [lane for lane in busy if lane.is_live]
        backlog = [lane for lane in busy if not lane.is_live]
        found: list[list[int]] = []
        for lane in backlog[:1] + live + backlog[1:]:
            if most <= 0:
                break
            end = lane.kept + lane.head(share)
            lane.offered = end - lane.kept
            lane.served = self._round
            most -= sum(lane.sizes[lane.kept : end])
            found.append(lane.ids[lane.kept : end].tolist())
            self._offered.append(lane)
        return found

    def release(self) -> None:
        """Nothing is on its way any more."""
        for lane in self._offered:
            lane.offered = 0
        self._offered.clear()

    def ack(self, ids: Collection[int], now: float) -> int:
        """Keep what was offered and is among `ids`; says how many frames that was.

        What stands behind a record that failed is sent again, after it.
        """
        acknowledged = 0
        for lane in self._offered:
            place, end = lane.kept, lane.kept + lane.offered
            while place < end and lane.ids[place] in ids:
                place += 1
            if place > lane.kept:
                frames = sum(lane.frames[lane.kept : place])
                lane.acked.append((now, place - lane.kept))
                lane.waiting_frames -= frames
                lane.waiting_bytes -= sum(lane.sizes[lane.kept : place])
                lane.offered, lane.kept = end - place, place
                acknowledged += frames
        self.waiting -= acknowledged
        return acknowledged

    def resend(self) -> int:
        """Let everything that is kept wait again; says how many frames."""
        self.release()
        again = 0
        for lane in self:
            frames = sum(lane.frames[: lane.kept])
            lane.waiting_frames += frames
            lane.waiting_bytes += sum(lane.sizes[: lane.kept])
            lane.kept = 0
            lane.acked.clear()
            again += frames
        self.waiting += again
        return again

    def kept(self, until: float, most: int) -> list[Cut]:
        """What was acknowledged before `until`, up to about so many records."""
        found: list[Cut] = []
        for lane in self:
            count = 0
            for at, records in lane.acked:
                if at > until or most <= 0:
                    break
                count += records
                most -= records
            if count:
                found.append(Cut(lane, 0, count))
        return found

    def oldest(self, size: int) -> list[Cut]:
        """The oldest records that wait and are not on their way, so many bytes of them."""
        found = [Cut(lane, begin, begin) for lane in self if (begin := lane.kept + lane.offered) < len(lane.ids)]
        heads = [(cut.lane.ids[cut.begin], number) for number, cut in enumerate(found)]
        heapq.heapify(heads)
        while heads and size > 0:
            number = heads[0][1]
            cut = found[number]
            size -= cut.lane.sizes[cut.end]
            cut.end += 1
            if cut.end < len(cut.lane.ids):
                heapq.heapreplace(heads, (cut.lane.ids[cut.end], number))
            else:
                heapq.heappop(heads)
        return [cut for cut in found if cut.end > cut.begin]

    def until(self, last: int) -> list[Cut]:
        """The records up to this id that wait and are not on their way."""
        cuts = (Cut(lane, lane.kept + lane.offered, bisect_right(lane.ids, last)) for lane in self)
        return [cut for cut in cuts if cut.end > cut.begin]

    def oldest_waiting(self) -> int | None:
        return min((lane.ids[lane.kept] for lane in self if lane.waiting), default=None)

    def waiting_ids(self) -> list[int]:
        """All records that Kafka does not have yet, oldest first."""
        return sorted(id_ for lane in self for id_ in lane.ids[lane.kept :])

    def find(self, id_: int, key: str | None) -> Cut | None:
        """One record. Of a damaged one the key may be wrong."""
        likely = self._own.get(key)
        for lane in itertools.chain([likely] if likely else [], self):
            place = bisect_left(lane.ids, id_)
            if place < len(lane.ids) and lane.ids[place] == id_:
                return Cut(lane, place, place + 1)
        return None

    def shrink(self, cut: Cut, frames: int, size: int) -> None:
        """A record that waits has become smaller."""
        lane, place = cut.lane, cut.begin
        fewer, less = lane.frames[place] - frames, lane.sizes[place] - size
        lane.frames[place], lane.sizes[place] = frames, size
        lane.waiting_frames -= fewer
        lane.waiting_bytes -= less
        self.waiting -= fewer
        self.size -= less

    def remove(self, cuts: Sequence[Cut]) -> int:
        """These records are gone; says how many frames of them Kafka does not have. One cut for each lane."""
        lost = 0
        for cut in cuts:
            lane, begin, end = cut.lane, cut.begin, cut.end
            waits = max(begin, lane.kept)
            frames = sum(lane.frames[waits:end])
            lane.waiting_frames -= frames
            lane.waiting_bytes -= sum(lane.sizes[waits:end])
            self.size -= sum(lane.sizes[begin:end])
            lost += frames
            kept, offered = lane.kept, lane.kept + lane.offered
            lane.kept -= max(0, min(end, kept) - begin)
            lane.offered = max(lane.kept, offered - max(0, min(end, offered) - begin)) - lane.kept
            _forget(lane.acked, kept - lane.kept)
            for column in (lane.ids, lane.frames, lane.sizes):
                del column[begin:end]
            if not lane.ids:
                self._close(lane)
        self.waiting -= lost
        return lost

    def _close(self, lane: Lane) -> None:
        if isinstance(lane.name, int):
            del self._shared[lane.name]
        else:
            del self._own[lane.name]


def _forget(acked: deque[tuple[float, int]], count: int) -> None:
    while count and acked:
        at, records = acked.popleft()
        if records > count:
            acked.appendleft((at, records - count))
        count -= min(count, records)
