"""How far each further target is: the last batch, alarm and resettled day that it has, and what lies behind."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from barograph.state import ledger, resettled
from barograph.state.changes import newest_whole
from barograph.state.engine import apart, writer_lock
from barograph.state.ledger import Batch
from barograph.state.resettled import Resettled
from barograph.state.tables import alarms, batches, target_positions


@dataclass(frozen=True)
class Position:
    target: str
    batch: int
    """The last that was delivered whole."""
    until: datetime | None = None
    """Up to which event time the next one was delivered already."""
    change: int = 0
    """The last change of an alarm."""
    resettled: int = 0
    """The last day that was settled anew, by its number."""
    day: int | None = None
    """The one that is under way, and up to which event time it was delivered already."""
    day_until: datetime | None = None
    error: str | None = None
    """Why the last attempt came to nothing."""
    stopped: bool = False
    """It refused what it was sent: nothing more is sent until a person has looked."""


class Positions:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Each lock holds a connection of its own, and the engine has two for everything.
        self._apart = apart(engine)

    def lock(self, target: str) -> AbstractContextManager[None]:
        """One process at a time serves a target. Raises WriterBusy."""
        return writer_lock(self._apart, f"target:{target}")

    def of(self, target: str) -> Position | None:
        """None where the target has not begun."""
        wanted = select(target_positions).where(target_positions.c.target == target)
        with self.engine.connect() as connection:
            row = connection.execute(wanted).mappings().first()
        return Position(**row) if row else None

    def begin(self, target: str, first: bool) -> None:
        """Let a new target begin: behind all there is, or before it. Nothing where it has begun."""
        batch, change = (0, 0) if first else self.newest()
        # A batch is made out as registry and settings are now: what was settled anew before it is in it.
        facts = {"batch": batch, "change": change, "resettled": resettled.newest(self.engine)}
        begun = insert(target_positions).values(target=target, **facts)
        with self.engine.begin() as connection:
            connection.execute(begun.on_conflict_do_nothing())

    def note(self, target: str, **facts: Any) -> None:
        """Remember where it is (batch, until, change), what it said (error), or that it is stopped."""
        with self.engine.begin() as connection:
            connection.execute(update(target_positions).where(target_positions.c.target == target).values(**facts))

    def behind(self, place: Position) -> tuple[int, int]:
        """How many finished batches, and how many changes of alarms, it does not have yet."""
        waiting = select(func.count()).select_from(batches).where(batches.c.done, batches.c.batch > place.batch)
        changed = select(func.count()).select_from(alarms).where(alarms.c.change > place.change)
        with self.engine.connect() as connection:
            return connection.scalar(waiting) or 0, connection.scalar(changed) or 0

    def batches(self, above: int, limit: int) -> list[Batch]:
        return ledger.finished(self.engine, above, limit)

    def changes(self, above: int, limit: int) -> list[dict[str, Any]]:
        """The alarms that changed after a change, each as it is now, in the order of their last changes."""
        newest = newest_whole(self.engine, above)
        if newest is None:
            return []
        behind = alarms.c.change.between(above + 1, newest)
        wanted = select(alarms).where(behind).order_by(alarms.c.change).limit(limit)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    def days(self, above: int, limit: int | None = None) -> list[Resettled]:
        return resettled.above(self.engine, above, limit)

    def newest(self) -> tuple[int, int]:
        """The highest finished batch, and the highest change of an alarm; 0 without any."""
        batch = select(func.max(batches.c.batch)).where(batches.c.done)
        change = select(func.max(alarms.c.change))
        with self.engine.connect() as connection:
            return connection.scalar(batch) or 0, connection.scalar(change) or 0
