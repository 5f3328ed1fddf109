"""The spool's file and what is remembered of it: each change is made to both, or to neither."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path

import structlog

from barograph.collector.lanes import Cut, Lanes
from barograph.collector.losses import Loss, Losses
from barograph.collector.packs import Entry, Pack, packed
from barograph.collector.spool_file import Change, Damage, SpoolFile

log = structlog.get_logger()


class Shelf:
    """Its methods raise sqlite3.Error, and have then changed nothing."""

    def __init__(self, path: Path, said: Callable[[Sequence[Loss]], None]) -> None:
        """`said` is told what was dropped."""
        self.lanes = Lanes()
        self.losses = Losses()
        self.next = 1
        """The id of the next record: one that never was, also after all others are gone."""
        self._said = said
        self._unreported = False
        self.file = SpoolFile(path)
        try:
            self.losses = Losses(self.file.losses())
            self._unreported = bool(self.file.unreported())
            self._index()
        except sqlite3.DatabaseError as error:
            self.rebuild(error)

    @property
    def size(self) -> int:
        return self.lanes.size

    @property
    def has_to_report(self) -> bool:
        return self._unreported or bool(self.losses)

    def add(self, records: Sequence[Pack]) -> None:
        """Store records, and losses that are not stored yet."""
        losses = self.losses.unsaved()
        if records or losses:
            self.file.commit(Change(add=records, losses=losses))
            self.losses.saved()
            self._added(records)

    def read(self, ids: Sequence[int]) -> list[Pack] | None:
        """These records, or None if there was damage among them: it is out of the way now, but so is its order."""
        good, damaged = self.file.read(ids)
        for each in damaged:
            self._set_aside(each)
        return None if damaged else good

    def offer(self, most: int) -> list[list[Pack]]:
        """Records for one round, by lane."""
        while True:
            lanes = self.lanes.offer(most)
            records = self.read([id_ for ids in lanes for id_ in ids])
            if records is not None:
                following = iter(records)
                return [list(islice(following, len(ids))) for ids in lanes]

    def delete(self, cuts: Sequence[Cut]) -> None:
        """Records that nobody needs any more."""
        if cuts:
            self.file.commit(Change(delete=[id_ for cut in cuts for id_ in cut.ids]))
            self.lanes.remove(cuts)

    def drop(self, cuts: Sequence[Cut], how: str) -> None:
        """Lose records that wait, and count them."""
        ids = [id_ for cut in cuts for id_ in cut.ids]
        if ids:
            lost = [Loss(frames, at, at, key, how) for key, frames, at in self.file.facts(ids)]
            self._commit_losing(Change(delete=ids), lost)
            self.lanes.remove(cuts)

    def thin(self, records: Iterable[Pack], seen: Counter[str | None]) -> None:
        """Keep every second frame of each device. `seen` counts them from call to call."""
        fewer: list[tuple[Pack, Pack | None]] = []
        lost: list[Loss] = []
        for record in records:
            cut = self.lanes.find(record.id, record.key)
            if cut is None or not cut.may_go:
                continue
            kept = record.payloads[seen[record.key] % 2 :: 2]
            seen[record.key] += record.frames
            if len(kept) < record.frames:
                fewer.append((record, record.of(kept) if kept else None))
                lost.append(Loss(record.frames - len(kept), record.at, record.at, record.key or "", "thinned"))
        if lost:
            gone = [record.id for record, smaller in fewer if smaller is None]
            self._commit_losing(Change(rewrite=[each for _, each in fewer if each], delete=gone), lost)
            for record, smaller in fewer:
                self._changed(record.id, record.key, smaller)

    def replace(self, record: Pack, without: Collection[int], by: Sequence[Pack]) -> None:
        """Put other records in the place of some frames of one."""
        left = [payload for number, payload in enumerate(record.payloads) if number not in without]
        smaller = record.of(left) if left else None
        self.file.commit(_smaller(record.id, smaller, add=by))
        self._changed(record.id, record.key, smaller)
        self._added(by)

    def lose(self, entries: Iterable[Entry], how: str, at: int) -> None:
        """Count what never got here. Written with the next commit, or by `save_losses`."""
        counts = Counter(entry.key or "" for entry in entries)
        self.losses = self.losses.plus([Loss(count, at, at, device, how) for device, count in counts.items()])

    def save_losses(self) -> None:
        """Where the disk itself is full, memory must do until there is room."""
        with contextlib.suppress(sqlite3.Error):
            self.file.commit(Change(losses=list(self.losses)))
            self.losses.saved()

    def report(self, reject: Callable[[Loss | Damage], Entry], at: int) -> list[Loss | Damage]:
        """Store a reject for each loss, and forget it in the same commit."""
        told: list[Loss | Damage] = [*self.losses, *self.file.unreported()]
        rejects = packed([reject(each) for each in told], at, self.next)
        self.file.commit(Change(add=rejects, forget_losses=True, damage_reported=True))
        self._added(rejects)
        self.losses = self.losses.reported()
        self._unreported = False
        return told

    def reopen(self) -> None:
        self.file.open()
        self._index()

    def rebuild(self, why: sqlite3.Error) -> None:
        """Go on with what can be read of a damaged file, and count what was known to be in it and is not."""
        before = Counter({lane.name: lane.waiting_frames for lane in self.lanes})
        self.file.rebuild(why)
        self._index()
        missing = before - Counter({lane.name: lane.waiting_frames for lane in self.lanes})
        lost = [
            Loss(frames, 0, 0, device if isinstance(device, str) else "", "damaged")
            for device, frames in missing.items()
        ]
        # What was in a file that is opened damaged, nobody can say.
        self.losses = self.losses.plus(lost or [Loss(0, 0, 0, "", "damaged")])
        self.save_losses()

    def _index(self) -> None:
        """Learn from the file what there is. All of it waits: the machine may have gone down with the broker on it."""
        self.lanes = Lanes()
        for id_, key, frames, size in self.file.index():
            self.lanes.add(id_, key, frames, size)
            self.next = max(self.next, id_ + 1)

    def _set_aside(self, damage: Damage) -> None:
        """Keep a damaged record where it harms nobody, and go on with what is whole of it."""
        cut = self.lanes.find(damage.id, damage.device)
        if cut is None:
            return
        lane = cut.lane
        device = lane.name if isinstance(lane.name, str) else damage.device
        lost = lane.frames[cut.begin] - len(damage.good)
        rest = damage.record.of(damage.good) if damage.record and damage.good else None
        kept = Damage(damage.id, device, payload=damage.payload, frames=lost, at=damage.at)
        log.error("spool_damaged", device=device, lost=lost, entry=damage.id, kept_in="table damaged")
        try:
            self.file.commit(_smaller(damage.id, rest, damaged=[kept] if lost else []))
        except sqlite3.OperationalError:
            # It stays where it is, and is met again at the next start.
            rest = None
            self.losses = self.losses.plus([Loss(lost, 0, 0, device or "", "damaged")])
        else:
            self.losses.total += lost
            self._unreported |= lost > 0
        self._changed(damage.id, damage.device, rest)

    def _commit_losing(self, change: Change, lost: Sequence[Loss]) -> None:
        losses = self.losses.plus(lost)
        change.losses = losses.unsaved()
        self.file.commit(change)
        losses.saved()
        self.losses = losses
        self._said(lost)

    def _added(self, records: Sequence[Pack]) -> None:
        for record in records:
            self.lanes.add(record.id, record.key, record.frames, record.size)
            self.next = max(self.next, record.id + 1)

    def _changed(self, id_: int, key: str | None, smaller: Pack | None) -> None:
        cut = self.lanes.find(id_, key)
        if cut is None:
            return
        if smaller is None:
            self.lanes.remove([cut])
        else:
            self.lanes.shrink(cut, smaller.frames, smaller.size)


def _smaller(id_: int, smaller: Pack | None, *, add: Sequence[Pack] = (), damaged: Sequence[Damage] = ()) -> Change:
    if smaller is None:
        return Change(delete=[id_], add=add, damaged=damaged)
    return Change(rewrite=[smaller], add=add, damaged=damaged)
