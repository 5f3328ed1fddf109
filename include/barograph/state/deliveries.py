"""Which revision of a report was delivered to whom: noted when it was taken, or refused for good."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from barograph.state.tables import report_deliveries


def done(engine: Engine, site: str, key: str, revision: int) -> dict[str, str]:
    """Recipient -> why it was refused; empty where it was taken."""
    table = report_deliveries.c
    wanted = select(table.recipient, table.refused).where(
        table.site == site, table.day == key, table.revision == revision
    )
    with engine.connect() as connection:
        return {row.recipient: row.refused for row in connection.execute(wanted)}


def note(engine: Engine, site: str, key: str, revision: int, recipient: str, at: datetime, refused: str = "") -> None:
    noted = insert(report_deliveries).values(
        site=site, day=key, revision=revision, recipient=recipient, at=at, refused=refused[:1_000]
    )
    with engine.begin() as connection:
        connection.execute(noted.on_conflict_do_nothing())
