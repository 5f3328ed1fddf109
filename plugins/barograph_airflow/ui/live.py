"""The snapshot of all measuring points that visitors share, and what changed in it since each of them looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.live.now import Place, Snapshot
from barograph_airflow.ui.fresh import Fresh

KEPT = timedelta(seconds=5)
TOO_OLD = timedelta(seconds=30)
"""Rather wait than show this."""

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


class Watch:
    def __init__(self, look: Callable[[datetime], Snapshot], clock: Callable[[], datetime]) -> None:
        self._look = look
        self._clock = clock
        self.fresh = Fresh(self._seen, KEPT, TOO_OLD)

    def now(self) -> Seen | None:
        return self.fresh.now(self._clock())

    def _seen(self, at: datetime, before: Seen | None) -> Seen:
        problem = ""
        try:
            snapshot = self._look(at)
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
        return Seen(snapshot, number, changed, problem)
