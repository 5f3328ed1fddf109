"""What a judgement found, in SQL: events are append-only facts, the alarms are what they amount to.

Events that late data takes back stay, with the batch that did so. An alarm keeps its number as long as it overlaps what
it was, so that what people did about it stays with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, cast, delete, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from barograph.rules.history import Interval, alarms_of, gone, matched, position
from barograph.rules.readings import Event, Key, moment
from barograph.rules.state import State, packed, unpacked
from barograph.rules.watches import Watches
from barograph.state import provisional, silences
from barograph.state.ledger import Batch
from barograph.state.tables import alarm_events, alarms, fold_states
from barograph.windows import microseconds

KEEP_ALL = timedelta(hours=2)
KEEP_HOURLY = timedelta(hours=48)
"""Older fold states are thinned out: to one an hour, and then to one a day."""
MANY = 500
"""Devices that a query names; more are all."""


def states(engine: Engine, before: int) -> Generator[tuple[int, State], None, None]:
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
    since: Mapping[Key, int | None],
    events: Sequence[Event],
    rules: Watches,
    historical_after: timedelta,
) -> dict[str, int]:
    """Store what a batch's judgement found, in one transaction, and what it amounts to.

    `since`: per key, the time after which it was judged anew; events there that did not come again are withdrawn.
    Returns how many of each transition, how many events were withdrawn, and how many provisional alarms were none.
    """
    counts = dict.fromkeys(("opened", "escalated", "downgraded", "cleared", "withdrawn", "refuted"), 0)
    with engine.begin() as connection:
        back = gone(_standing(connection, since), since, events, lambda row: microseconds(row.time))
        _withdraw(connection, batch.batch, back)
        counts["withdrawn"] = len(back)
        told: dict[Key, list[Event]] = defaultdict(list)
        for event in events:
            counts[event.transition] += _enter(connection, batch.batch, event)
            told[event.key].append(event)
        changed = {*told, *((row.rule, row.device, row.metric) for row in back)}
        recorder = _Recorder(connection, rules, batch, historical_after)
        for key in sorted(changed):
            recorder.amount(key, told[key])
        _grow(connection, state, since)
        counts["refuted"] = provisional.settle(connection, recorder.judged(state), batch.batch)
        silences.fold(connection, batch.horizon, recorder.touched)
        _remember(connection, batch, state)
    return counts


# Events


def _standing(connection: Connection, since: Mapping[Key, int | None]) -> list[Row[Any]]:
    """Events that were not taken back, of all that may be: some of other keys too."""
    if not since:
        return []
    starts = [start for start in since.values() if start is not None]
    begun = {device for (_, device, _), start in since.items() if start is None}
    conditions = [alarm_events.c.time > moment(min(starts))] if starts else []
    if begun:
        conditions.append(alarm_events.c.device.in_(begun) if len(begun) <= MANY else alarm_events.c.event > 0)
    wanted = select(alarm_events).where(alarm_events.c.withdrawn.is_(None), or_(*conditions))
    return list(connection.execute(wanted))


def _withdraw(connection: Connection, batch: int, events: Sequence[Row[Any]]) -> None:
    if events:
        why = {"withdrawn": f"batch {batch} brought readings of before"}
        connection.execute(
            update(alarm_events)
            .where(alarm_events.c.event.in_([row.event for row in events]))
            .values(withdrawn=batch, details=alarm_events.c.details.op("||")(cast(why, JSONB)))
        )


def _enter(connection: Connection, batch: int, event: Event) -> int:
    """1 if the event is news: an event found again changes nothing but a withdrawal."""
    facts = {"value": event.value, "severity": event.severity, "details": event.details}
    entered = upsert(alarm_events).values(
        rule=event.rule,
        device=event.device,
        metric=event.metric,
        transition=event.transition,
        time=event.time,
        batch=batch,
        **facts,
    )
    again = entered.on_conflict_do_update(
        index_elements=["rule", "device", "metric", "transition", "time"],
        set_={"withdrawn": None, **facts},
        where=alarm_events.c.withdrawn.is_not(None),
    )
    return connection.execute(again).rowcount


# Alarms


class _Recorder:
    """Brings alarms in line with their events."""

    def __init__(self, connection: Connection, rules: Watches, batch: Batch, historical_after: timedelta) -> None:
        self._connection = connection
        self._rules = rules
        self._batch = batch
        self._history = batch.horizon - historical_after
        self.touched: set[int] = set()

    def amount(self, key: Key, told: Sequence[Event]) -> None:
        """The alarms of one key, from its events that still stand."""
        standing = self._connection.execute(
            select(alarm_events).where(*_of(alarm_events, key), alarm_events.c.withdrawn.is_(None))
        ).all()
        known = self._connection.execute(select(alarms).where(*_of(alarms, key))).all()
        pairs, rest = matched(alarms_of(standing), known)
        # First out of the way: another may come to open when one of them did.
        for row in rest:
            if row.state != "withdrawn" and not row.provisional:
                self._change(row, state="withdrawn", provisional=False)
        opened = {event.time: event for event in told if event.transition == "opened"}
        for interval, row in pairs:
            if row is None:
                self._open(key, interval, opened[interval.opened])
            else:
                self._change(row, **self._facts(row, interval, opened.get(interval.opened)))

    def _facts(self, row: Row[Any], interval: Interval, news: Event | None) -> dict[str, Any]:
        facts: dict[str, Any] = {"opened": interval.opened, "cleared": interval.cleared}
        facts["state"] = "open" if interval.cleared is None else "cleared"
        if row.state == "suppressed":
            facts["state"] = row.state  # Until it is looked at together with its root.
        facts |= {"severity": interval.severity or row.severity, "provisional": False}
        facts["value"] = interval.value if interval.value is not None else row.value
        if news is not None:
            facts |= {"started": news.started, "rule_version": news.version, "limit": news.limit}
            facts["thresholds"] = self._thresholds(news)
        return facts

    def _change(self, row: Row[Any], **facts: Any) -> None:
        self.touched.add(row.alarm)
        if any(getattr(row, name) != fact for name, fact in facts.items()):
            self._connection.execute(update(alarms).where(alarms.c.alarm == row.alarm).values(**facts))

    def _open(self, key: Key, interval: Interval, event: Event) -> None:
        rule, device, metric = key
        watch = self._rules.find(key)
        bound = watch.at(microseconds(event.time)) if watch else None
        number = self._connection.scalar(
            insert(alarms)
            .values(
                site=self._rules.site_of(key), rule=rule, kind=bound.rule.kind if bound else "limit",
                rule_version=event.version, severity=interval.severity, device=device, metric=metric,
                limit=event.limit, value=interval.value, started=event.started, opened=interval.opened,
                cleared=interval.cleared, state="open" if interval.cleared is None else "cleared",
                historical=event.historical or event.time < self._history,
                message=bound.rule.message or bound.rule.sentence if bound else "",
                thresholds=self._thresholds(event),
            )
            .returning(alarms.c.alarm)
        )  # fmt: skip
        assert number is not None
        self.touched.add(number)

    def _thresholds(self, event: Event) -> dict[str, Any]:
        watch = self._rules.find(event.key)
        bound = watch.at(microseconds(event.time)) if watch else None
        if bound is None:
            return {}
        said = bound.rule.model_dump(mode="json", exclude_defaults=True, exclude={"overrides"})
        return {"rule": said, "comment_required": bound.rule.comment_required, **event.details}

    def judged(self, state: State) -> Callable[[Row[Any]], bool]:
        """Whether a state has judged what there is to know of a provisional alarm."""

        def is_judged(row: Row[Any]) -> bool:
            watch = self._rules.find((row.rule, row.device, row.metric))
            if watch is None or not watch.versions:
                return True
            waits = watch.versions[0].rule.waits
            known = state.horizon if waits else position(state, watch)
            return known is not None and moment(known) >= (row.cleared or row.opened + provisional.SLACK)

        return is_judged


def _grow(connection: Connection, state: State, since: Iterable[Key]) -> None:
    """Open alarms that were heard of have their worst value of now."""
    for key in since:
        memory = state.memories.get(key)
        if memory is not None and memory.life.opened is not None:
            worst = memory.life.worst
            connection.execute(
                update(alarms)
                .where(*_of(alarms, key), alarms.c.opened == moment(memory.life.opened))
                .where(alarms.c.value.is_distinct_from(worst))
                .values(value=worst)
            )


def _of(table: Any, key: Key) -> list[Any]:
    return [tuple_(table.c.rule, table.c.device, table.c.metric) == key]


# States


def _remember(connection: Connection, batch: Batch, state: State) -> None:
    stored = upsert(fold_states).values(batch=batch.batch, horizon=batch.horizon, state=packed(state))
    connection.execute(stored.on_conflict_do_update(index_elements=["batch"], set_={"state": stored.excluded.state}))
    old = connection.execute(
        select(fold_states.c.batch, fold_states.c.horizon)
        .where(fold_states.c.horizon < batch.horizon - KEEP_ALL)
        .order_by(fold_states.c.batch)
    ).all()

    def period(row: Any) -> tuple[Any, ...]:
        hourly = row.horizon >= batch.horizon - KEEP_HOURLY
        return (row.horizon.date(), row.horizon.hour) if hourly else (row.horizon.date(),)

    spare = [row.batch for _, rows in groupby(old, key=period) for row in list(rows)[:-1]]
    if spare:
        connection.execute(delete(fold_states).where(fold_states.c.batch.in_(spare)))
