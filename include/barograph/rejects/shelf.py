"""Rejects as people look for them: which there are, what each holds, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from barograph.archive import Archive
from barograph.errors import ArchiveError
from barograph.transforms.refusals import REPLAY, REPLAYED, histories, key_of
from barograph.windows import EPOCH, TICK


@dataclass(frozen=True)
class Choice:
    """Which rejects; what is None or empty is no condition."""

    ids: tuple[str, ...] = ()
    reason: str | None = None
    device: str | None = None
    port: str | None = None
    stage: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Reject:
    id: str
    """topic/partition/offset/frame of its message, and the metric if it is a single value."""
    reason: str
    """Why it is refused, as the last who tried has it; `replayed` if it no longer is."""
    detail: str | None
    row: Mapping[str, Any]
    """As it was refused first: a row of record/rejects."""
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    """What replays found out, oldest first."""

    @property
    def open(self) -> bool:
        return self.reason != REPLAYED

    @property
    def facts(self) -> dict[str, Any]:
        names = ("stage", "device", "metric", "port", "time", "published", "boot", "seq", "decoder", "batch")
        return {"id": self.id, "reason": self.reason, "detail": self.detail, **{n: self.row.get(n) for n in names}}


def rejects(archive: Archive, choice: Choice, *, before: int | None = None, replayed: bool = False) -> list[Reject]:
    """Newest first, without their bytes. `before`: as they were before a batch; `replayed`: also those settled."""
    since, until = choice.since or EPOCH, choice.until or datetime.max.replace(year=9000, tzinfo=EPOCH.tzinfo)
    rows = archive.rejects(since, until).to_pylist()
    known = [row for row in rows if before is None or row["batch"] < before]
    found = [_reject(row, notes) for row, notes in histories(known)]
    chosen = [each for each in found if _fits(each, choice) and (replayed or each.open)]
    return sorted(chosen, key=lambda each: (each.row["published"], each.row["batch"], each.id), reverse=True)


def reject(archive: Archive, id_: str) -> Reject:
    """One of them, with its bytes. Raises ArchiveError if there is none of that id."""
    found = with_bytes(archive, rejects(archive, Choice(ids=(id_,)), replayed=True))
    if not found:
        raise ArchiveError(f"There is no reject {id_}. `barograph rejects list` shows them with their ids.")
    return found[0]


def with_bytes(archive: Archive, chosen: Sequence[Reject]) -> list[Reject]:
    """The same with their bytes: nobody else's are read into memory."""
    if not chosen:
        return []
    times = [each.row["published"] for each in chosen]
    offsets = sorted({each.row["offset"] for each in chosen})
    rows = archive.rejects(min(times), max(times) + TICK, offsets).to_pylist()
    held = {(key_of(row), row["batch"]): row["raw"] for row in rows if row["stage"] != REPLAY}
    return [replace(each, row={**each.row, "raw": held[key_of(each.row), each.row["batch"]]}) for each in chosen]


def _reject(row: Mapping[str, Any], notes: list[Mapping[str, Any]]) -> Reject:
    place = [row["topic"], row["partition"], row["offset"], row["frame"], row["metric"]]
    last = notes[-1] if notes else row
    name = "/".join(str(part) for part in place if part is not None)
    return Reject(name, last["reason"], last["detail"], row, notes)


def _fits(reject: Reject, choice: Choice) -> bool:
    return (not choice.ids or reject.id in choice.ids) and all(
        want is None or is_ == want
        for is_, want in (
            (reject.reason, choice.reason),
            (reject.row["device"], choice.device),
            (reject.row["port"], choice.port),
            (reject.row["stage"], choice.stage),
        )
    )
