"""Look at alarms: lists by filters, and all that happened to one, judged and done, on one line of time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, or_, select

from barograph.state.handling import Action, Standing, actions_of, found, standing
from barograph.state.tables import alarm_actions, alarm_events, alarms, batches

PIECE = 500
"""Alarms that are looked at in one go, after the first."""

TOLD = ("open", "acknowledged", "cleared", "closed")
"""States that somebody who looks wants to see; what is folded under another alarm, or never was, is asked for."""

SEVERITIES = ("critical", "major", "minor", "warning")


@dataclass(frozen=True)
class Wanted:
    """Which alarms; nothing said means all."""

    states: Collection[str] = ()
    """As people see them: handling.STATES."""
    severities: Collection[str] = ()
    site: str | None = None
    device: str | None = None
    """A pattern such as `fridge-*`."""
    rule: str | None = None
    since: datetime | None = None
    """Open at any time from here on."""
    until: datetime | None = None
    """Begun before this."""
    open_or_since: datetime | None = None
    """Open now, or at any time from here on."""
    shelved: bool | None = None
    assignee: str | None = None


@dataclass(frozen=True)
class Handled:
    """An alarm as judgement has it, and how it stands for people."""

    alarm: Mapping[str, Any]
    standing: Standing
    actions: list[Action]

    @property
    def facts(self) -> dict[str, Any]:
        return {**self.alarm, **self.standing.facts}


@dataclass(frozen=True)
class Moment:
    """Something that happened to an alarm: judged (`who` is empty) or done by somebody."""

    at: datetime
    what: str
    who: str = ""
    comment: str = ""
    assignee: str | None = None
    until: datetime | None = None
    value: float | None = None
    severity: str | None = None
    noticed: datetime | None = None
    """Of what was judged: the horizon of the batch that found it."""
    withdrawn: bool = False
    """Late data took it back."""
    replayed: bool = False
    """What showed it, or took it back, were rejects that somebody replayed."""


def listed(engine: Engine, wanted: Wanted, at: datetime, limit: int, before: int | None = None) -> list[Handled]:
    """The newest alarms that are wanted, at most `limit`; `before`: only those with lower numbers, for a next page."""
    with engine.connect() as connection:
        kept = (each for each in _handled(connection, wanted, at, limit, before) if _kept(each, wanted))
        return list(islice(kept, limit))


def alarm(engine: Engine, number: int, at: datetime) -> Handled:
    """Raises AlarmError where there is none."""
    with engine.connect() as connection:
        row = found(connection, number)
        done = actions_of(connection, [row])[number]
    return Handled(row, standing(row, done, at), done)


def history(engine: Engine, handled: Handled) -> list[Moment]:
    """All that happened to an alarm, oldest first."""
    with engine.connect() as connection:
        judged = [
            Moment(
                at=row["time"],
                what=row["transition"],
                value=row["value"],
                severity=row.get("severity"),
                noticed=row["horizon"],
                withdrawn=row["withdrawn"] is not None,
                replayed="replayed" in (row["details"].get("withdrawn") or row["details"].get("replayed") or ""),
            )
            for row in connection.execute(_events(connection, handled.alarm)).mappings()
        ]
    done = [
        Moment(action.at, action.verb, action.who, action.comment, action.assignee, action.until)
        for action in handled.actions
    ]
    # What was judged comes before what was done about it at the same moment.
    return sorted([*judged, *done], key=lambda moment: (moment.at, bool(moment.who)))


def folded(engine: Engine, number: int) -> int:
    """How many alarms are folded under one."""
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).where(alarms.c.root == number)) or 0


def folded_devices(engine: Engine, number: int) -> list[str]:
    """Whose alarms are folded under one."""
    with engine.connect() as connection:
        return list(connection.scalars(select(alarms.c.device).where(alarms.c.root == number).distinct()))


def sites(engine: Engine) -> list[str]:
    """The sites that ever had an alarm; alarms about Kafka itself have none."""
    with engine.connect() as connection:
        return [site for site in connection.scalars(select(alarms.c.site).distinct().order_by(alarms.c.site)) if site]


def _handled(connection: Connection, wanted: Wanted, at: datetime, limit: int, before: int | None) -> Iterator[Handled]:
    """All that SQL can tell to be wanted, the newest first; `standing` decides about the rest."""
    piece = min(limit, PIECE)
    while True:
        rows = [dict(row) for row in connection.execute(_selected(wanted, before).limit(piece)).mappings()]
        done = actions_of(connection, rows)
        for row in rows:
            yield Handled(row, standing(row, done[row["alarm"]], at), done[row["alarm"]])
        if len(rows) < piece:
            return
        before, piece = rows[-1]["alarm"], PIECE


def _selected(wanted: Wanted, before: int | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if before is not None:
        conditions.append(alarms.c.alarm < before)
    if wanted.states:
        conditions.append(or_(*(_may_be(state) for state in wanted.states)))
    if wanted.severities:
        conditions.append(alarms.c.severity.in_(wanted.severities))
    if wanted.site is not None:
        conditions.append(alarms.c.site == wanted.site)
    if wanted.device is not None:
        conditions.append(alarms.c.device.like(_like(wanted.device), escape="\\"))
    if wanted.rule is not None:
        conditions.append(alarms.c.rule == wanted.rule)
    if wanted.since is not None:
        conditions.append(alarms.c.cleared.is_(None) | (alarms.c.cleared >= wanted.since))
    if wanted.until is not None:
        conditions.append(alarms.c.started < wanted.until)
    if wanted.open_or_since is not None:
        recent = (alarms.c.opened >= wanted.open_or_since) | (alarms.c.cleared >= wanted.open_or_since)
        conditions.append((alarms.c.state == "open") | recent)
    return select(alarms).where(*conditions).order_by(alarms.c.alarm.desc())


def _may_be(state: str) -> ColumnElement[bool]:
    """What judgement says of an alarm that stands so."""
    if state == "closed":
        return alarms.c.alarm.in_(select(alarm_actions.c.alarm).where(alarm_actions.c.verb == "close"))
    return alarms.c.state == ("open" if state == "acknowledged" else state)


def _like(pattern: str) -> str:
    for character in "\\%_":
        pattern = pattern.replace(character, f"\\{character}")
    return pattern.replace("*", "%").replace("?", "_")


def _kept(each: Handled, wanted: Wanted) -> bool:
    now = each.standing
    return (
        (not wanted.states or now.state in wanted.states)
        and wanted.shelved in (None, now.shelf is not None)
        and wanted.assignee in (None, now.assignee)
        # Somebody closed it: it is done with, however long judgement will see it open.
        and (wanted.open_or_since is None or now.closed is None or now.closed.at >= wanted.open_or_since)
    )


def _events(connection: Connection, found: Mapping[str, Any]) -> Select[Any]:
    """The events between the alarm before and the alarm after this one: also those that were taken back."""
    same = [alarms.c[name] == found[name] for name in ("rule", "device", "metric")]
    others = select(alarms.c.cleared, alarms.c.started).where(*same, alarms.c.state != "withdrawn")
    before = others.where(alarms.c.opened < found["opened"]).order_by(alarms.c.opened.desc())
    after = others.where(alarms.c.opened > found["opened"]).order_by(alarms.c.opened)
    earlier, later = (connection.execute(one.limit(1)).first() for one in (before, after))
    conditions = [alarm_events.c[name] == found[name] for name in ("rule", "device", "metric")]
    if earlier is not None and earlier.cleared is not None:
        conditions.append(alarm_events.c.time > earlier.cleared)
    if later is not None:
        conditions.append(alarm_events.c.time < later.started)
    if found["state"] == "withdrawn":
        conditions.append(alarm_events.c.withdrawn.is_not(None))
    joined = alarm_events.outerjoin(batches, alarm_events.c.batch == batches.c.batch)
    return select(alarm_events, batches.c.horizon).select_from(joined).where(*conditions)
