"""Days that were settled anew with another result: numbered, so that those who follow them know what they lack.

A day that is settled again moves to the end, as it is then. Only `settle` numbers, under its lock: so the numbers are
committed in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from barograph.state.tables import resettled_days, resettlements, stale_days


@dataclass(frozen=True)
class Resettled:
    number: int
    site: str
    day: date
    batch: int
    """What came with this batch, or before it, is in the day; what came later may not be."""


def note(engine: Engine, site: str, day: date, batch: int) -> None:
    facts = {"number": resettlements.next_value(), "batch": batch}
    noted = insert(resettled_days).values(site=site, day=day, **facts)
    with engine.begin() as connection:
        connection.execute(noted.on_conflict_do_update(index_elements=["site", "day"], set_=facts))


def newest(engine: Engine) -> int:
    """0 where none was settled anew."""
    with engine.connect() as connection:
        return connection.scalar(select(func.max(resettled_days.c.number))) or 0


def above(engine: Engine, number: int, limit: int | None = None) -> list[Resettled]:
    """Those that were settled anew after a number, in order; not those that are stale: they come with a higher one."""
    stale = select(stale_days.c.day).where(
        stale_days.c.site == resettled_days.c.site, stale_days.c.day == resettled_days.c.day, ~stale_days.c.settled
    )
    wanted = select(resettled_days).where(resettled_days.c.number > number, ~stale.exists())
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(resettled_days.c.number).limit(limit)).mappings()
        return [Resettled(**row) for row in rows]
