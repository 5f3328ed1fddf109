"""Alarms that a collector found, until the batch lane has judged the same readings: each is confirmed or withdrawn.

fast     ───────[opened .................
batch    ───────────────[opened .........      they overlap: one alarm, with one number, confirmed
batch    ────────────────────────────────      judged beyond it and found none: withdrawn
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, cast, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from barograph.rules.readings import Event, Key
from barograph.rules.watches import Watches
from barograph.state import silences
from barograph.state.tables import alarms
from barograph.windows import microseconds

NEAR = timedelta(minutes=10)
"""How far apart both lanes may see the beginning and the end of one alarm: a device's clock, and quality tests."""
SLACK = timedelta(minutes=2)
"""How much further the batch lane must have judged than where the alarm opened: it may open a little later there."""
WHY = "the readings, with all their tests of quality, did not make it one"


def take_in(engine: Engine, events: Sequence[Event], rules: Watches, horizon: datetime) -> int:
    """Open and end provisional alarms; says how many are new. What the batch lane knows already stays as it is."""
    added = 0
    with engine.begin() as connection:
        for event in events:
            mine = _at(connection, event.key, event.time)
            if event.transition == "opened":
                if not mine:
                    _open(connection, event, rules)
                    added += 1
            elif mine and mine[0].provisional:
                _go_on(connection, mine[0], event)
        if events:
            silences.fold(connection, horizon)
    return added


def settle(connection: Connection, judged: Callable[[Row[Any]], bool], number: int) -> int:
    """Withdraw provisional alarms of which the batch lane has judged the readings by now. `judged` says of which."""
    waiting = connection.execute(select(alarms).where(alarms.c.provisional, alarms.c.state != "withdrawn")).all()
    gone = [row.alarm for row in waiting if judged(row)]
    if gone:
        why = {"withdrawn": f"batch {number}: {WHY}"}
        connection.execute(
            update(alarms)
            .where(alarms.c.alarm.in_(gone))
            .values(state="withdrawn", thresholds=alarms.c.thresholds.op("||")(cast(why, JSONB)))
        )
    return len(gone)


def _at(connection: Connection, key: Key, time: datetime) -> Sequence[Row[Any]]:
    """The alarms of a key that were open at a time, or nearly so; the newest first."""
    wanted = (
        select(alarms)
        .where(tuple_(alarms.c.rule, alarms.c.device, alarms.c.metric) == key)
        .where(alarms.c.started <= time + NEAR, or_(alarms.c.cleared.is_(None), alarms.c.cleared >= time))
        .where(or_(alarms.c.state != "withdrawn", alarms.c.opened == time))
        .order_by(alarms.c.opened.desc())
    )
    return connection.execute(wanted).all()


def _open(connection: Connection, event: Event, rules: Watches) -> None:
    watch = rules.find(event.key)
    bound = watch.at(microseconds(event.time)) if watch else None
    rule = bound.rule if bound else None
    said = rule.model_dump(mode="json", exclude_defaults=True, exclude={"overrides"}) if rule else {}
    opened = insert(alarms).values(
        site=rules.site_of(event.key), rule=event.rule, kind=rule.kind if rule else "limit",
        rule_version=event.version, severity=event.severity or "major", device=event.device, metric=event.metric,
        limit=event.limit, value=event.value, started=event.started, opened=event.time, state="open",
        historical=event.historical, message=(rule.message or rule.sentence) if rule else "", provisional=True,
        thresholds={"rule": said, "comment_required": bool(rule and rule.comment_required), **event.details},
    )  # fmt: skip
    connection.execute(opened.on_conflict_do_nothing())


def _go_on(connection: Connection, row: Row[Any], event: Event) -> None:
    facts: dict[str, Any] = {"value": event.value, "severity": event.severity or row.severity}
    if event.transition == "cleared":
        facts |= {"state": "cleared", "cleared": event.time, "severity": row.severity}
    connection.execute(update(alarms).where(alarms.c.alarm == row.alarm).values(**facts))
