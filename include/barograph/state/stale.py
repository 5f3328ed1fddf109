"""Settled days that no longer say all there is to say: late data came, or the registry reads the record otherwise.

`ingest` marks them, and the nightly `daily` makes them again. Settling notes on the mark that the derived tables are as
they should be, the report that is published after it takes the mark away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Engine, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from barograph.state.tables import stale_days

LATE = "late data"
REGISTRY = "the registry changed"


@dataclass(frozen=True)
class Stale:
    site: str
    day: date
    why: str
    batch: int
    """The last batch that touched it: what has this batch in it answers the mark."""
    settled: bool = False
    """Only its report is still of before."""


def mark(engine: Engine, days: Iterable[tuple[str, date]], why: str, batch: int) -> int:
    """Mark (site, day)s; says how many. Again changes nothing, a later batch moves the mark."""
    rows = [{"site": site, "day": day, "why": why, "batch": batch} for site, day in sorted(set(days))]
    if rows:
        marked = insert(stale_days)
        again = marked.on_conflict_do_update(
            index_elements=["site", "day", "why"],
            set_={"batch": func.greatest(stale_days.c.batch, marked.excluded.batch), "settled": False},
        )
        with engine.begin() as connection:
            connection.execute(again, rows)
    return len(rows)


def marked(engine: Engine, site: str | None = None, day: date | None = None) -> list[Stale]:
    """The stale days, newest first."""
    wanted = select(stale_days).order_by(stale_days.c.day.desc(), stale_days.c.site, stale_days.c.why)
    if site is not None:
        wanted = wanted.where(stale_days.c.site == site)
    if day is not None:
        wanted = wanted.where(stale_days.c.day == day)
    with engine.connect() as connection:
        return [Stale(row.site, row.day, row.why, row.batch, row.settled) for row in connection.execute(wanted)]


def settled(engine: Engine, marks: Iterable[Stale]) -> None:
    """The derived tables answer these marks, unless a later batch has moved them since."""
    with engine.begin() as connection:
        for each in marks:
            connection.execute(update(stale_days).where(*_still(each)).values(settled=True))


def published(engine: Engine, marks: Iterable[Stale]) -> None:
    """So does the report: take those away that were settled."""
    with engine.begin() as connection:
        for each in marks:
            if each.settled:
                connection.execute(delete(stale_days).where(*_still(each), stale_days.c.settled))


def _still(mark: Stale) -> list[ColumnElement[bool]]:
    return [
        stale_days.c.site == mark.site,
        stale_days.c.day == mark.day,
        stale_days.c.why == mark.why,
        stale_days.c.batch <= mark.batch,
    ]
