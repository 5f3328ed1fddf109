"""Health: every part of the deployment, as `barograph status` sees it, with versions, disk, spool and backups."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from barograph.errors import BarographError
from barograph.settings import Settings
from barograph.state.tables import backups
from barograph_airflow.ui.fresh import Fresh
from barograph_airflow.ui.pages import Pages

if TYPE_CHECKING:
    from barograph.backups.proof import Proven
    from barograph.stack.health import Answer

KEPT, TOO_OLD = timedelta(seconds=10), timedelta(seconds=60)
"""A look asks every server, also those that do not answer: it can take seconds."""

NAMES = {
    "process": "Processes", "port": "Servers", "kafka": "Kafka", "collector": "Collector", "ingest": "Ingest",
    "influxdb": "InfluxDB", "target": "Further targets", "airflow": "DAGs", "report": "Reports",
}  # fmt: skip
ELSEWHERE = ("alarm",)
"""Parts that have a page of their own."""

PACKAGES = {"Barograph": "barograph", "Airflow": "apache-airflow", "Spark": "pyspark", "Delta Lake": "deltalake"}

OLD_BACKUP, OLD_PROOF = timedelta(hours=30), timedelta(days=31)
FULL = 0.9
"""Of a disk: more is no good sign."""


@dataclass(frozen=True)
class Health:
    at: datetime
    answers: Sequence[Answer]
    versions: dict[str, str]
    disk: tuple[int, int] | None
    """Bytes used and bytes in all, where the data folder lies."""
    spool: tuple[int, int] | None
    """Bytes used and its quota; None where no collector of ours runs."""
    backup: datetime | None
    proven: Proven | None
    lag: int | None
    """Messages in Kafka that are not in the record."""

    @property
    def parts(self) -> list[tuple[str, list[Answer]]]:
        parts = groupby(self.answers, key=lambda answer: answer.part)
        return [(NAMES.get(part, part), list(group)) for part, group in parts if part not in ELSEWHERE]

    @property
    def signs(self) -> Counter[bool | None]:
        return Counter(answer.ok for answer in self.answers if answer.part not in ELSEWHERE)

    @property
    def disk_full(self) -> bool:
        return bool(self.disk and self.disk[0] > FULL * self.disk[1])

    @property
    def backup_old(self) -> bool:
        return self.backup is None or self.at - self.backup > OLD_BACKUP

    @property
    def proof_old(self) -> bool:
        return self.proven is None or self.at - self.proven.proven > OLD_PROOF


def routes(pages: Pages, health: Callable[[datetime], Health] | None = None) -> APIRouter:
    router = APIRouter()
    make = health or (lambda at: ask(pages.settings, at))
    fresh: Fresh[Health] = Fresh(lambda at, _: make(at), KEPT, TOO_OLD)

    @router.get("/health", name="health")
    def show(request: Request) -> HTMLResponse:
        return pages.show(request, "health.html")

    @router.get("/health/parts", name="parts")
    def parts(request: Request) -> HTMLResponse:
        at = pages.clock()
        return pages.show(request, "parts.html", health=fresh.now(at), at=at)

    return router


def ask(settings: Settings, at: datetime) -> Health:
    """Everything at once; what cannot be known says why among the answers."""
    # They bring Kafka and more, which who only reads the plugin must not pay for.
    from barograph.backups import proof
    from barograph.collector import health as collector
    from barograph.stack.health import look

    answers = look(settings, at)
    status = collector.read(settings.path("run", "collector.json"))
    lag = next((answer.facts.get("messages") for answer in answers if answer.name == "lag"), None)
    return Health(
        at=at,
        answers=answers,
        versions={name: found for name, package in PACKAGES.items() if (found := _version(package))},
        disk=_disk(settings),
        spool=(status.spool_bytes, status.spool_quota) if status else None,
        backup=_backup(settings),
        proven=proof.last(settings),
        lag=lag,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _disk(settings: Settings) -> tuple[int, int] | None:
    try:
        usage = shutil.disk_usage(settings.home)
    except OSError:
        return None
    return usage.total - usage.free, usage.total


def _backup(settings: Settings) -> datetime | None:
    from barograph.state.engine import connect

    try:
        with connect(settings).connect() as connection:
            return connection.scalar(select(backups.c.taken).order_by(backups.c.taken.desc()).limit(1))
    except (BarographError, SQLAlchemyError):
        return None
