"""Alarms in SQL that no rule asks for: messages that are gone, two sensors with one id; and which alarms there were."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from barograph.state.ledger import Batch
from barograph.state.tables import alarms

if TYPE_CHECKING:
    from barograph.transforms.identities import SharedId

GAP = "kafka-gap"
"""The rule of alarms about messages that Kafka lost before they were read."""

SHARED_ID = "shared-id"
"""The rule of alarms about two sensors that are set to one id."""


def record_gap(engine: Engine, batch: Batch, gap: Mapping[str, Any]) -> None:
    """An alarm about messages that are gone; told once however often the batch is redone."""
    source = f"{gap['topic']}-{gap['partition']}"
    lost = gap["end"] - gap["start"]
    with engine.begin() as connection:
        connection.execute(
            insert(alarms)
            .values(
                site="", rule=GAP, rule_version="1", severity="critical", device=source, metric="offsets", limit=0,
                value=lost, started=batch.horizon, opened=batch.horizon, cleared=batch.horizon, state="cleared",
                historical=False, message=f"{source}: offsets {gap['start']} to {gap['end']}: {gap['why']}",
            )
            .on_conflict_do_nothing()
        )  # fmt: skip


def record_shared_ids(
    engine: Engine, batch: Batch, found: Sequence[SharedId], site_of: Callable[[str], str], heard: Collection[str]
) -> dict[str, int]:
    """Open an alarm for each device that two sensors claim to be, and clear those of devices that are one again.

    `heard`: the devices that spoke. Told again for the same batch, nothing changes.
    """
    ours = (alarms.c.rule == SHARED_ID, alarms.c.state == "open")
    with engine.begin() as connection:
        is_open = set(connection.scalars(select(alarms.c.device).where(*ours)))
        news = [each for each in found if each.device not in is_open]
        for each in news:
            connection.execute(
                insert(alarms)
                .values(
                    site=site_of(each.device), rule=SHARED_ID, rule_version="1", severity="warning",
                    device=each.device, metric="identity", limit=1, value=len(each.sources), started=each.since,
                    opened=each.until, state="open", historical=False, message=each.message,
                )
                .on_conflict_do_nothing()
            )  # fmt: skip
        over = (is_open & set(heard)) - {each.device for each in found}
        cleared = update(alarms).where(*ours, alarms.c.device.in_(over), alarms.c.opened < batch.horizon)
        if over:
            connection.execute(cleared.values(state="cleared", cleared=batch.horizon))
    return {"shared_ids": len(found)}


def overlapping(engine: Engine, start: datetime, end: datetime) -> list[Row[Any]]:
    """Alarms that were open at any time in `[start, end)`, without those that were withdrawn or stand under another."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(alarms)
            .where(
                alarms.c.state.not_in(["withdrawn", "suppressed"]),
                alarms.c.started < end,
                alarms.c.cleared.is_(None) | (alarms.c.cleared >= start),
            )
            .order_by(alarms.c.opened, alarms.c.alarm)
        )
        return list(rows)
