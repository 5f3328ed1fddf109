"""Alarms that a collector found, until the batch lane has judged the same readings: each is confirmed or withdrawn.

fast     ───────[opened .................
batch    ───────────────[opened .........      they overlap: one alarm, with one number, confirmed
batch    ────────────────────────────────      judged beyond it and found none: withdrawn
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, cast, select, tuple_, update
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


def take_in(
    engine: Engine,
    events: Sequence[Event],
    rules: Watches,
    horizon: datetime,
    historical_after: timedelta = timedelta(hours=1),
) -> int:
    """Open and end provisional alarms; says how many are new. What the batch lane knows already stays as it is.

    One that was over so long before the horizon is history: nobody is told. One that is open is told, however old.
    """
    added = 0
    with engine.begin() as connection:
        known = _known(connection, {event.key for event in events})
        for event in events:
            rows = known[event.key]
            place = next((n for n, row in enumerate(rows) if _is_at(row, event.time)), None)
            if place is None and event.transition == "opened":
                rows += _open(connection, event, rules)
                added += 1
            elif place is not None and event.transition != "opened" and rows[place].provisional:
                rows[place] = _go_on(connection, rows[place], event, horizon - historical_after)
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


def _known(connection: Connection, keys: Collection[Key]) -> dict[Key, list[Row[Any]]]:
    found: dict[Key, list[Row[Any]]] = defaultdict(list)
    if keys:
        mine = tuple_(alarms.c.rule, alarms.c.device, alarms.c.metric).in_(keys)
        for row in connection.execute(select(alarms).where(mine).order_by(alarms.c.opened.desc())):
            found[row.rule, row.device, row.metric].append(row)
    return found


def _is_at(row: Row[Any], time: datetime) -> bool:
    """Whether an alarm was open at a time, or nearly so; one that was withdrawn, whether it is the very same."""
    if row.state == "withdrawn":
        return bool(row.opened == time)
    return bool(row.started <= time + NEAR and (row.cleared is None or row.cleared >= time))


def _open(connection: Connection, event: Event, rules: Watches) -> Sequence[Row[Any]]:
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
    return connection.execute(opened.on_conflict_do_nothing().returning(alarms)).all()


def _go_on(connection: Connection, row: Row[Any], event: Event, history: datetime) -> Row[Any]:
    facts: dict[str, Any] = {"value": event.value, "severity": event.severity or row.severity}
    if event.transition == "cleared":
        facts |= {"state": "cleared", "cleared": event.time, "severity": row.severity}
        facts["historical"] = row.historical or event.time < history
    changed = update(alarms).where(alarms.c.alarm == row.alarm).values(**facts)
    return connection.execute(changed.returning(alarms)).one()
