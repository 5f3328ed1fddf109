"""The spool: what was read waits on disk until Kafka has it. One writer.

append -> waiting -> offered -> kept -> (keep_acked seconds) -> gone
             ^          |         |
             `----------+---------'  not acknowledged; or a broker came back, whose acknowledgements were page cache

`append` returns when its commit was fsynced. The loop calls it at once while little comes and every 200 ms while much
does: that is what a kill -9 or a power cut can cost.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic as system_monotonic

import structlog

from barograph.collector.events import Tell, told
from barograph.collector.lanes import MOST_LANES
from barograph.collector.losses import Loss
from barograph.collector.packs import Entry, Pack, packed
from barograph.collector.reserve import Reserve
from barograph.collector.shelf import Shelf
from barograph.collector.spool_file import Damage
from barograph.errors import BarographError, SpoolFull
from barograph.settings import WhenFull
from barograph.windows import EPOCH, microseconds, utc

__all__ = ["Entry", "Spool"]

log = structlog.get_logger()

ROOM = 0.9
"""A loss is reported when the spool is no fuller than this, so that a spool at its brim reports once."""
DROPPED_AT_ONCE = 256 * 1024
"""Bytes that are made free at least when the spool is full: making room must not hold up the reading each turn."""
THINNED_AT_ONCE = 4_000
"""Records that are looked at in one turn to be thinned out, for the same reason."""
MARGIN = 64 * 1024
"""Free bytes in the file that a commit may need beside what it stores."""
PRUNED_AT_ONCE = 2_000
EXPIRED_AT_ONCE = 2_000
EXPIRE_EVERY = 60_000_000
"""Microseconds between looks for what is too old."""
CLOCK_WAS_SET = microseconds(utc("2000-01-01T00:00:00Z"))
"""A machine without a clock of its own starts before this: such times tell no age."""
REOPEN = 5.0
"""Seconds that a disk may refuse writes before the file is opened anew."""
SAY_AGAIN = 60.0
"""Seconds between log lines of one trouble that goes on."""


class Spool:
    """Raises WriterBusy if another collector has it open. Safe to use from two threads."""

    def __init__(
        self,
        path: Path,
        *,
        quota: int,
        keep_acked: float,
        keep_days: float | None = None,
        when_full: WhenFull = "refuse_newest",
        monotonic: Callable[[], float] = system_monotonic,
        tell: Tell = told,
    ) -> None:
        self._tell = tell
        self._quota = quota
        self._keep_acked = keep_acked
        self._keep_days = keep_days
        self._when_full = when_full
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._at = self._looked_for_old = 0
        self._thinned_to = 0
        self._seen: Counter[str | None] = Counter()
        self._refusing_since: float | None = None
        self._said: dict[str, float] = {}
        self._shelf = Shelf(path, self._dropped)
        self._reserve = Reserve(path.with_suffix(".reserve"), monotonic)
        self._reserve.hold()

    @property
    def depth(self) -> int:
        """Frames and rejects that Kafka does not have yet."""
        return self._shelf.lanes.waiting

    @property
    def size(self) -> int:
        """Bytes of all records, those that are only kept included."""
        return self._shelf.size

    @property
    def lost_total(self) -> int:
        """Frames and rejects lost since this start, in whichever way."""
        return self._shelf.losses.total

    def waiting_since(self) -> datetime | None:
        """When the oldest record that Kafka does not have was read."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            first = self._shelf.lanes.oldest_waiting()
            if first is not None:
                for _, _, at in self._shelf.file.facts([first]):
                    return EPOCH + timedelta(microseconds=at)
        return None

    def append(self, entries: Sequence[Entry], at: datetime) -> None:
        """Store all in one commit. Raises SpoolFull, with what does not fit counted as lost and the rest stored."""
        if not entries:
            return
        with self._lock:
            self._at = microseconds(at)
            self._expire()
            records = packed(entries, self._at, self._shelf.next)
            need = sum(record.size for record in records)
            refused: list[Entry] = []
            if self.size + need > self._quota:
                self._make_room(self.size + need - self._quota)
            if self.size + need > self._quota:
                fitting, refused = self._fitting(entries)
                records = packed(fitting, self._at, self._shelf.next)
                self._shelf.lose(refused, "refused", self._at)
            error = self._store(records)
            if error is not None and records:
                lost = [entry for record in records for entry in record.entries]
                self._shelf.lose(lost, "disk", self._at)
                self._shelf.save_losses()
                raise SpoolFull(f"{len(lost)} entries could not be written to the spool ({error}) and are lost.")
            if refused:
                raise SpoolFull(f"{len(refused)} entries did not fit into {self._quota} bytes of spool and are lost.")

    def offer(self, most: int) -> list[list[Pack]]:
        """Records for one round of about `most` bytes, by device. They are on their way until `ack` or `release`."""
        with self._lock:
            try:
                return self._shelf.offer(most)
            except sqlite3.Error as error:
                self._say("spool_not_read", error=str(error))
                self._shelf.lanes.release()
                self._mend(error, 0)
                return []

    def ack(self, ids: Iterable[int]) -> int:
        """Kafka has these of what was offered; says how many frames. What was offered beside them waits again."""
        with self._lock:
            acknowledged = self._shelf.lanes.ack(frozenset(ids), self._monotonic())
            self._shelf.lanes.release()
            return acknowledged

    def release(self) -> None:
        """Nothing of what was offered arrived, as far as we know."""
        with self._lock:
            self._shelf.lanes.release()

    def give_up(self, record: Pack, hopeless: Collection[int], by: Sequence[Entry]) -> None:
        """Put rejects in the place of those frames of an offered record that no broker will take."""
        with self._lock:
            self._shelf.replace(record, hopeless, packed(by, self._at, self._shelf.next))

    def resend(self) -> int:
        """Make everything that is kept wait again; says how many frames. Identity makes the second copy harmless."""
        with self._lock:
            return self._shelf.lanes.resend()

    def prune(self) -> bool:
        """Drop what was acknowledged long enough ago; says whether there is more of it.

        Only to be called while the broker is known to be up.
        """
        with self._lock:
            try:
                cuts = self._shelf.lanes.kept(self._monotonic() - self._keep_acked, PRUNED_AT_ONCE)
                more = sum(cut.end - cut.begin for cut in cuts) >= PRUNED_AT_ONCE
                self._shelf.delete(cuts)
                self._shelf.file.make_smaller()
            except sqlite3.Error as error:
                self._say("spool_not_pruned", error=str(error))
                self._mend(error, 0)
                return False
            return more

    def report(self, reject: Callable[[Loss | Damage], Entry]) -> list[Loss | Damage]:
        """If something was lost and there is room again: store its rejects, once, and forget it in the same commit."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if self._shelf.has_to_report and self.size <= self._quota * ROOM:
                return self._shelf.report(reject, self._at)
        return []

    def waiting(self, limit: int) -> list[Entry]:
        """The oldest entries that Kafka does not have, one by one: for whoever looks into the spool."""
        with self._lock:
            found: list[Entry] = []
            for record in self._shelf.file.read(self._shelf.lanes.waiting_ids()[:limit])[0]:
                found += record.entries
            return found[:limit]

    def close(self) -> None:
        with self._lock:
            self._shelf.file.close()

    def _fitting(self, entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        room = self._quota - self.size
        fitting: list[Entry] = []
        refused: list[Entry] = []
        for entry in entries:
            if entry.size <= room:
                room -= entry.size
                fitting.append(entry)
            else:
                refused.append(entry)
        return fitting, refused

    def _store(self, records: Sequence[Pack]) -> sqlite3.Error | None:
        """If the disk does not take them, says why."""
        need = sum(record.size for record in records)
        try:
            try:
                self._add(records, need)
            except sqlite3.Error as error:
                if not self._mend(error, need):
                    return error
                self._add(records, need)
        except sqlite3.Error as error:
            return error
        self._refusing_since = None
        return None

    def _add(self, records: Sequence[Pack], need: int) -> None:
        # With the reserve gone, what makes the file larger would take the room that forgetting needs.
        if not self._reserve.hold() and self._shelf.file.free < 2 * need + MARGIN:
            raise sqlite3.OperationalError("the disk is full")
        self._shelf.add(records)

    def _mend(self, error: sqlite3.Error, need: int) -> bool:
        """Do what can be done about an error of the file; says whether to try again."""
        try:
            if "full" in str(error):
                self._reserve.give_up()
                self._shelf.file.checkpoint()
                self._make_room(2 * need + MARGIN)
            elif isinstance(error, sqlite3.OperationalError):
                return self._reopened()
            else:
                self._shelf.rebuild(error)
        except (sqlite3.Error, BarographError, OSError) as another:
            self._say("spool_not_mended", error=str(another))
            return False
        return True

    def _reopened(self) -> bool:
        """A disk that was read-only or away may be back, and our descriptors not know of it."""
        now = self._monotonic()
        if self._refusing_since is None:
            self._refusing_since = now
        if now - self._refusing_since < REOPEN:
            return False
        self._refusing_since = now
        self._shelf.reopen()
        return True

    def _make_room(self, short: int) -> None:
        """Give up second copies of what was acknowledged, then what the policy gives up."""
        enough = self.size - short
        with contextlib.suppress(sqlite3.Error):
            while self.size > enough and (cuts := self._shelf.lanes.kept(float("inf"), PRUNED_AT_ONCE)):
                self._shelf.delete(cuts)
            if self.size > enough:
                wanted = max(self.size - enough, min(DROPPED_AT_ONCE, self._quota // 16))
                if self._when_full == "drop_oldest":
                    self._shelf.drop(self._shelf.lanes.oldest(wanted), "dropped")
                elif self._when_full == "thin_out":
                    self._thin_out(wanted)

    def _thin_out(self, wanted: int) -> None:
        """Keep every second frame of each device in the older half, from where the last time ended."""
        enough = self.size - wanted
        looked_at = 0
        around = False
        while self.size > enough and looked_at < THINNED_AT_ONCE:
            file = self._shelf.file
            ids = file.between(self._thinned_to, (file.first() + self._shelf.next) // 2)
            looked_at += len(ids)
            self._thinned_to = ids[-1] if ids else 0
            if not ids or len(self._seen) > MOST_LANES:
                self._seen.clear()
            if not ids and around:
                return
            around |= not ids
            self._shelf.thin(self._shelf.read(ids) or [], self._seen)

    def _expire(self) -> None:
        """Drop what is older than the spool keeps anything, by the machine's clock."""
        if self._keep_days is None or 0 <= self._at - self._looked_for_old < EXPIRE_EVERY:
            return
        before = self._at - int(self._keep_days * 86_400_000_000)
        with contextlib.suppress(sqlite3.Error):
            oldest = self._shelf.file.times(EXPIRED_AT_ONCE)
            old = [number for number, (_, at) in enumerate(oldest, 1) if CLOCK_WAS_SET <= at < before]
            # Ids rise with time: what stands before something old is as old, whatever its own time is.
            cuts = self._shelf.lanes.until(oldest[old[-1] - 1][0]) if old else []
            self._shelf.drop(cuts, "expired")
            if not cuts or old[-1] < EXPIRED_AT_ONCE:
                self._looked_for_old = self._at

    def _dropped(self, lost: Sequence[Loss]) -> None:
        how, frames = lost[0].how, sum(loss.frames for loss in lost)
        self._say("spool_dropped", how=how, lost=frames, spooled=self.depth)

    def _say(self, event: str, **facts: object) -> None:
        """At once, and then once a minute."""
        now = self._monotonic()
        if now >= self._said.get(event, now):
            self._said[event] = now + SAY_AGAIN
            self._tell(event, "error", **facts)
