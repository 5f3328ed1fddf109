"""Get a backup back into a folder or into new databases, and prove that it is what was stored."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from barograph.backups import manifest, postgres, record
from barograph.backups.manifest import Manifest
from barograph.backups.record import TableFacts
from barograph.backups.restic import LATEST, Progress, Restic, Snapshot
from barograph.backups.store import dump_path
from barograph.errors import BackupError
from barograph.settings import Settings

log = structlog.get_logger()

SHOWN = 5
"""Differences named in an error; the rest is a number."""


@dataclass(frozen=True)
class RestoreSummary:
    """A restored folder whose every file, table and count is as its manifest says."""

    snapshot: str
    taken: datetime
    folder: Path
    files: int
    bytes: int
    databases: dict[str, dict[str, int]]
    record: dict[str, TableFacts]


def restore(
    settings: Settings,
    snapshot: str = LATEST,
    *,
    into: Path,
    progress: Progress | None = None,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> RestoreSummary:
    """Restore a snapshot into an empty folder and verify it. Raises BackupError; nothing live is touched."""
    _refuse_full(into)
    repository = Restic.of(settings)
    found = repository.find(snapshot)
    _make_room(into, found, free)
    try:
        repository.restore(found, into, progress)
    except BackupError as error:
        said = str(error).rstrip(".")
        raise BackupError(f"{said}. What could be read lies in {into}; it is not whole.") from error
    if progress:
        progress("verify", None)
    stored = verify(into)
    log.info("restored", snapshot=found.short, folder=str(into), files=len(stored.files), bytes=stored.bytes)
    return RestoreSummary(
        found.snapshot, found.taken, into, len(stored.files), stored.bytes, stored.databases, stored.record
    )


def verify(folder: Path) -> Manifest:
    """Compare a restored folder with its manifest: files by sha256, Delta tables by version and counted rows."""
    stored = manifest.read(folder)
    problems = manifest.differences(folder, stored)
    if not problems:
        found = {name: record.facts(folder / "record" / name) for name in stored.record}
        problems = [
            f"record/{name}: {found[name]} instead of {facts}"
            for name, facts in stored.record.items()
            if found[name] != facts
        ]
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise BackupError(
            f"{folder} is not what was stored: {'; '.join(problems[:SHOWN])}{more}. "
            "Don't use it; try an older backup (`barograph backup list`)."
        )
    return stored


def restore_databases(
    settings: Settings, folder: Path, names: Mapping[str, str], server: str | None = None
) -> dict[str, dict[str, int]]:
    """Load dumps of a restored folder into new databases; the rows of their tables, equal to those dumped.

    `names`: which database becomes which new one. On our own server, owned by its usual role; or on `server`, a URL
    with a user who may create databases. Raises BackupError, also for a name that exists.
    """
    stored = manifest.read(folder)
    ours = postgres.databases(settings)
    foreign = postgres.server(server) if server else None
    loaded = {}
    for name, new in names.items():
        if name not in stored.databases:
            raise BackupError(f"{folder} has no dump of {name}, but of {', '.join(stored.databases)}.")
        database = postgres.create(foreign or postgres.superuser(settings), new, owner=foreign or ours[name])
        loaded[new] = postgres.load(dump_path(folder, name), database)
        refuse_other_counts(new, loaded[new], stored.databases[name])
        log.info("loaded", database=new, tables=len(loaded[new]), rows=sum(loaded[new].values()))
    return loaded


def refuse_other_counts(database: str, found: dict[str, int], stored: dict[str, int]) -> None:
    other = [
        f"{table} has {found.get(table)} rows instead of {stored.get(table)}"
        for table in sorted({*found, *stored})
        if found.get(table) != stored.get(table)
    ]
    if other:
        raise BackupError(f"The restored database {database} is not what was dumped: {'; '.join(other[:SHOWN])}.")


def _refuse_full(into: Path) -> None:
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BackupError(f"{into} is not an empty folder; a backup is restored into an empty or a new one only.")


def _make_room(into: Path, snapshot: Snapshot, free: Callable[[Path], int]) -> None:
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        room = free(into)
    except OSError as error:
        raise BackupError(f"Cannot restore into {into} ({error.strerror}).") from error
    if room < snapshot.bytes:
        raise BackupError(
            f"No room in {into}: the backup {snapshot.short} has {snapshot.bytes / 1e6:,.0f} MB, "
            f"{room / 1e6:,.0f} MB are free there."
        )
