"""What people do about alarms: append-only actions, and how an alarm stands by them.

alarms, as judgement found them ──┐
                                  ├─► standing(alarm, actions, at)
alarm_actions, as people did ─────┘

Judgement alone writes `alarms`, this file alone `alarm_actions`; neither waits for the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, insert, select, tuple_

from barograph.errors import AlarmError, AlreadyDone
from barograph.state.tables import alarm_actions, alarms

Verb = Literal["acknowledge", "comment", "assign", "shelve", "unshelve", "close", "reopen"]
State = Literal["open", "acknowledged", "cleared", "closed", "suppressed", "withdrawn"]
Key = tuple[str, str, str]
"""(rule, device, metric): what a shelf covers."""

STATES: tuple[State, ...] = ("open", "acknowledged", "cleared", "closed", "suppressed", "withdrawn")
LARGEST = 2**63 - 1
"""No alarm has this number: it is the last that a database can count to."""
LONGEST_SHELF = timedelta(days=31)
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST_NAME, LONGEST_COMMENT = 100, 2_000


@dataclass(frozen=True)
class Action:
    """One thing that somebody did."""

    alarm: int
    at: datetime
    who: str
    verb: Verb
    comment: str = ""
    assignee: str | None = None
    """Of `assign`; None: nobody any more."""
    until: datetime | None = None
    """Of `shelve`."""
    action: int = 0
    """Its number, once it is recorded: the order in which things were done, whatever clocks say."""
    key: Key | None = None
    """Of its alarm: a shelf covers all alarms of one rule and point."""


@dataclass(frozen=True)
class Standing:
    """How an alarm stands for people at one moment."""

    state: State
    acknowledged: Action | None = None
    assignee: str | None = None
    shelf: Action | None = None
    """Its rule and point are shelved until `shelf.until`: nobody is told."""
    closed: Action | None = None
    time_to_acknowledge: timedelta | None = None
    """From its opening to the first acknowledgement."""

    @property
    def wants_somebody(self) -> bool:
        return self.state == "open" and self.shelf is None

    @property
    def facts(self) -> dict[str, Any]:
        """The same for scripts."""
        acknowledged, shelf, closed = self.acknowledged, self.shelf, self.closed
        waited = self.time_to_acknowledge
        return {
            "standing": self.state,
            "acknowledged": acknowledged.at if acknowledged else None,
            "acknowledged_by": acknowledged.who if acknowledged else None,
            "seconds_to_acknowledge": waited.total_seconds() if waited is not None else None,
            "assignee": self.assignee,
            "shelved_until": shelf.until if shelf else None,
            "shelved_by": shelf.who if shelf else None,
            "closed": closed.at if closed else None,
            "closed_by": closed.who if closed else None,
        }


def standing(alarm: Mapping[str, Any], actions: Iterable[Action], at: datetime) -> Standing:
    """What judgement and people amount to at `at`. Pure.

    `actions`: those on this alarm, and those that shelve or unshelve its rule and point on any alarm.
    """
    acknowledged = first = closed = shelf = None
    assignee = None
    for action in sorted(actions, key=lambda action: action.action):
        if action.at > at:
            continue
        if action.verb in ("shelve", "unshelve"):
            shelf = action if action.verb == "shelve" else None
        if action.alarm != alarm["alarm"]:
            continue
        match action.verb:
            case "acknowledge":
                acknowledged, first = action, first or action
            case "assign":
                assignee = action.assignee
            case "close":
                closed = action
            case "reopen":
                acknowledged = closed = None
    if shelf is not None and (shelf.until is None or shelf.until <= at):
        shelf = None
    waited = max(first.at - alarm["opened"], timedelta(0)) if first else None
    return Standing(_state(alarm["state"], acknowledged, closed), acknowledged, assignee, shelf, closed, waited)


def _state(judged: State, acknowledged: Action | None, closed: Action | None) -> State:
    if judged == "withdrawn":
        return judged
    if closed is not None:
        return "closed"
    return "acknowledged" if judged == "open" and acknowledged is not None else judged


def needs_comment(alarm: Mapping[str, Any]) -> bool:
    """Whether the rule, as it was in force, wants to read why with an acknowledgement."""
    rule = alarm.get("thresholds") or {}
    return bool(rule.get("comment_required"))


def allowed(alarm: Mapping[str, Any], now: Standing, action: Action) -> None:
    """Whether an alarm that stands like this can be treated so. Raises AlarmError, or AlreadyDone."""
    number, is_open = alarm["alarm"], now.state in ("open", "acknowledged")
    if now.state == "withdrawn" and action.verb not in ("comment", "unshelve"):
        raise AlarmError(f"Alarm {number} was withdrawn: late data showed that it never was. There is nothing to do.")
    match action.verb:
        case "acknowledge":
            _not_yet(now.acknowledged, number, "acknowledged")
            _not_yet(now.closed, number, "closed")
            if needs_comment(alarm) and not action.comment:
                raise AlarmError(f"{alarm['rule']} wants a comment with each acknowledgement: what was found and done?")
        case "comment" if not action.comment:
            raise AlarmError("A comment needs words.")
        case "assign" if action.assignee == now.assignee:
            raise AlreadyDone(f"Alarm {number} is assigned to {now.assignee or 'nobody'} already.")
        case "shelve":
            if action.until is None or not timedelta(0) < action.until - action.at <= LONGEST_SHELF:
                raise AlarmError(f"A shelf ends, and within {LONGEST_SHELF.days} days: say a time such as 30m, 8h, 2d.")
        case "unshelve" if now.shelf is None:
            raise AlreadyDone(f"{alarm['rule']} on {alarm['device']} is not shelved.")
        case "close":
            _not_yet(now.closed, number, "closed")
            if is_open and not action.comment:
                raise AlarmError(
                    f"Alarm {number} is still beyond its limit. Close it with a comment that says why, or shelve it."
                )
        case "reopen" if now.closed is None and now.acknowledged is None:
            raise AlreadyDone(f"Alarm {number} is neither closed nor acknowledged.")


def act(engine: Engine, action: Action) -> Standing:
    """Record what somebody does, once. Raises AlarmError, or AlreadyDone where another was faster."""
    action = _tidy(action)
    with engine.begin() as connection:
        # Who comes second waits here for the first, and then sees what he did.
        alarm = found(connection, action.alarm, lock=True)
        done = actions_of(connection, [alarm])[action.alarm]
        # The clock of another machine may be ahead of ours; what is recorded has happened.
        at = max([action.at, *(each.at for each in done)])
        allowed(alarm, standing(alarm, done, at), action)
        recorded = {
            column.name: getattr(action, column.name) for column in alarm_actions.columns if column.name != "action"
        }
        number = connection.execute(
            insert(alarm_actions).values(recorded).returning(alarm_actions.c.action)
        ).scalar_one()
        return standing(alarm, [*done, replace(action, action=number, key=key_of(alarm))], at)


def found(connection: Connection, number: int, lock: bool = False) -> dict[str, Any]:
    """An alarm as judgement has it. Raises AlarmError where there is none."""
    wanted = select(alarms).where(alarms.c.alarm == min(number, LARGEST))
    row = connection.execute(wanted.with_for_update(key_share=True) if lock else wanted).mappings().first()
    if row is None:
        raise AlarmError(f"There is no alarm {number}. `barograph alarms list` shows those there are.")
    return dict(row)


def actions_of(connection: Connection, those: Sequence[Mapping[str, Any]]) -> dict[int, list[Action]]:
    """For each of these alarms, all that `standing` wants to know, in the order in which it was done."""
    numbers = [alarm["alarm"] for alarm in those]
    of: dict[int, list[Action]] = {number: [] for number in numbers}
    if not numbers:
        return of
    point = tuple_(alarms.c.rule, alarms.c.device, alarms.c.metric)
    shelving = alarm_actions.c.verb.in_(["shelve", "unshelve"]) & point.in_({key_of(alarm) for alarm in those})
    rows = connection.execute(_ACTIONS.where(shelving | alarm_actions.c.alarm.in_(numbers)))
    shelves: dict[Key, list[Action]] = {}
    for action in map(_action, rows):
        if action.verb in ("shelve", "unshelve"):
            assert action.key is not None
            shelves.setdefault(action.key, []).append(action)
        else:
            of[action.alarm].append(action)
    for alarm in those:
        of[alarm["alarm"]] += shelves.get(key_of(alarm), [])
    return of


def shelves(engine: Engine, at: datetime) -> dict[Key, Action]:
    """What is shelved at a moment: rule and point -> the action that shelved it."""
    wanted = _ACTIONS.where(alarm_actions.c.verb.in_(["shelve", "unshelve"]), alarm_actions.c.at <= at)
    with engine.connect() as connection:
        last = {action.key: action for action in map(_action, connection.execute(wanted)) if action.key}
    return {key: action for key, action in last.items() if action.until is not None and action.until > at}


def length(text: str) -> timedelta:
    """How long a shelf lasts: 30m, 8h, 2d. Raises AlarmError."""
    found = re.fullmatch(r"(\d{1,5})([mhd])", text.strip())
    lasting = int(found[1]) * UNITS[found[2]] if found else timedelta(0)
    if not timedelta(0) < lasting <= LONGEST_SHELF:
        raise AlarmError(f"{text} is no time up to {LONGEST_SHELF.days} days, such as 30m, 8h or 2d.")
    return lasting


_ACTIONS = (
    select(alarm_actions, alarms.c.rule, alarms.c.device, alarms.c.metric).join(alarms).order_by(alarm_actions.c.action)
)
"""Each with the key of its alarm, in the order in which they were done."""


def _action(row: Row[Any]) -> Action:
    facts = row._mapping
    names = [field.name for field in fields(Action) if field.name != "key"]
    return Action(**{name: facts[name] for name in names}, key=key_of(facts))


def key_of(facts: Mapping[Any, Any]) -> Key:
    return facts["rule"], facts["device"], facts["metric"]


def _not_yet(before: Action | None, number: int, what: str) -> None:
    if before is not None:
        said = f" (“{before.comment}”)" if before.comment else ""
        raise AlreadyDone(f"{before.who} {what} alarm {number} already, {before.at:%Y-%m-%d %H:%M:%S} UTC{said}.")


def _tidy(action: Action) -> Action:
    """The texts without blanks around them. Raises AlarmError for what no name and no comment has."""
    who = _text(action.who, LONGEST_NAME, "name", str.isprintable)
    if not who:
        raise AlarmError("Say who does it.")
    assignee = _text(action.assignee or "", LONGEST_NAME, "name", str.isprintable) or None
    lines = _text(action.comment.replace("\r\n", "\n"), LONGEST_COMMENT, "comment", _plain)
    return replace(action, who=who, assignee=assignee, comment=lines)


def _text(text: str, longest: int, what: str, good: Callable[[str], bool]) -> str:
    text = text.strip()
    if len(text) > longest or not good(text):
        raise AlarmError(f"A {what} has at most {longest:,} characters, and none that cannot be printed.")
    return text


def _plain(text: str) -> bool:
    return all(line.replace("\t", " ").isprintable() for line in text.split("\n"))
