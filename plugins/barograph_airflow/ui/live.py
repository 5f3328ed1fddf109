"""One snapshot of all measuring points for everybody who looks, and what changed in it since each of them looked.

Who comes when it is older than KEPT starts a new look at InfluxDB and SQL, in a thread, and gets the one that is
there; only who comes after nobody has looked for a while waits. So InfluxDB is asked every KEPT at most, however many
look, and not at all while nobody does.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.live.now import Place, Snapshot

KEPT = timedelta(seconds=5)
TOO_OLD = timedelta(seconds=30)
"""Rather wait than show this."""
PATIENCE = 10.0
"""Seconds to wait for a look."""

Key = tuple[str, str, str]

log = structlog.get_logger()


@dataclass(frozen=True)
class Seen:
    """A snapshot, and in which one each of its places was last another than before."""

    snapshot: Snapshot
    number: int
    changed: dict[Key, int]
    problem: str = ""
    """Why there is nothing newer."""

    def since(self, number: int) -> list[Place]:
        """What changed after the numbered one, or everything where that is not one of ours."""
        if not 0 < number <= self.number:
            return list(self.snapshot.places)
        return [place for place in self.snapshot.places if self.changed[place.key] > number]


@dataclass
class Watch:
    look: Callable[[datetime], Snapshot]
    clock: Callable[[], datetime]
    _seen: Seen | None = None
    _asked: datetime | None = None
    _looking: Future[None] | None = None
    _lock: Lock = field(default_factory=Lock)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "barograph-look"))

    def now(self) -> Seen | None:
        """What was seen last, at most TOO_OLD if InfluxDB answers; None where there is nothing yet."""
        at = self.clock()
        with self._lock:
            due = self._asked is None or at - self._asked >= KEPT
            if due and (self._looking is None or self._looking.done()):
                self._asked = at
                self._looking = self._thread.submit(self._look, at)
            looking = self._looking
        if looking and (self._seen is None or at - self._seen.snapshot.at > TOO_OLD):
            with suppress(TimeoutError):
                looking.result(PATIENCE)
        return self._seen

    def _look(self, at: datetime) -> None:
        before = self._seen
        try:
            snapshot, problem = self.look(at), ""
        except (BarographError, SQLAlchemyError, OSError) as error:
            problem = str(error).partition("\n")[0]
            log.warning("nothing_seen", why=problem)
            snapshot = before.snapshot if before else Snapshot(at, (), {}, "UTC")
        number = before.number if before else 0
        old = {place.key: place for place in before.snapshot.places} if before else {}
        news = {place.key for place in snapshot.places if old.get(place.key) != place}
        gone = bool(old.keys() - {place.key for place in snapshot.places})
        if news or gone or not before:
            number += 1
        # A place that is gone cannot be sent as a change: all are sent anew.
        changed = {
            place.key: number if gone or not before or place.key in news else before.changed[place.key]
            for place in snapshot.places
        }
        self._seen = Seen(snapshot, number, changed, problem)
