"""Rules that were good: each text of a site's rules.yaml that a batch was judged by, and since when."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from barograph.state.tables import rule_books


class Book(NamedTuple):
    version: str
    text: str
    since: datetime


def newest(engine: Engine, site: str, until: datetime | None = None) -> Book | None:
    """The last good rules of a site; of those that were in force at a moment."""
    wanted = select(rule_books).where(rule_books.c.site == site).order_by(rule_books.c.since.desc()).limit(1)
    if until is not None:
        wanted = wanted.where(rule_books.c.since <= until)
    with engine.connect() as connection:
        row = connection.execute(wanted).first()
    return Book(row.version, row.text, row.since) if row else None


def keep(engine: Engine, site: str, text: str, since: datetime) -> None:
    """Remember rules as the newest. Nothing is written while they stay the same."""
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    last = newest(engine, site)
    if last is not None and last.version == version:
        return
    kept = insert(rule_books).values(site=site, version=version, text=text, since=since)
    with engine.begin() as connection:
        connection.execute(
            kept.on_conflict_do_update(index_elements=["site", "version"], set_={"since": kept.excluded.since})
        )
