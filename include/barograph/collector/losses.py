"""What the spool lost: exact counts, for each device and each way to be lost, until they are reported as rejects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from barograph.windows import EPOCH, iso, microseconds

HOW = {
    "refused": "the spool was full",
    "disk": "the disk did not take them",
    "dropped": "the spool was full, and dropped its oldest",
    "thinned": "the spool was full, and kept every second frame of its oldest",
    "expired": "they were older than the spool keeps anything",
    "damaged": "the spool's file was damaged",
}
MOST_DEVICES = 200
"""Devices that are counted one by one; what others lost is counted under no name."""
END_OF_TIME = microseconds(datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Loss:
    """So many frames of one device, read between `first` and `last`. Rejects and the rest have no device."""

    frames: int
    first: int
    """Microseconds since 1970; 0 where it is not known."""
    last: int
    device: str = ""
    how: str = "refused"

    @property
    def reason(self) -> str:
        """One of readings.REASONS."""
        return "spool_damaged" if self.how == "damaged" else "spool_full"

    @property
    def detail(self) -> str:
        count = str(self.frames) if self.frames else "an unknown number of"
        when = f" read between {moment(self.first)} and {moment(self.last)}" if self.last else ""
        return f"{count} frames and rejects{when} are lost: {HOW.get(self.how, self.how)}"

    def and_(self, other: Loss) -> Loss:
        known = [at for at in (self.first, other.first) if at]
        first, last = min(known, default=0), max(self.last, other.last)
        return Loss(self.frames + other.frames, first, last, self.device, self.how)


class Losses:
    """All that is not reported yet. A change makes another one, so that a commit that fails changes nothing."""

    def __init__(self, known: Iterable[Loss] = (), total: int = 0) -> None:
        self._known = {(loss.device, loss.how): loss for loss in known}
        self._devices = {device for device, _ in self._known}
        self._unsaved: set[tuple[str, str]] = set()
        self.total = total
        """Frames lost since this start, those that are reported included."""

    def __bool__(self) -> bool:
        return bool(self._known)

    def __iter__(self) -> Iterator[Loss]:
        return iter(self._known.values())

    def plus(self, losses: Iterable[Loss]) -> Losses:
        more = Losses(self, self.total)
        more._unsaved |= self._unsaved
        for loss in losses:
            more._add(loss)
        return more

    def reported(self) -> Losses:
        return Losses((), self.total)

    def unsaved(self) -> list[Loss]:
        """What the file does not have yet."""
        return [self._known[which] for which in sorted(self._unsaved)]

    def saved(self) -> None:
        self._unsaved.clear()

    def _add(self, loss: Loss) -> None:
        if len(self._devices) < MOST_DEVICES:
            self._devices.add(loss.device)
        which = (loss.device if loss.device in self._devices else "", loss.how)
        known = self._known.get(which)
        self._known[which] = known.and_(loss) if known else replace(loss, device=which[0])
        self._unsaved.add(which)
        self.total += loss.frames


def moment(at: int) -> str:
    """As the wire writes it; what a damaged file says may lie outside of all calendars."""
    return iso(EPOCH + timedelta(microseconds=min(max(at, 0), END_OF_TIME)))
