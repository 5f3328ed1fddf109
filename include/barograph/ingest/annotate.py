"""annotate: alarms as points in InfluxDB, for annotations beside the readings; what people did about them too.

Each run brings what changed since the last: alarms by their change number, actions by theirs. Where that ended is a
step in the ledger, written after InfluxDB took the points. It can fail without failing the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, and_, select
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.influx import notes
from barograph.influx.notes import Note
from barograph.settings import Settings
from barograph.state.alarm_lists import Handled
from barograph.state.handling import Key, actions_of, key_of, standing
from barograph.state.ledger import Batch, Ledger
from barograph.state.tables import alarm_actions, alarm_events, alarms
from barograph.windows import Window

STEP = "annotate"
MOST = 1_000
"""Alarms in one run; the rest waits for the next."""
AGAIN = 50
"""Actions that are looked at again: one with a lower number may have come to light after one with a higher."""
MOVED = timedelta(days=7)
"""How far an onset can have moved: so far around an alarm its old points are looked for."""

log = structlog.get_logger()


def annotate(settings: Settings, engine: Engine, ledger: Ledger, batch: Batch) -> None:
    """Never raises what a server can do to it: it is logged, and the next run does it."""
    try:
        last = ledger.last_step(STEP) or {"change": 0, "action": 0}
        found, change, action = _changed(engine, last["change"], last["action"], batch.horizon)
        refused = _show(settings, engine, found) if found else []
        facts = {"alarms": len(found), "change": change, "action": action}
        ledger.step(batch.batch, STEP, facts)
    except (BarographError, SQLAlchemyError) as error:
        log.error("annotate_failed", batch=batch.batch, error=str(error))
    else:
        if refused:
            log.warning("annotate_refused", points=len(refused), first=refused[0][:300])
        if found:
            log.info("annotate", batch=batch.batch, **facts)


def rebuild(settings: Settings, engine: Engine, site: str, window: Window) -> int:
    """Make the points of a site and a stretch of time anew; returns how many there are."""
    # People may do something about an alarm long after it was over.
    acted = select(alarm_actions.c.alarm).where(alarm_actions.c.at >= window.start, alarm_actions.c.at < window.end)
    there = and_(alarms.c.opened < window.end, alarms.c.cleared.is_(None) | (alarms.c.cleared >= window.start))
    wanted = select(alarms).where(alarms.c.site == site, there | alarms.c.alarm.in_(acted))
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(wanted).mappings()]
    every = _of(engine, _handled(engine, rows, window.end))
    told, _ = notes.lines([note for some in every for note in some if note.at in window])
    notes.remove(settings, site=site, window=window)
    notes.post(settings, told)
    return len(told)


def of_alarm(handled: Handled, steps: Iterable[Mapping[str, Any]]) -> Iterator[Note]:
    """What InfluxDB shows of one alarm: nothing of one that was withdrawn. `steps`: its changes of severity."""
    alarm = handled.alarm
    if alarm["state"] == "withdrawn":
        return
    yield Note(alarm, "opened", alarm["opened"], alarm["severity"], alarm["value"])
    for step in steps:
        yield Note(alarm, step["transition"], step["time"], step.get("severity") or alarm["severity"], step["value"])
    if alarm["cleared"] is not None:
        yield Note(alarm, "cleared", alarm["cleared"], alarm["severity"], alarm["value"])
    for action in handled.actions:
        if action.alarm == alarm["alarm"]:
            yield Note(alarm, action.verb, action.at, alarm["severity"], None, action.who, action.comment)


def _changed(engine: Engine, change: int, action: int, at: datetime) -> tuple[list[Handled], int, int]:
    """The alarms that are news, and the numbers of the last change and action among them."""
    with engine.connect() as connection:
        newer = select(alarms).where(alarms.c.change > change).order_by(alarms.c.change).limit(MOST)
        rows = {row["alarm"]: dict(row) for row in connection.execute(newer).mappings()}
        change = max((row["change"] for row in rows.values()), default=change)
        acted = (
            select(alarm_actions.c.action, alarm_actions.c.alarm)
            .where(alarm_actions.c.action > action - AGAIN)
            .order_by(alarm_actions.c.action)
            .limit(MOST)
        )
        actions = connection.execute(acted).all()
        more = {row.alarm for row in actions} - rows.keys()
        if actions and actions[-1].action > action:
            wanted = select(alarms).where(alarms.c.alarm.in_(more))
            rows |= {row["alarm"]: dict(row) for row in connection.execute(wanted).mappings()}
            action = actions[-1].action
    return _handled(engine, list(rows.values()), at), change, action


def _handled(engine: Engine, rows: Sequence[Mapping[str, Any]], at: datetime) -> list[Handled]:
    with engine.connect() as connection:
        done = actions_of(connection, rows)
    return [Handled(row, standing(row, done[row["alarm"]], at), done[row["alarm"]]) for row in rows]


def _show(settings: Settings, engine: Engine, found: Sequence[Handled]) -> list[str]:
    """Post the points of these alarms, and delete those that late data moved. Returns what was refused."""
    of = dict(zip((str(each.alarm["alarm"]) for each in found), _of(engine, found), strict=True))
    every = [note for some in of.values() for note in some]
    around = [each.alarm["started"] for each in found] + [note.at for note in every]
    window = Window(min(around) - MOVED, max(around) + MOVED)
    stale = notes.known(settings, [each.alarm["alarm"] for each in found], window) - {note.identity for note in every}
    for alarm in sorted({alarm for alarm, _, _ in stale}):
        notes.remove(settings, alarm)
    told, refused = notes.lines(every)
    return refused + notes.post(settings, told)


def _of(engine: Engine, found: Sequence[Handled]) -> list[list[Note]]:
    """Of each alarm, its points."""
    steps: dict[Key, list[Mapping[str, Any]]] = {}
    if found:
        devices = {each.alarm["device"] for each in found}
        severities = alarm_events.c.transition.in_(["escalated", "downgraded"])
        wanted = select(alarm_events).where(severities, alarm_events.c.withdrawn.is_(None))
        with engine.connect() as connection:
            for row in connection.execute(wanted.where(alarm_events.c.device.in_(devices))).mappings():
                steps.setdefault((row["rule"], row["device"], row["metric"]), []).append(dict(row))

    def within(alarm: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
        return bool(alarm["opened"] <= step["time"] and (alarm["cleared"] is None or step["time"] <= alarm["cleared"]))

    return [
        list(of_alarm(each, [step for step in steps.get(key_of(each.alarm), ()) if within(each.alarm, step)]))
        for each in found
    ]
