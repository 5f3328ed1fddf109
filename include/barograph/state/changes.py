"""Which changes of alarms can be followed: those before which nothing can show up any more."""

from __future__ import annotations

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from barograph.state.tables import alarms

LOCK_SECONDS = 5
NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was not to be had in time."""


def newest_whole(engine: Engine, above: int) -> int | None:
    """The change up to which all are committed; None where none is above `above`, or somebody writes for long.

    Changes are numbered before they are committed, and a lower number that shows later would never be looked at. So who
    is writing alarms is waited for, and nobody begins to, for as long as this look takes.
    """
    try:
        with engine.begin() as connection:
            if connection.scalar(select(alarms.c.alarm).where(alarms.c.change > above).limit(1)) is None:
                return None
            connection.execute(text(f"set local lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(text("lock table alarms in share mode"))
            newest: int | None = connection.scalar(select(func.max(alarms.c.change)))
            return newest
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == NOT_AVAILABLE:
            return None
        raise
