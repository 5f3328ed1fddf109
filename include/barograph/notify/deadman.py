"""The dead watcher: alarms when `ingest` or a collector stops. They are of no site, and clear when it is back.

    ingest                  no finished run for `notify.missed_runs` intervals             ingest-stopped
    this machine's          no word in run/collector.json for `notify.collector_silent`    collector-stopped
    collectors elsewhere    none in the bucket `operations` for that and as long as        collector-stopped
                            `ingest` may take, which brings it there; once one was heard

The notifier finds it, since it is neither of them; whether the notifier runs, `barograph status` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, func, select

from barograph.collector import health, status_path
from barograph.errors import BarographError
from barograph.influx import view
from barograph.settings import Settings
from barograph.state import system_alarms
from barograph.state.system_alarms import COLLECTOR_STOPPED, INGEST_STOPPED
from barograph.state.tables import batches
from barograph.windows import iso

LEAST = 120.0
"""Seconds that `ingest` may take in any case, and that everything gets after a start."""
ASK = timedelta(minutes=1)
"""Between two questions to InfluxDB about collectors elsewhere."""
REMEMBERED = timedelta(hours=24)
"""A collector that was not heard for longer is no longer watched: who took it away knows."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Beat:
    """The last sign of life of something that is watched."""

    rule: str
    name: str
    last: datetime
    patience: float
    message: str

    def stopped(self, now: datetime) -> bool:
        return (now - self.last).total_seconds() > self.patience


def patience(settings: Settings) -> float:
    """Seconds without a finished run of `ingest`."""
    return max(settings.notify.missed_runs * settings.ingest.interval, LEAST)


class Deadman:
    """`since`: when it begins to look. After a night off everything is old: all get their patience once more."""

    def __init__(self, settings: Settings, engine: Engine, since: datetime) -> None:
        self._settings = settings
        self._engine = engine
        self._since = since
        self._asked: datetime | None = None
        self._elsewhere: dict[str, datetime] = {}

    def watch(self, now: datetime) -> list[str]:
        """Open and clear what has to be; the names of what has stopped."""
        stopped = []
        for beat in self._beats(now):
            missed = beat.stopped(now)
            if missed and (now - self._since).total_seconds() <= max(beat.patience, LEAST):
                continue
            with self._engine.begin() as connection:
                if missed:
                    system_alarms.keep_open(
                        connection, beat.rule, beat.name, "heartbeat", now, severity="critical", message=beat.message,
                        limit=beat.patience, value=round((now - beat.last).total_seconds()), started=beat.last,
                    )  # fmt: skip
                    stopped.append(beat.name)
                else:
                    system_alarms.clear(connection, beat.rule, now, beat.name)
        return stopped

    def _beats(self, now: datetime) -> Iterator[Beat]:
        finished = select(func.max(batches.c.horizon)).where(batches.c.done, batches.c.writer == "drain")
        with self._engine.connect() as connection:
            last = connection.scalar(finished)
        ingest = last and Beat(
            INGEST_STOPPED, "ingest", last, patience(self._settings),
            f"`ingest` has not finished a run since {iso(last)}: what sensors send is neither recorded nor judged. "
            "docs/runbook.md#ingest",
        )  # fmt: skip
        if ingest:
            yield ingest
        here = health.read(status_path(self._settings))
        if here is not None:
            yield self._collector(here.name or "collector", here.updated, 0.0)
        # What says how collectors elsewhere are comes through `ingest`.
        if ingest and not ingest.stopped(now):
            self._ask(now)
            for name, heard in self._elsewhere.items():
                if here is None or name != here.name:
                    yield self._collector(name, heard, patience(self._settings))

    def _collector(self, name: str, heard: datetime, more: float) -> Beat:
        return Beat(
            COLLECTOR_STOPPED, name, heard, self._settings.notify.collector_silent + more,
            f"The collector {name} has given no sign of life since {iso(heard)}: no sensor of it is heard. "
            "docs/runbook.md#component-collector",
        )  # fmt: skip

    def _ask(self, now: datetime) -> None:
        """InfluxDB that is down keeps nobody from being told of the rest."""
        if self._asked is not None and now - self._asked < ASK:
            return
        self._asked = now
        try:
            self._elsewhere |= view.collectors(self._settings, now - REMEMBERED, now)
        except BarographError as error:
            log.warning("collectors_not_known", error=str(error))
        self._elsewhere = {name: last for name, last in self._elsewhere.items() if now - last < REMEMBERED}
