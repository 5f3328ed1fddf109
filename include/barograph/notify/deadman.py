"""The dead watcher: alarms when `ingest` or the collector stops. They are of no site, and clear when it is back.

    ingest      no finished run for `notify.missed_runs` intervals      ingest-stopped
    collector   no sign of life for `notify.collector_silent` seconds   collector-stopped

The notifier finds it, since it is neither of them; whether the notifier runs, `barograph status` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from barograph.collector import health, status_path
from barograph.settings import Settings
from barograph.state import system_alarms
from barograph.state.system_alarms import COLLECTOR_STOPPED, INGEST_STOPPED
from barograph.state.tables import batches
from barograph.windows import iso

LEAST = 120.0
"""Seconds that `ingest` may take in any case."""


@dataclass(frozen=True)
class Beat:
    """The last sign of life of something that is watched. None: there never was one, so nothing has stopped."""

    rule: str
    name: str
    last: datetime | None
    patience: float
    message: str

    def stopped(self, now: datetime) -> bool:
        return self.last is not None and (now - self.last).total_seconds() > self.patience


def patience(settings: Settings) -> float:
    return max(settings.notify.missed_runs * settings.ingest.interval, LEAST)


def beats(settings: Settings, engine: Engine) -> Iterator[Beat]:
    finished = select(func.max(batches.c.horizon)).where(batches.c.done, batches.c.writer == "drain")
    with engine.connect() as connection:
        last = connection.scalar(finished)
    yield Beat(
        INGEST_STOPPED, "ingest", last, patience(settings),
        f"`ingest` has not finished a run since {iso(last) if last else 'ever'}: what sensors send is neither recorded "
        "nor judged. docs/runbook.md#ingest",
    )  # fmt: skip
    status = health.read(status_path(settings))
    if status is not None:
        yield Beat(
            COLLECTOR_STOPPED, status.name or "collector", status.updated, settings.notify.collector_silent,
            f"The collector has given no sign of life since {iso(status.updated)}: no sensor is heard. "
            "docs/runbook.md#component-collector",
        )  # fmt: skip


def watch(settings: Settings, engine: Engine, now: datetime, since: datetime) -> list[str]:
    """Open and clear what has to be; the names of what has stopped. `since`: when this notifier began to look.

    A machine that was off, or a notifier that was, finds everything old: each gets its patience once more.
    """
    stopped = []
    for beat in beats(settings, engine):
        silent = beat.stopped(now) and (now - since).total_seconds() > min(beat.patience, LEAST)
        with engine.begin() as connection:
            if silent and beat.last is not None:
                system_alarms.keep_open(
                    connection, beat.rule, beat.name, "heartbeat", now, severity="critical", message=beat.message,
                    limit=beat.patience, value=round((now - beat.last).total_seconds()), started=beat.last,
                )  # fmt: skip
                stopped.append(beat.name)
            elif not beat.stopped(now):
                system_alarms.clear(connection, beat.rule, now)
    return stopped
