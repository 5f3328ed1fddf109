"""Alarms about Barograph itself: they are of no site, and each is open once at most."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from barograph.state.alarms import GAP, SHARED_ID
from barograph.state.tables import alarms
from barograph.windows import iso

INGEST_STOPPED = "ingest-stopped"
COLLECTOR_STOPPED = "collector-stopped"
DAG_FAILED = "dag-failed"
DAG_LATE = "dag-late"
RESTORED = "database-restored"

SYSTEM_RULES = (GAP, SHARED_ID, INGEST_STOPPED, COLLECTOR_STOPPED, DAG_FAILED, DAG_LATE, RESTORED)
"""Rules that no rules.yaml has."""


def keep_open(
    connection: Connection,
    rule: str,
    device: str,
    metric: str,
    at: datetime,
    *,
    severity: str,
    message: str,
    limit: float,
    value: float,
    started: datetime,
) -> bool:
    """Open an alarm unless it is open; then only its value follows. Whether it was opened."""
    _one_at_a_time(connection, rule)
    same = (*_of(rule, device, metric), alarms.c.state == "open")
    if connection.execute(update(alarms).where(*same).values(value=value)).rowcount:
        return False
    entered = insert(alarms).values(
        site="", rule=rule, rule_version="1", severity=severity, device=device, metric=metric, limit=limit,
        value=value, started=started, opened=at, state="open", historical=False, message=message,
    )  # fmt: skip
    return connection.execute(entered.on_conflict_do_nothing()).rowcount > 0


def clear(connection: Connection, rule: str, at: datetime, device: str | None = None, metric: str | None = None) -> int:
    """Clear what is open of a rule, of one device and metric or of all. How many there were."""
    which = [alarms.c.rule == rule, alarms.c.state == "open"]
    which += [column == said for column, said in ((alarms.c.device, device), (alarms.c.metric, metric)) if said]
    if not connection.scalar(select(func.count()).select_from(alarms).where(*which)):
        return 0
    _one_at_a_time(connection, rule)
    ended = update(alarms).where(*which).values(state="cleared", cleared=func.greatest(alarms.c.opened, at))
    return connection.execute(ended).rowcount


def record_restored(connection: Connection, at: datetime, known: datetime, why: str) -> None:
    """Note that the database knows nothing from `known` up to `at`: what was told meanwhile is told nobody as news."""
    message = (
        f"{why} Alarms between {iso(known)} and {iso(at)} are judged anew, may have other numbers, "
        "and those that are over by now are told nobody. docs/runbook.md#component-postgresql"
    )
    noted = insert(alarms).values(
        site="", rule=RESTORED, rule_version="1", severity="major", device="database", metric="backup", started=known,
        opened=at, cleared=at, state="cleared", historical=False, message=message,
    )  # fmt: skip
    connection.execute(noted.on_conflict_do_nothing())


def restored(engine: Engine) -> datetime | None:
    """When the database was last restored from a backup, as far as it knows."""
    with engine.connect() as connection:
        at: datetime | None = connection.scalar(select(func.max(alarms.c.opened)).where(alarms.c.rule == RESTORED))
        return at


def is_open(connection: Connection, rule: str) -> set[str]:
    """The devices that it is open for."""
    return set(connection.scalars(select(alarms.c.device).where(alarms.c.rule == rule, alarms.c.state == "open")))


def _of(rule: str, device: str, metric: str) -> tuple[Any, ...]:
    return alarms.c.rule == rule, alarms.c.device == device, alarms.c.metric == metric


def _one_at_a_time(connection: Connection, rule: str) -> None:
    """Until the transaction ends: two who find it closed would both open it."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"system-alarm:{rule}"))))
