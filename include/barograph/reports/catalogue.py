"""What SQL knows for reports: the alarms of a day, and which revisions were published. Only SQL of the reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from sqlalchemy import Engine, func, insert, or_, select
from sqlalchemy.exc import OperationalError

from barograph.errors import ServiceUnavailable
from barograph.reports.data import Alarm
from barograph.rules.excursion import limits_of
from barograph.settings import Settings
from barograph.state import handling, signoffs, stale
from barograph.state.engine import connect, writer_lock
from barograph.state.handling import Standing
from barograph.state.signoffs import Signoff
from barograph.state.stale import Stale
from barograph.state.tables import alarms, reports
from barograph.windows import Window

UNTOLD = ("withdrawn", "suppressed")
"""What did not happen, and what another alarm explains."""

FOREVER = datetime.max.replace(tzinfo=UTC)
"""A report tells what people did about an alarm, whenever they did it."""


@dataclass(frozen=True)
class Entry:
    """One published revision of a day."""

    site: str
    key: str
    """Of the day, week, month, year, and of the zone or device if it is not of the whole site."""
    revision: int
    fingerprint: str
    inputs: dict[str, Any]
    """Of what it was made; `manifest` is the sha256 of its report.json, which vouches for all other files."""
    folder: str
    """Below the reports folder."""


class Catalogue(Protocol):
    def lock(self, site: str, key: str) -> AbstractContextManager[None]:
        """Only one at a time publishes a report. Raises WriterBusy."""

    def alarms(self, site: str, window: Window) -> list[Alarm]:
        """Those that were open at some time of the window."""

    def latest(self, site: str, key: str) -> Entry | None: ...

    def add(self, entry: Entry) -> None: ...

    def signoffs(self, site: str, day: date) -> list[Signoff]:
        """Who confirmed which of its revisions."""

    def stale(self, site: str, day: date) -> list[Stale]:
        """Why the published report may no longer say all there is to say."""

    def answered(self, marks: list[Stale]) -> None:
        """A report that was gathered after these were found is published."""


@dataclass(frozen=True)
class SqlCatalogue:
    engine: Engine

    @classmethod
    def of(cls, settings: Settings) -> SqlCatalogue:
        return cls(connect(settings))

    def lock(self, site: str, key: str) -> AbstractContextManager[None]:
        return writer_lock(self.engine, f"report:{site}:{key}")

    def alarms(self, site: str, window: Window) -> list[Alarm]:
        wanted = (
            select(alarms)
            .where(alarms.c.site == site, alarms.c.state.not_in(UNTOLD), alarms.c.opened < window.end)
            .where(or_(alarms.c.cleared.is_(None), alarms.c.cleared > window.start))
        )
        with self._answering() as engine, engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(wanted).mappings()]
            done = handling.actions_of(connection, rows)
        return [_alarm(row, handling.standing(row, done[row["alarm"]], FOREVER)) for row in rows]

    def latest(self, site: str, key: str) -> Entry | None:
        wanted = (
            select(reports)
            .where(reports.c.site == site, reports.c.day == key)
            .order_by(reports.c.revision.desc())
            .limit(1)
        )
        with self._answering() as engine, engine.connect() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        return Entry(site, key, row["revision"], row["fingerprint"], row["inputs"], row["folder"])

    def add(self, entry: Entry) -> None:
        with self._answering() as engine, engine.begin() as connection:
            connection.execute(
                insert(reports).values(
                    site=entry.site,
                    day=entry.key,
                    revision=entry.revision,
                    fingerprint=entry.fingerprint,
                    inputs=entry.inputs,
                    folder=entry.folder,
                    made=func.now(),
                )
            )

    def signoffs(self, site: str, day: date) -> list[Signoff]:
        with self._answering() as engine:
            return signoffs.of(engine, site, [day])

    def stale(self, site: str, day: date) -> list[Stale]:
        with self._answering() as engine:
            return stale.marked(engine, site, day)

    def answered(self, marks: list[Stale]) -> None:
        with self._answering() as engine:
            stale.published(engine, marks)

    @contextmanager
    def _answering(self) -> Iterator[Engine]:
        try:
            yield self.engine
        except OperationalError as error:
            where = self.engine.url.render_as_string()
            raise ServiceUnavailable(f"PostgreSQL does not answer at {where}: {error}") from error


def _alarm(row: Mapping[str, Any], now: Standing) -> Alarm:
    names = ("rule", "severity", "device", "metric", "kind", "limit", "value", "started", "cleared", "historical")
    limits = limits_of(row)
    one_sided = (limits.low is None) != (limits.high is None)
    return Alarm(
        **{name: row[name] for name in names},
        message=row["message"],
        above=limits.low is None if one_sided else None in (row["value"], row["limit"]) or row["value"] >= row["limit"],
        state=now.state,
        acknowledged=now.acknowledged.who if now.acknowledged else "",
        acknowledged_at=now.acknowledged.at if now.acknowledged else None,
        waited=now.time_to_acknowledge.total_seconds() if now.time_to_acknowledge is not None else None,
        low=limits.low,
        high=limits.high,
    )
