"""The outbox in SQL: what changed becomes notices, notices become messages, messages are delivered.

Every notice is made once: those of a change and the position behind it are one transaction, and what is told to whom
on which channel is unique. A message is marked when it was sent, so one whose sender dies in between is sent again,
under the same identity. A channel has one message at a time; what is new meanwhile joins the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, case, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from barograph.state.changes import newest_whole
from barograph.state.handling import Standing, actions_of, standing
from barograph.state.tables import alarms, notices, notifier_position, outbox

NOTIFIER = "notifier"
CHANGES = 1_000
"""Of alarms that are looked at in one transaction."""
LEASE = timedelta(minutes=10)
"""Longer than any attempt takes."""
KEEP = timedelta(days=180)
"""How long it is known what was told of alarms that are over."""
TOGETHER = 500
"""Alarms in one question; PostgreSQL refuses one of many thousand."""
WORDS = 500
"""Characters of an error that are remembered."""
PENDING = (notices.c.message.is_(None), notices.c.dropped.is_(None))

Address = tuple[str, str]
"""A contact, and one of its channels."""


@dataclass(frozen=True)
class Notice:
    """Something to be told about an alarm, to one contact on one channel, not before `due`."""

    alarm: int
    contact: str
    channel: str
    kind: str
    number: int
    severity: str
    due: datetime


@dataclass(frozen=True)
class Message:
    """One that waits, or was sent."""

    message: int
    identity: str
    contact: str
    channel: str
    thread: str
    facts: dict[str, Any]
    composed: datetime
    due: datetime
    attempts: int
    state: str = "waiting"
    attempted: datetime | None = None
    leased: datetime | None = None
    error: str | None = None

    @property
    def address(self) -> Address:
        return self.contact, self.channel


@dataclass(frozen=True)
class Composed:
    """What composing makes of pending notices. Those that `drop` names are told nobody, those `later` not yet."""

    identity: str
    thread: str
    facts: dict[str, Any]
    told: Sequence[int]


@dataclass(frozen=True)
class Composition:
    message: Composed | None
    drop: Mapping[int, str]
    later: Mapping[int, datetime]


Decide = Callable[[Mapping[Any, Any], Sequence[Row[Any]]], Iterable[Notice]]
"""An alarm as it is now, and the notices about it so far, in their order -> what is to be told."""
Compose = Callable[[Sequence[Row[Any]], Mapping[int, Mapping[str, Any]], Mapping[int, Sequence[str]]], Composition]
"""Pending notices of one channel, their alarms, and per alarm the identities of messages about it so far."""


@contextmanager
def leading(engine: Engine) -> Iterator[Connection | None]:
    """Be the one notifier of this database, or None where another is. It ends with the process, however that ends."""
    key = crc32(NOTIFIER.encode())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": key}):
            yield None
            return
        try:
            yield connection
        finally:
            if not connection.invalidated:
                connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})


def follow(engine: Engine, at: datetime, decide: Decide) -> int:
    """Look at the alarms that changed since the position, and move it. How many those were.

    The first time, what is open is looked at, and nothing of what is over.
    """
    with engine.connect() as connection:
        begun = connection.scalar(select(notifier_position.c.change))
    newest = newest_whole(engine, begun or 0)
    if newest is None and begun is not None:
        return 0
    newest = newest or 0
    with engine.begin() as connection:
        position = connection.scalar(select(notifier_position.c.change).with_for_update())
        changed = select(alarms).where(alarms.c.change <= newest).order_by(alarms.c.change)
        if position is None:
            rows = connection.execute(changed.where(alarms.c.state == "open")).mappings().all()
        else:
            rows = connection.execute(changed.where(alarms.c.change > position).limit(CHANGES)).mappings().all()
            newest = rows[-1]["change"] if len(rows) == CHANGES else newest
        known = _known(connection, [row["alarm"] for row in rows])
        _enqueue(connection, at, [notice for row in rows for notice in decide(row, known[row["alarm"]])])
        moved = insert(notifier_position).values(notifier=NOTIFIER, change=newest)
        further = func.greatest(notifier_position.c.change, moved.excluded.change)
        connection.execute(moved.on_conflict_do_update(index_elements=["notifier"], set_={"change": further}))
        return len(rows)


def catch_up(engine: Engine, at: datetime, decide: Decide) -> int:
    """Offer all open alarms that were followed, with the notices about them; make those it returns. How many."""
    with engine.begin() as connection:
        followed = select(notifier_position.c.change).scalar_subquery()
        wanted = select(alarms).where(alarms.c.state == "open", alarms.c.change <= followed).order_by(alarms.c.alarm)
        rows = connection.execute(wanted).mappings().all()
        known = _known(connection, [row["alarm"] for row in rows])
        return _enqueue(connection, at, [notice for row in rows for notice in decide(row, known[row["alarm"]])])


def remind(
    engine: Engine, at: datetime, whom: Collection[str], decide: Callable[[Sequence[Row[Any]]], Iterable[Notice]]
) -> int:
    """Offer the notices to some contacts about alarms that wait for somebody; make those it returns."""
    theirs = (notices.c.contact.in_(whom), notices.c.dropped.is_(None))
    told = select(notices.c.alarm).where(notices.c.alarm == alarms.c.alarm, *theirs)
    with engine.begin() as connection:
        wanted = select(alarms).where(alarms.c.state == "open", told.exists())
        about = {row["alarm"]: row for row in connection.execute(wanted).mappings()}
        waits = [number for number, stands in standings(connection, about, at).items() if stands.wants_somebody]
        rows = connection.execute(
            select(notices, alarms.c.severity.label("now"))
            .join(alarms, alarms.c.alarm == notices.c.alarm)
            .where(notices.c.alarm.in_(waits), *theirs)
            .order_by(notices.c.notice)
        ).all()
        return _enqueue(connection, at, decide(rows))


def ready(engine: Engine, at: datetime) -> list[Address]:
    """The channels that something is due for, and that have no message under way."""
    under_way = select(outbox.c.message).where(
        outbox.c.contact == notices.c.contact, outbox.c.channel == notices.c.channel, outbox.c.state == "waiting"
    )
    wanted = select(notices.c.contact, notices.c.channel).where(*PENDING, notices.c.due <= at, ~under_way.exists())
    with engine.connect() as connection:
        return [(row.contact, row.channel) for row in connection.execute(wanted.distinct())]


def compose(engine: Engine, address: Address, at: datetime, until: datetime, put: Compose) -> bool:
    """Let `put` make one message of what is due on a channel `until` then; whether it made one."""
    with engine.begin() as connection:
        mine = (notices.c.contact == address[0], notices.c.channel == address[1])
        rows = connection.execute(
            select(notices).where(*mine, *PENDING, notices.c.due <= until).order_by(notices.c.notice).with_for_update()
        ).all()
        those = {row.alarm for row in rows}
        about = {
            row["alarm"]: dict(row)
            for row in connection.execute(select(alarms).where(alarms.c.alarm.in_(those))).mappings()
        }
        for number, stands in standings(connection, about, at).items():
            about[number]["acknowledged"] = stands.state in ("acknowledged", "closed")
            if stands.shelf is not None:
                about[number]["shelved"] = stands.shelf.until
        made = put(rows, about, _threads(connection, mine, those))
        for why in set(made.drop.values()):
            gone = [notice for notice, said in made.drop.items() if said == why]
            connection.execute(update(notices).where(notices.c.notice.in_(gone)).values(dropped=why))
        for end in set(made.later.values()):
            waiting = [notice for notice, until_ in made.later.items() if until_ == end]
            connection.execute(update(notices).where(notices.c.notice.in_(waiting)).values(due=end))
        if made.message is None:
            return False
        row = insert(outbox).values(
            identity=made.message.identity, contact=address[0], channel=address[1], thread=made.message.thread,
            facts=made.message.facts, composed=at, due=at,
        )  # fmt: skip
        number = connection.scalar(row.returning(outbox.c.message))
        connection.execute(update(notices).where(notices.c.notice.in_(made.message.told)).values(message=number))
        return True


def composed_since(engine: Engine, since: datetime) -> dict[Address, list[datetime]]:
    """When messages were composed, by channel: what rates are counted by."""
    wanted = select(outbox.c.contact, outbox.c.channel, outbox.c.composed).where(outbox.c.composed > since)
    found: dict[Address, list[datetime]] = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(wanted.order_by(outbox.c.composed)):
            found[row.contact, row.channel].append(row.composed)
    return found


def waiting(engine: Engine, at: datetime) -> list[Message]:
    """The messages that are to be sent by now, and that nobody is sending."""
    free = or_(outbox.c.leased.is_(None), outbox.c.leased <= at)
    return messages(engine, outbox.c.state == "waiting", outbox.c.due <= at, free)


def messages(engine: Engine, *conditions: Any, newest: int | None = None) -> list[Message]:
    wanted = select(outbox).where(*conditions).order_by(outbox.c.message)
    if newest is not None:
        wanted = wanted.order_by(None).order_by(outbox.c.message.desc()).limit(newest)
    with engine.connect() as connection:
        return [Message(**row) for row in connection.execute(wanted).mappings()]


def about(alarm: int) -> ColumnElement[bool]:
    """Messages that tell of an alarm."""
    return outbox.c.message.in_(select(notices.c.message).where(notices.c.alarm == alarm))


def begin(engine: Engine, message: Message, at: datetime) -> bool:
    """Note that an attempt begins: also one that is never heard of again is counted.

    False where there was another since the message was read: then this one is not to be made.
    """
    same = (outbox.c.state == "waiting", outbox.c.attempts == message.attempts)
    begun = update(outbox).where(outbox.c.message == message.message, *same)
    facts = {"attempts": message.attempts + 1, "attempted": at, "leased": at + LEASE}
    with engine.begin() as connection:
        return connection.execute(begun.values(**facts)).rowcount == 1


def release(engine: Engine) -> int:
    """End the leases of notifiers before this one: it leads, so they are gone. How many."""
    with engine.begin() as connection:
        return connection.execute(update(outbox).where(outbox.c.leased.is_not(None)).values(leased=None)).rowcount


def note(engine: Engine, message: int, state: str, due: datetime, error: str | None) -> None:
    """What came of an attempt. One that was marked as sent stays sent."""
    marked = update(outbox).where(outbox.c.message == message, outbox.c.state == "waiting")
    with engine.begin() as connection:
        facts = {"state": state, "due": due, "error": error[:WORDS] if error else None, "leased": None}
        connection.execute(marked.values(**facts))


def retry(engine: Engine, at: datetime) -> int:
    """Let what was refused or given up wait again, one of each channel, the newest. How many."""
    with engine.begin() as connection:
        newest = select(func.max(outbox.c.message)).group_by(outbox.c.contact, outbox.c.channel)
        again = update(outbox).where(outbox.c.message.in_(newest), outbox.c.state.in_(["refused", "late"]))
        values = {"state": "waiting", "due": at, "composed": outbox.c.composed}
        return connection.execute(again.values(**values)).rowcount


def prune(engine: Engine, at: datetime) -> int:
    """Forget what was told before KEEP of alarms that are over and of which nothing was told since. How many messages.

    What still waits stays, and so does the last message of each channel: it says how that is.
    """
    old, other = at - KEEP, notices.alias()
    on_its_way = select(outbox.c.message).where(outbox.c.message == other.c.message, outbox.c.state == "waiting")
    pending = and_(other.c.message.is_(None), other.c.dropped.is_(None))
    fresh = select(other).where(
        other.c.alarm == notices.c.alarm, or_(other.c.noted >= old, pending, on_its_way.exists())
    )
    is_open = select(alarms).where(alarms.c.alarm == notices.c.alarm, alarms.c.state.in_(["open", "suppressed"]))
    last = select(func.max(outbox.c.message)).group_by(outbox.c.contact, outbox.c.channel)
    said = select(notices).where(notices.c.message == outbox.c.message)
    with engine.begin() as connection:
        own = or_(notices.c.message.is_(None), notices.c.message.not_in(last))
        connection.execute(delete(notices).where(own, ~fresh.exists(), ~is_open.exists()))
        done = (outbox.c.composed < old, outbox.c.state != "waiting", outbox.c.message.not_in(last))
        return connection.execute(delete(outbox).where(*done, ~said.exists())).rowcount


def channels(engine: Engine) -> list[Row[Any]]:
    """How each channel is: what waits, since when, and what its last message came to."""
    last = (
        select(
            outbox.c.contact,
            outbox.c.channel,
            outbox.c.state,
            outbox.c.error,
            outbox.c.attempts,
            outbox.c.attempted,
            outbox.c.composed,
        )
        .distinct(outbox.c.contact, outbox.c.channel)
        .order_by(outbox.c.contact, outbox.c.channel, outbox.c.message.desc())
    )
    with engine.connect() as connection:
        return list(connection.execute(last))


def pending(engine: Engine) -> list[Row[Any]]:
    """How many notices wait, by channel, and since when the oldest is due."""
    wanted = (
        select(
            notices.c.contact, notices.c.channel, func.count().label("notices"), func.min(notices.c.due).label("due")
        )
        .where(*PENDING)
        .group_by(notices.c.contact, notices.c.channel)
        .order_by(notices.c.contact, notices.c.channel)
    )
    with engine.connect() as connection:
        return list(connection.execute(wanted))


def standings(connection: Connection, about: Mapping[int, Mapping[Any, Any]], at: datetime) -> dict[int, Standing]:
    """How alarms stand for people: acknowledged, shelved, closed."""
    found: dict[int, Standing] = {}
    those = list(about.values())
    for first in range(0, len(those), TOGETHER):
        some = those[first : first + TOGETHER]
        done = actions_of(connection, some)
        found |= {alarm["alarm"]: standing(alarm, done[alarm["alarm"]], at) for alarm in some}
    return found


def _known(connection: Connection, those: Sequence[int]) -> defaultdict[int, list[Row[Any]]]:
    known: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    wanted = select(notices).where(notices.c.alarm.in_(those)).order_by(notices.c.notice)
    for row in connection.execute(wanted):
        known[row.alarm].append(row)
    return known


def _enqueue(connection: Connection, at: datetime, made: Iterable[Notice]) -> int:
    rows = [{**asdict(notice), "noted": at} for notice in made]
    if rows:
        connection.execute(insert(notices).on_conflict_do_nothing(), rows)
    return len(rows)


def _threads(connection: Connection, mine: Sequence[Any], those: Collection[int]) -> dict[int, list[str]]:
    """Per alarm: the identities of the messages about it that went out here, the first one first."""
    wanted = (
        select(notices.c.alarm, outbox.c.identity)
        .join(outbox, outbox.c.message == notices.c.message)
        .where(*mine, notices.c.alarm.in_(those), case((outbox.c.state == "refused", False), else_=True))
        .order_by(notices.c.notice)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(wanted):
        if row.identity not in found[row.alarm]:
            found[row.alarm].append(row.identity)
    return found
