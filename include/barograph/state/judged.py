"""What a judgement found, in SQL: events are append-only facts, the alarms are what they amount to.

Events that late data takes back stay, with the batch that did so. An alarm keeps its number as long as it overlaps what
it was, so that what people did about it stays with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, Select, cast, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from barograph.rules.history import Interval, alarms_of, gone, matched, position
from barograph.rules.readings import Event, Key, moment
from barograph.rules.replays import NONE, Replayed
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
"""Rows, keys and devices that one query names."""

Anything = TypeVar("Anything")


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
    kept: State | None = None,
    replayed: Replayed = NONE,
) -> dict[str, int]:
    """Store what a batch's judgement found, in one transaction, and what it amounts to.

    `kept`: the state that the next batch is to go on from, where that is not `state`.

    `since`: per key, the time after which it was judged anew; events there that did not come again are withdrawn, by
    late data or by what was `replayed`.
    Returns how many of each transition, how many events were withdrawn, and how many provisional alarms were none.
    """
    counts = dict.fromkeys(("opened", "escalated", "downgraded", "cleared", "withdrawn", "refuted"), 0)

    def by_replay(row: Row[Any]) -> bool:
        return replayed.behind(_key(row), row.time)

    with engine.begin() as connection:
        back = gone(_standing(connection, since), since, events, lambda row: microseconds(row.time))
        for replay, rows in groupby(sorted(back, key=by_replay), key=by_replay):
            why = replayed.words if replay else f"batch {batch.batch} brought readings of before"
            _withdraw(connection, batch.batch, list(rows), why)
        counts["withdrawn"] = len(back)
        for transition in _enter(connection, batch.batch, events):
            counts[transition] += 1
        recorder = _Recorder(connection, rules, batch, historical_after)
        recorder.amount({*map(_key, back), *(event.key for event in events)}, events)
        _grow(connection, state, since)
        _wake(connection, state, rules, batch.horizon - historical_after)
        counts["refuted"] = provisional.settle(connection, recorder.judged(state), batch.batch)
        silences.fold(connection, batch.horizon, recorder.touched)
        _remember(connection, batch, kept or state)
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


def _withdraw(connection: Connection, batch: int, events: Sequence[Row[Any]], why: str) -> None:
    said = cast({"withdrawn": why}, JSONB)
    connection.execute(
        update(alarm_events)
        .where(alarm_events.c.event.in_([row.event for row in events]))
        .values(withdrawn=batch, details=alarm_events.c.details.op("||")(said))
    )


def _enter(connection: Connection, batch: int, events: Sequence[Event]) -> Iterator[str]:
    """The transitions of those that are news: an event found again changes nothing but a withdrawal."""
    for part in _parts(events):
        rows = [
            {
                "rule": event.rule, "device": event.device, "metric": event.metric, "transition": event.transition,
                "time": event.time, "batch": batch, "value": event.value, "severity": event.severity,
                "details": event.details,
            }
            for event in part
        ]  # fmt: skip
        entered = upsert(alarm_events).values(rows)
        news = {name: entered.excluded[name] for name in ("value", "severity", "details")}
        again = entered.on_conflict_do_update(
            index_elements=["rule", "device", "metric", "transition", "time"],
            set_={"withdrawn": None, **news},
            where=alarm_events.c.withdrawn.is_not(None),
        )
        yield from connection.scalars(again.returning(alarm_events.c.transition))


# Alarms


class _Recorder:
    """Brings alarms in line with their events."""

    def __init__(self, connection: Connection, rules: Watches, batch: Batch, historical_after: timedelta) -> None:
        self._connection = connection
        self._rules = rules
        self._batch = batch
        self._history = batch.horizon - historical_after
        self.touched: set[int] = set()

    def amount(self, keys: Collection[Key], told: Sequence[Event]) -> None:
        """The alarms of some keys, from their events that still stand; `told`: those of this batch."""
        opened = {(*event.key, event.time): event for event in told if event.transition == "opened"}
        new: list[dict[str, Any]] = []
        for part in _parts(sorted(keys)):
            stand = alarm_events.c.withdrawn.is_(None)
            standing = _by_key(self._connection, select(alarm_events).where(_any_of(alarm_events, part), stand))
            known = _by_key(self._connection, select(alarms).where(_any_of(alarms, part)))
            for key in part:
                pairs, rest = matched(alarms_of(standing[key]), known[key])
                for row in rest:
                    if row.state != "withdrawn" and not row.provisional:
                        self._change(row, state="withdrawn", provisional=False)
                for interval, row in pairs:
                    event = opened.get((*key, interval.opened))
                    if row is not None:
                        self._change(row, **self._facts(row, interval, event))
                    elif event is not None:
                        new.append(self._alarm(interval, event))
        for rows in _parts(new):
            entered = upsert(alarms).values(rows).on_conflict_do_nothing().returning(alarms.c.alarm)
            self.touched.update(self._connection.scalars(entered))

    def _facts(self, row: Row[Any], interval: Interval, news: Event | None) -> dict[str, Any]:
        facts: dict[str, Any] = {"opened": interval.opened, "cleared": interval.cleared}
        facts["state"] = "open" if interval.cleared is None else "cleared"
        if row.state == "suppressed":
            facts["state"] = row.state  # Until it is looked at together with its root.
        facts |= {"severity": interval.severity or row.severity, "provisional": False}
        facts["value"] = interval.value if interval.value is not None else row.value
        if news is not None:
            facts |= {"started": news.started, "rule_version": news.version, "limit": news.limit}
            late = {name: row.thresholds[name] for name in ("found_late",) if name in row.thresholds}
            facts["thresholds"] = self._thresholds(news) | late
        return facts

    def _change(self, row: Row[Any], **facts: Any) -> None:
        self.touched.add(row.alarm)
        if any(getattr(row, name) != fact for name, fact in facts.items()):
            self._connection.execute(update(alarms).where(alarms.c.alarm == row.alarm).values(**facts))

    def _alarm(self, interval: Interval, event: Event) -> dict[str, Any]:
        watch = self._rules.find(event.key)
        bound = watch.at(microseconds(event.time)) if watch else None
        return {
            "site": self._rules.site_of(event.key), "kind": bound.rule.kind if bound else "limit",
            "rule": event.rule, "device": event.device, "metric": event.metric, "rule_version": event.version,
            "severity": interval.severity, "limit": event.limit, "value": interval.value, "started": event.started,
            "opened": interval.opened, "cleared": interval.cleared,
            "state": "open" if interval.cleared is None else "cleared",
            "historical": event.historical or event.time < self._history,
            "message": bound.rule.message or bound.rule.sentence if bound else "",
            "thresholds": self._thresholds(event) | ({} if event.historical else self._found_late(event)),
        }  # fmt: skip

    def _found_late(self, event: Event) -> dict[str, Any]:
        """Why it is historical, where that is no more than its age: see `_wake`."""
        return {"found_late": True} if event.time < self._history else {}

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
                .where(_any_of(alarms, [key]), alarms.c.opened == moment(memory.life.opened))
                .where(alarms.c.value.is_distinct_from(worst))
                .values(value=worst)
            )


def _wake(connection: Connection, state: State, rules: Watches, history: datetime) -> None:
    """Alarms that were found long after they opened, and are open still now that the present is known, are no history.

    While a backlog is read, what was last heard is old too: nobody is told of an alarm that may be over since.
    """
    fresh = []
    for key, memory in state.memories.items():
        if memory.life.opened is not None and (watch := rules.find(key)) is not None and watch.versions:
            known = state.horizon if watch.versions[-1].rule.waits else memory.last
            if known is not None and moment(known) >= history:
                fresh.append(key)
    for part in _parts(fresh):
        late = (alarms.c.state == "open", alarms.c.historical, alarms.c.thresholds.has_key("found_late"))
        told = {"historical": False, "change": func.nextval("alarm_changes")}
        connection.execute(update(alarms).where(_any_of(alarms, part), *late).values(**told))


def _key(row: Any) -> Key:
    return row.rule, row.device, row.metric


def _any_of(table: Any, keys: Sequence[Key]) -> Any:
    return tuple_(table.c.rule, table.c.device, table.c.metric).in_(keys)


def _by_key(connection: Connection, wanted: Select[Any]) -> dict[Key, list[Row[Any]]]:
    found: dict[Key, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(wanted):
        found[_key(row)].append(row)
    return found


def _parts(many: Sequence[Anything]) -> Iterator[Sequence[Anything]]:
    return (many[start : start + MANY] for start in range(0, len(many), MANY))


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
