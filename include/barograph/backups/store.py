"""Take a backup, in the order that makes it safe to go back to: databases, then the record, then the rest.

A ledger older than the record heals itself, for drain adopts the batches that it does not know. The other way round,
the ledger would call batches stored that the record does not have, and nobody would read them again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from barograph import schemas
from barograph.backups import manifest, postgres, record
from barograph.backups.manifest import Manifest
from barograph.backups.restic import Progress, Restic, Snapshot
from barograph.errors import BackupError, WriterBusy
from barograph.settings import Settings
from barograph.state.engine import connect, writer_lock
from barograph.state.tables import backups

log = structlog.get_logger()

LOCK = "backup"
STAGING = "backup-staging"
REREAD = 14
"""In this many daily backups the whole repository is read once: bits rot where nobody looks."""


@dataclass(frozen=True)
class BackupSummary:
    snapshot: str
    bytes_added: int
    contents: dict[str, Any]


def backup(
    settings: Settings, taken: datetime, *, progress: Progress | None = None, new_repository: bool = False
) -> BackupSummary:
    """Store the databases, the record, sites, settings and reports as one snapshot, and check it.

    Secrets are not in it. Raises BackupError; the earlier backups are then untouched, and repeating is always right.
    """
    repository = Restic.of(settings)
    engine = connect(settings)
    with alone(engine), staging(settings.path(STAGING)) as folder:
        known = _prepared(repository, engine, new_repository)
        staged = stage(settings, folder, taken, known, progress)
        _tell(progress, "store")
        saved = repository.save(folder, taken, progress)
        log.info("stored", snapshot=saved.short, bytes_added=saved.bytes_added, bytes=saved.bytes, files=saved.files)
        _tell(progress, "check")
        repository.check(taken.toordinal() % REREAD + 1, REREAD)
        _tell(progress, "retention")
        kept = repository.retain(settings.backups)
        contents = _contents(repository, staged, saved)
        _remember(engine, repository, saved, contents, kept)
    return BackupSummary(saved.snapshot, saved.bytes_added, contents)


def listing(settings: Settings) -> list[Snapshot]:
    """What the repository holds of ours, oldest first. Raises BackupError."""
    return Restic.of(settings).snapshots()


def stage(
    settings: Settings, folder: Path, taken: datetime, known: Manifest | None = None, progress: Progress | None = None
) -> Manifest:
    """Lay all that is to be stored into `folder`, with its manifest; `known` saves reading what it describes."""
    root = archive_folder(settings)
    dumped = {}
    for name, database in postgres.databases(settings).items():
        _tell(progress, f"dump {name}")
        dumped[name] = postgres.dump(database, dump_path(folder, name))
        log.info("dumped", database=name, tables=len(dumped[name]), rows=sum(dumped[name].values()))

    tables = {}
    for table in schemas.RECORD:
        _tell(progress, f"stage {table}")
        facts = record.stage(root / "record" / table, folder / "record" / table)
        if facts:
            tables[table] = facts
            log.info("staged", table=table, **facts.model_dump())

    _stage_people(settings, folder)
    _stage_reports(settings.reports_folder, folder / "reports")
    _tell(progress, "manifest")
    made = Manifest(taken=taken, databases=dumped, record=tables, files=manifest.files_of(folder, known))
    manifest.write(folder, made)
    return made


def archive_folder(settings: Settings) -> Path:
    if "://" in settings.archive_root:
        raise BackupError(
            f"The record lies at {settings.archive_root}; backups are made of a record in a folder only. "
            "Use the object store's own versions and copies for it."
        )
    return Path(settings.archive_root)


def dump_path(folder: Path, name: str) -> Path:
    return folder / "databases" / f"{name}.dump"


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """One backup or restore at a time. Raises BackupError if there is another."""
    with ExitStack() as held:
        try:
            held.enter_context(writer_lock(engine, LOCK))
        except WriterBusy as error:
            raise BackupError("Another backup or restore is running. Try again when it has ended.") from error
        yield


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards; what a killed run left in it goes first. Call it `alone`.

    Always the same one: restic finds by its path what has not changed. A full disk becomes a BackupError.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        yield folder
    except OSError as error:
        raise BackupError(f"Cannot work in {folder}: {error}. Is the disk full, or the folder not ours?") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stage_people(settings: Settings, folder: Path) -> None:
    """What people edit is copied: an editor may write into a file that is already staged."""
    if settings.sites_folder.is_dir():
        shutil.copytree(settings.sites_folder, folder / "sites", ignore_dangling_symlinks=True)
    with suppress(FileNotFoundError):
        shutil.copy2(settings.path("settings.yaml"), folder / "settings.yaml")


def _stage_reports(source: Path, target: Path) -> None:
    """A report is published by renaming; one that is replaced meanwhile is stored next time."""
    for path in sorted(source.rglob("*")):
        if path.is_file():
            with suppress(FileNotFoundError):
                record.link(path, target / path.relative_to(source))


def _prepared(repository: Restic, engine: Engine, new_repository: bool) -> Manifest | None:
    """Make the repository on its first use; what the latest snapshot says it holds."""
    if not repository.unlock():
        _refuse_if_lost(repository, engine, new_repository)
        repository.init()
        log.info("repository_made", place=repository.shown)
        return None
    snapshots = repository.snapshots()
    if not snapshots:
        return None
    try:
        return Manifest.model_validate(repository.read(snapshots[-1], manifest.NAME))
    except (BackupError, ValidationError) as error:
        log.warning("manifest_unreadable", snapshot=snapshots[-1].short, error=str(error))
        return None


def _refuse_if_lost(repository: Restic, engine: Engine, new_repository: bool) -> None:
    """Where the backups' disk is not mounted, a new repository would fill the one below and look like success."""
    with engine.connect() as connection:
        lost = connection.scalar(select(func.count()).select_from(backups).where(_of(repository)))
    if lost and not new_repository:
        raise BackupError(
            f"The repository {repository.shown} is gone, with {lost} backups in it. Is its disk mounted? "
            "If it is lost for good: `barograph backup now --new-repository`."
        )


def _contents(repository: Restic, staged: Manifest, saved: Snapshot) -> dict[str, Any]:
    return {
        "repository": _fingerprint(repository),
        "files": saved.files,
        "bytes": saved.bytes,
        "bytes_added": saved.bytes_added,
        "databases": {name: sum(rows.values()) for name, rows in staged.databases.items()},
        "record": {name: facts.model_dump() for name, facts in staged.record.items()},
        "reports": sum(name.startswith("reports/") for name in staged.files),
        "sites": sum(name.startswith("sites/") for name in staged.files),
    }


def _remember(engine: Engine, repository: Restic, saved: Snapshot, contents: dict[str, Any], kept: list[str]) -> None:
    """Enter the backup, and strike out those of this repository that retention has removed."""
    row = {"snapshot": saved.snapshot, "taken": saved.taken, "contents": contents}
    with engine.begin() as connection:
        connection.execute(insert(backups).values(row).on_conflict_do_nothing())
        connection.execute(delete(backups).where(_of(repository), backups.c.snapshot.not_in(kept)))


def _of(repository: Restic) -> Any:
    return backups.c.contents["repository"].astext == _fingerprint(repository)


def _fingerprint(repository: Restic) -> str:
    """Names the place without telling it: an address may hold a password."""
    return hashlib.sha256(repository.repository.encode()).hexdigest()[:16]


def _tell(progress: Progress | None, step: str) -> None:
    if progress:
        progress(step, None)
