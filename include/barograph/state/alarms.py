"""Alarms in SQL: events are append-only facts, the alarms table is what they amount to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from barograph.rules.judge import Event, Key, PointState, State, packed, unpacked
from barograph.rules.model import Rule
from barograph.state.ledger import Batch
from barograph.state.tables import alarm_events, alarms, fold_states
from barograph.transforms.identities import SharedId

KEEP_STATES = timedelta(hours=48)
"""Older fold states are thinned out to one a day."""

GAP = "kafka-gap"
"""The rule of alarms about messages that Kafka lost before they were read."""

SHARED_ID = "shared-id"
"""The rule of alarms about two sensors that are set to one id."""


def states(engine: Engine, before: int) -> Iterable[tuple[int, State]]:
    """Fold states of earlier batches, newest first."""
    with engine.connect() as connection:
        rows = connection.execution_options(stream_results=True, yield_per=1).execute(
            select(fold_states.c.batch, fold_states.c.state)
            .where(fold_states.c.batch < before)
            .order_by(fold_states.c.batch.desc())
        )
        for row in rows:
            yield row.batch, unpacked(row.state)


def judged_later(engine: Engine, batch: int) -> bool:
    """Whether a later batch has judged already: then this one's verdict stands."""
    with engine.connect() as connection:
        return connection.scalar(select(fold_states.c.batch).where(fold_states.c.batch > batch).limit(1)) is not None


def record(
    engine: Engine,
    batch: Batch,
    state: State,
    since: Mapping[Key, datetime | None],
    events: Sequence[Event],
    rules: Mapping[str, tuple[Rule, str]],
    historical_after: timedelta,
) -> dict[str, int]:
    """Store what a batch's judgement found, in one transaction, and what it amounts to.

    `since`: per point, the time after which it was judged anew; events there that did not come again are withdrawn.
    `rules`: name -> (rule, site). Returns counts of opened, cleared and withdrawn.
    """
    with engine.begin() as connection:
        counts = {"opened": 0, "cleared": 0, "withdrawn": 0}
        for key, start in since.items():
            mine = [event for event in events if (event.rule, event.device, event.metric) == key]
            counts["withdrawn"] += _withdraw(connection, batch.batch, key, start, mine)
            for event in mine:
                counts[event.transition] += _enter(connection, batch.batch, event)
            rule, site = rules[key[0]]
            _amount(connection, key, rule, site, state.get(key), mine, batch.horizon - historical_after)
        _remember(connection, batch, state)
    return counts


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
    """Alarms that were open at any time in `[start, end)`, withdrawn ones left out."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(alarms)
            .where(
                alarms.c.state != "withdrawn",
                alarms.c.started < end,
                alarms.c.cleared.is_(None) | (alarms.c.cleared >= start),
            )
            .order_by(alarms.c.opened, alarms.c.alarm)
        )
        return list(rows)


def _withdraw(connection: Connection, batch: int, key: Key, start: datetime | None, events: Sequence[Event]) -> int:
    conditions = [*_of(alarm_events, key), alarm_events.c.withdrawn.is_(None)]
    if start is not None:
        conditions.append(alarm_events.c.time > start)
    again = {(event.transition, event.time) for event in events}
    gone = [
        row.event
        for row in connection.execute(select(alarm_events).where(*conditions))
        if (row.transition, row.time) not in again
    ]
    if gone:
        connection.execute(update(alarm_events).where(alarm_events.c.event.in_(gone)).values(withdrawn=batch))
    return len(gone)


def _enter(connection: Connection, batch: int, event: Event) -> int:
    """1 if the event is news: an event found again changes nothing but a withdrawal."""
    entered = insert(alarm_events).values(
        rule=event.rule,
        device=event.device,
        metric=event.metric,
        transition=event.transition,
        time=event.time,
        value=event.value,
        batch=batch,
    )
    again = entered.on_conflict_do_update(
        index_elements=["rule", "device", "metric", "transition", "time"],
        set_={"withdrawn": None, "value": event.value},
        where=alarm_events.c.withdrawn.is_not(None),
    )
    return connection.execute(again).rowcount


def _amount(
    connection: Connection,
    key: Key,
    rule: Rule,
    site: str,
    point: PointState | None,
    events: Sequence[Event],
    history: datetime,
) -> None:
    """Bring the alarms of one point in line with its events that still stand."""
    standing = connection.execute(
        select(alarm_events)
        .where(*_of(alarm_events, key), alarm_events.c.withdrawn.is_(None))
        .order_by(alarm_events.c.time, alarm_events.c.transition.desc())
    ).all()
    told = {event.time: event for event in events if event.transition == "opened"}
    opened: list[datetime] = []
    for index, event in enumerate(standing):
        if event.transition != "opened":
            continue
        opened.append(event.time)
        after = standing[index + 1] if index + 1 < len(standing) else None
        facts: dict[str, Any] = {"state": "open", "cleared": None}
        if after is not None and after.transition == "cleared":
            facts = {"state": "cleared", "cleared": after.time, "value": after.value}
        elif point is not None and point.opened == event.time:
            facts["value"] = point.worst
        news = told.get(event.time)
        if news is not None:
            new = insert(alarms).values(
                site=site, rule=key[0], rule_version=rule.version, severity=rule.severity, device=key[1],
                metric=key[2], limit=rule.limit, started=news.started, opened=event.time,
                historical=news.historical or event.time < history,
                message=rule.message or f"{key[2]} {'above' if rule.above is not None else 'below'} {rule.limit:g}",
                **{"value": news.value, **facts},
            )  # fmt: skip
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=["rule", "device", "metric", "opened"], set_={**facts, "started": news.started}
                )
            )
        else:
            connection.execute(update(alarms).where(*_of(alarms, key), alarms.c.opened == event.time).values(**facts))
    connection.execute(
        update(alarms).where(*_of(alarms, key), alarms.c.opened.not_in(opened)).values(state="withdrawn")
    )


def _of(table: Any, key: Key) -> list[Any]:
    return [table.c.rule == key[0], table.c.device == key[1], table.c.metric == key[2]]


def _remember(connection: Connection, batch: Batch, state: State) -> None:
    stored = insert(fold_states).values(batch=batch.batch, horizon=batch.horizon, state=packed(state))
    connection.execute(stored.on_conflict_do_update(index_elements=["batch"], set_={"state": packed(state)}))
    old = connection.execute(
        select(fold_states.c.batch, fold_states.c.horizon)
        .where(fold_states.c.horizon < batch.horizon - KEEP_STATES)
        .order_by(fold_states.c.batch)
    ).all()
    spare = [
        row.batch for _, day in groupby(old, key=lambda row: row.horizon.date()) for row in list(day)[:-1]
    ]  # the last of each day stays
    if spare:
        connection.execute(delete(fold_states).where(fold_states.c.batch.in_(spare)))
