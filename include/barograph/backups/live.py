"""Put a backup in the place of what is live, while everything but PostgreSQL stands still.

Nothing is deleted: what was there is kept aside in `replaced-<snapshot>`, beside where it was. Databases go before the
record, for a ledger older than the record heals itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from barograph.backups import manifest, postgres
from barograph.backups.postgres import Database
from barograph.backups.restic import LATEST, Progress
from barograph.backups.restoring import RestoreSummary, refuse_other_counts, restore
from barograph.backups.store import LOCK, alone, archive_folder, dump_path, staging
from barograph.collector import health, status_path
from barograph.errors import BackupError, WriterBusy
from barograph.settings import Settings
from barograph.state import system_alarms
from barograph.state.engine import apart, connect, writer_lock

log = structlog.get_logger()

STAGING = "restore-staging"
INGEST = "drain"
"""The writer whose lock `ingest` holds."""

DATABASES = ("barograph", "airflow")
FOLDERS = ("record", "reports", "sites", "settings")
PARTS = DATABASES + FOLDERS
WRITTEN = ("barograph", "airflow", "record", "reports")
"""What the pipeline writes; sites and settings are people's, and are put back only when named."""

_STOP = (
    "Stop everything but PostgreSQL first (`barograph stack down`, then `barograph stack up postgres`); "
    "nothing was changed."
)

LOCKS = text(
    """select count(*) from pg_locks
       where locktype = 'advisory' and granted and not objid::bigint = any(:ours)
         and database = (select oid from pg_database where datname = current_database())"""
)
SESSIONS = text(
    """select count(*) from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"""
)


@dataclass(frozen=True)
class LiveSummary:
    snapshot: str
    taken: datetime
    parts: list[str]
    replaced: list[Path]
    """Where lies what was there before."""


def restore_live(
    settings: Settings,
    snapshot: str = LATEST,
    yes_replace: bool = False,
    *,
    parts: Collection[str] = WRITTEN,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> LiveSummary:
    """Replace live data by a verified backup. Raises BackupError, also while anything is running."""
    _refuse_parts(parts, yes_replace)
    engine = connect(settings)
    with alone(engine), stopped(settings, parts, clock()), staging(settings.path(STAGING)) as folder:
        restored = restore(settings, snapshot, into=folder / "snapshot", progress=progress)
        if progress:
            progress("replace", None)
        aside = _aside(restored)
        kept = _replace_databases(settings, restored, [name for name in DATABASES if name in parts], aside, folder)
        for name, new, live in _folders(settings, restored.folder):
            if name in parts and new.exists():
                kept += swap(new, live, aside)
                log.info("replaced", part=name, snapshot=restored.snapshot[:8])
        if "barograph" in parts:
            _note(settings, restored, clock())
    return LiveSummary(restored.snapshot, restored.taken, [name for name in PARTS if name in parts], kept)


def _note(settings: Settings, restored: RestoreSummary, now: datetime) -> None:
    """Say in the restored database that it is one."""
    why = f"The database was restored from the backup {restored.snapshot[:8]}."
    try:
        # Both connections of the pool hold locks here.
        with apart(connect(settings)).begin() as connection:
            system_alarms.record_restored(connection, now, restored.taken, why)
    except SQLAlchemyError as error:
        # Its tables may be those of an older version; it is restored all the same.
        log.error("restore_not_noted", snapshot=restored.snapshot[:8], error=str(error).partition("\n")[0])


@contextmanager
def stopped(settings: Settings, parts: Collection[str], now: datetime) -> Iterator[None]:
    """Hold `ingest` back, and refuse while anything works on what is to be replaced."""
    databases = postgres.databases(settings)
    with ExitStack() as held:
        try:
            held.enter_context(writer_lock(connect(settings), INGEST))
        except WriterBusy as error:
            raise BackupError(f"`ingest` is running. {_STOP}") from error
        if _count(databases["barograph"], LOCKS, ours=[crc32(name.encode()) for name in (LOCK, INGEST)]):
            raise BackupError(f"Somebody is writing to the record: an import, a replay or `daily`. {_STOP}")
        if "airflow" in parts and (sessions := _count(databases["airflow"], SESSIONS)):
            raise BackupError(f"Airflow is running: its database has {sessions} sessions. {_STOP}")
        status = health.read(status_path(settings))
        if status and status.running(now):
            raise BackupError(f"The collector is running, or was within the last seconds. {_STOP}")
        yield


def swap(new: Path, live: Path, aside: str) -> list[Path]:
    """Rename `new` to `live`; what was there goes into the folder `aside` beside it, and is returned."""
    beside = live.with_name(f"{live.name}.restored")
    if beside.is_dir():
        shutil.rmtree(beside)
    live.parent.mkdir(parents=True, exist_ok=True)
    # May lie on another file system: what takes long comes before what must be quick.
    shutil.move(new, beside)
    if not live.exists():
        beside.rename(live)
        return []
    kept = _unused(live.parent / aside / live.name)
    kept.parent.mkdir(exist_ok=True)
    live.rename(kept)
    try:
        beside.rename(live)
    except OSError:
        kept.rename(live)
        raise
    return [kept]


def _refuse_parts(parts: Collection[str], yes_replace: bool) -> None:
    if unknown := set(parts) - set(PARTS):
        raise BackupError(f"Unknown: {', '.join(sorted(unknown))}. A backup has these parts: {', '.join(PARTS)}.")
    if "record" in parts and "barograph" not in parts:
        raise BackupError(
            "The record cannot go back without the database barograph: its ledger would call batches stored that the "
            "record then lacks, and nobody would read them again. Name both."
        )
    if not yes_replace:
        raise BackupError(
            f"This would replace live data ({', '.join(parts)}). Add --yes-replace if that is meant; "
            "what is there now is kept aside. To look at a backup, restore it --into a folder."
        )


def _replace_databases(
    settings: Settings, restored: RestoreSummary, names: list[str], aside: str, scratch: Path
) -> list[Path]:
    """All are dumped before the first one is replaced, each in a transaction of its own."""
    databases = postgres.databases(settings)
    place = settings.path(aside, "databases")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {name: _unused(place / f"{name}.dump") for name in names}
    for name in names:
        postgres.dump(databases[name], kept[name])
    stored = manifest.read(restored.folder).databases
    for name in names:
        found = postgres.replace_content(dump_path(restored.folder, name), databases[name], scratch)
        refuse_other_counts(name, found, stored[name])
        log.info("replaced", part=name, snapshot=restored.snapshot[:8])
    return list(kept.values())


def _folders(settings: Settings, folder: Path) -> list[tuple[str, Path, Path]]:
    """Part, where it lies in a restored folder, and its live place."""
    return [
        ("record", folder / "record", archive_folder(settings) / "record"),
        ("reports", folder / "reports", settings.reports_folder),
        ("sites", folder / "sites", settings.sites_folder),
        ("settings", folder / "settings.yaml", settings.path("settings.yaml")),
    ]


def _aside(restored: RestoreSummary) -> str:
    return f"replaced-{restored.snapshot[:8]}"


def _unused(path: Path) -> Path:
    """This path, or the next like it that nothing has: the second time must not hide what the first time kept."""
    candidates = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1000))
    return next(one for one in (path, *candidates) if not one.exists())


def _count(database: Database, query: object, **values: object) -> int:
    with postgres.connected(database) as connection:
        return int(connection.scalar(query, values) or 0)  # type: ignore[call-overload]
