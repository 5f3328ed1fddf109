"""The ledger: which batch holds which offsets, how far each is, and that nothing is skipped or counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Engine, Row, cast, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB

from barograph.state.tables import batch_ids, batches
from barograph.windows import Window, iso, utc


@dataclass(frozen=True)
class Slice:
    """A run of offsets of one partition: `start` included, `end` not."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int

    @property
    def messages(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Batch:
    """One line of the ledger. It belongs to (dag_id, run_id): a cleared run redoes its own batch."""

    batch: int
    writer: str
    dag_id: str
    run_id: str
    horizon: datetime
    plan: list[Slice]
    gaps: list[dict[str, Any]] = field(default_factory=list)
    expected: dict[str, int] | None = None
    counts: dict[str, int] | None = None
    touched: list[Window] | None = None
    steps: dict[str, Any] = field(default_factory=dict)
    done: bool = False


class Ledger:
    """The batches of one writer. Call it under the writer's lock (engine.writer_lock)."""

    def __init__(self, engine: Engine, writer: str) -> None:
        self.engine = engine
        self.writer = writer

    def of_run(self, dag_id: str, run_id: str) -> Batch | None:
        return self._first(batches.c.dag_id == dag_id, batches.c.run_id == run_id)

    def get(self, batch: int) -> Batch | None:
        return self._first(batches.c.batch == batch)

    def latest(self) -> Batch | None:
        found = self._where(batches.c.writer == self.writer, newest_first=True, limit=1)
        return found[0] if found else None

    def unfinished(self) -> list[Batch]:
        """Earlier runs' batches that were never completed, oldest first: they come before anything new."""
        return self._where(batches.c.writer == self.writer, ~batches.c.done)

    def positions(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Where the next batch starts: (topic, partition) -> (topic id, first offset not yet planned)."""
        ends = text(
            """select distinct on (slice->>'topic', slice->>'partition')
                      slice->>'topic', (slice->>'partition')::int, slice->>'topic_id', (slice->>'end')::bigint
               from batches, jsonb_array_elements(plan) as slice
               where writer = :writer
               order by slice->>'topic', slice->>'partition', batch desc"""
        )
        with self.engine.connect() as connection:
            rows = connection.execute(ends, {"writer": self.writer})
            return {(topic, partition): (topic_id, end) for topic, partition, topic_id, end in rows}

    def touched_from(self, first: int, last: int) -> datetime | None:
        """The earliest event time that any of the batches `first` to `last` touched, of any writer."""
        earliest = text(
            """select min((stretch->>0)::timestamptz) from batches, jsonb_array_elements(touched) as stretch
               where batch between :first and :last and touched is not null"""
        )
        with self.engine.connect() as connection:
            found: datetime | None = connection.scalar(earliest, {"first": first, "last": last})
        return found

    def plan(
        self, dag_id: str, run_id: str, horizon: datetime, plan: Sequence[Slice], gaps: Sequence[dict[str, Any]]
    ) -> Batch:
        with self.engine.begin() as connection:
            number = connection.scalar(batch_ids.next_value().select())
            connection.execute(
                insert(batches).values(
                    batch=number,
                    writer=self.writer,
                    dag_id=dag_id,
                    run_id=run_id,
                    horizon=horizon,
                    plan=[asdict(part) for part in plan],
                    gaps=list(gaps),
                )
            )
        assert number is not None
        return Batch(number, self.writer, dag_id, run_id, horizon, list(plan), list(gaps))

    def adopt(self, facts: dict[str, Any]) -> None:
        """Enter a batch that the record has and the ledger lacks: the database is older than the record."""
        with self.engine.begin() as connection:
            connection.execute(
                insert(batches).values(
                    batch=facts["batch"],
                    writer=self.writer,
                    dag_id=facts["dag_id"],
                    run_id=facts["run_id"],
                    horizon=utc(facts["horizon"]),
                    plan=facts["plan"],
                    expected=facts["expected"],
                    adopted=True,
                )
            )

    def stay_above(self, batch: int) -> None:
        """Never give out a number that the record already knows: Delta would skip its rows in silence."""
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "select setval('batch_ids', greatest(:batch, (select last_value from batch_ids),"
                    " (select max(batch) from batches)))"
                ),
                {"batch": batch},
            )

    def known(self, numbers: Sequence[int]) -> set[int]:
        with self.engine.connect() as connection:
            return set(connection.scalars(select(batches.c.batch).where(batches.c.batch.in_(numbers))))

    def note(self, batch: int, **facts: Any) -> None:
        """Remember counts, touched ranges or that the batch is done."""
        if "touched" in facts:
            facts["touched"] = [[iso(window.start), iso(window.end)] for window in facts["touched"]]
        with self.engine.begin() as connection:
            connection.execute(update(batches).where(batches.c.batch == batch).values(**facts))

    def step(self, batch: int, name: str, what: Any) -> None:
        """Mark one step of a batch as done."""
        with self.engine.begin() as connection:
            connection.execute(
                update(batches)
                .where(batches.c.batch == batch)
                .values(steps=batches.c.steps.op("||")(cast({name: what}, JSONB)))
            )

    def last_step(self, name: str) -> dict[str, Any] | None:
        """What a step said of itself the last time that a batch had it."""
        newest = (
            select(batches.c.steps[name])
            .where(batches.c.writer == self.writer, batches.c.steps.has_key(name))
            .order_by(batches.c.batch.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            return connection.scalar(newest)

    def recent(self, limit: int = 20) -> list[Batch]:
        return self._where(batches.c.writer == self.writer, newest_first=True, limit=limit)

    def _first(self, *conditions: Any) -> Batch | None:
        found = self._where(batches.c.writer == self.writer, *conditions, limit=1)
        return found[0] if found else None

    def _where(self, *conditions: Any, newest_first: bool = False, limit: int | None = None) -> list[Batch]:
        order = batches.c.batch.desc() if newest_first else batches.c.batch
        with self.engine.connect() as connection:
            rows = connection.execute(select(batches).where(*conditions).order_by(order).limit(limit))
            return [_batch(row) for row in rows]


DEAD_AFTER = timedelta(hours=1)
"""A replay that was killed before it had chosen anything is only a number; by then nobody works on it any more."""


def finished(engine: Engine, above: int, limit: int | None = None) -> list[Batch]:
    """Finished batches of all writers above a number, in their order, up to the first that is still being worked on."""
    newest = select(func.max(batches.c.horizon)).where(batches.c.done).scalar_subquery()
    dead = (
        batches.c.expected.is_(None)
        & ~batches.c.steps.has_key("choice")
        & batches.c.writer.like("replay:%")
        & (batches.c.horizon < newest - DEAD_AFTER)
    )
    wanted = select(batches).where(batches.c.batch > above, batches.c.done | ~dead).order_by(batches.c.batch)
    with engine.connect() as connection:
        found = [_batch(row) for row in connection.execute(wanted.limit(limit))]
    return list(takewhile(lambda batch: batch.done, found))


def _batch(row: Row[Any]) -> Batch:
    return Batch(
        batch=row.batch,
        writer=row.writer,
        dag_id=row.dag_id,
        run_id=row.run_id,
        horizon=row.horizon,
        plan=[Slice(**part) for part in row.plan],
        gaps=row.gaps,
        expected=row.expected,
        counts=row.counts,
        touched=None if row.touched is None else [Window(utc(start), utc(end)) for start, end in row.touched],
        steps=row.steps,
        done=row.done,
    )


def newest_finished(engine: Engine) -> int:
    """Of all writers; 0 without any."""
    with engine.connect() as connection:
        return connection.scalar(select(func.max(batches.c.batch)).where(batches.c.done)) or 0


def replays_of(engine: Engine, batch: int) -> list[Batch]:
    """The finished replays that a batch of `ingest` judges: those that none before it has judged.

    They are its own from the first call on: a run that is cleared judges the same ones again, and no other does.
    """
    # All their names come after drain's, and the index knows the order: the ledger is long.
    replays = batches.c.writer > "drain", batches.c.writer.like("replay:%"), batches.c.done, batches.c.batch < batch
    free = update(batches).where(*replays, ~batches.c.steps.has_key("judged_by"))
    own = select(batches).where(*replays, batches.c.steps["judged_by"].as_integer() == batch)
    with engine.begin() as connection:
        connection.execute(free.values(steps=batches.c.steps.op("||")(cast({"judged_by": batch}, JSONB))))
        return [_batch(row) for row in connection.execute(own.order_by(batches.c.batch))]


def first_horizon(engine: Engine) -> datetime | None:
    """When the first batch of all was planned; None before it."""
    with engine.connect() as connection:
        found: datetime | None = connection.scalar(select(batches.c.horizon).order_by(batches.c.batch).limit(1))
    return found
