"""maintain: few large files instead of many small ones, and nothing kept that nobody can still be reading.

`compact` does the first of it, every hour and for the record alone: a batch leaves a file, and at an interval of 10 s
an hour has 360. Both may run beside everything: `ingest` and replays only append, which a compaction never disturbs;
writers of derived tables hold the lock `settle`, which is taken for one partition at a time. A reader that has opened a
version keeps its files for as long as Delta's own retention (archive.PROPERTIES: two days), and so does a backup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
import structlog
from deltalake import DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError
from sqlalchemy import Engine, select, update

from barograph import schemas
from barograph.archive import Archive
from barograph.errors import ArchiveError, WriterBusy
from barograph.maintenance import files
from barograph.maintenance.files import Part
from barograph.settings import Settings
from barograph.state import outbox
from barograph.state.engine import connect, writer_lock
from barograph.state.tables import batches

WRITER = "maintenance"
PATIENCE = 120.0
"""Seconds to wait for a day that is being settled, or compacted; the next night finds what stays."""
ATTEMPTS = 3
WRITTEN = WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=65_536)
"""In the order in which it came: Z-order by device and time made a day a fifth larger and no question faster."""
LEFT = timedelta(hours=1)
"""A leftover younger than this may belong to a commit in the making."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Upkeep:
    """What was done to one table."""

    table: str
    files: tuple[int, int]
    bytes: tuple[int, int]
    log_files: tuple[int | None, int | None]
    compacted: list[str] = field(default_factory=list)
    vacuumed: int = 0
    let_go: int = 0
    """Rejects older than the settings keep them."""
    over: list[str] = field(default_factory=list)
    """Partitions that still have too many files, with the reason."""


def compact(settings: Settings) -> list[Upkeep]:
    """Compact the days of the record that have many files; nothing while `maintain` is at work. Raises ArchiveError."""
    archive = Archive.of(settings)
    try:
        with writer_lock(connect(settings), WRITER):
            return [joined(archive, table) for table in schemas.RECORD if files.opened(archive, table) is not None]
    except WriterBusy:
        log.info("not_compacted", why="maintenance is at work, and does it too")
        return []


def joined(archive: Archive, table: str, lock: Callable[[], AbstractContextManager[None]] = nullcontext) -> Upkeep:
    """Compact one table, oldest days first. `lock` is held around each partition that is written again."""
    [before] = [found for found in files.tables(archive) if found.name == table]
    compacted = [part.name for part in before.parts if _compact(archive, table, part, lock)]
    [after] = [found for found in files.tables(archive) if found.name == table]
    over = [f"{part.name}: {part.files} files" for part in after.parts if part.files > part.most_files]
    return Upkeep(
        table,
        (before.files, after.files),
        (before.bytes, after.bytes),
        (before.log_files, after.log_files),
        compacted,
        over=over,
    )


def maintain(settings: Settings, now: datetime) -> list[Upkeep]:
    """Compact, vacuum and trim every table, oldest days first; prune the outbox.

    Safe to repeat, at any time. Raises BarographError.
    """
    archive, engine = Archive.of(settings), connect(settings)
    settling = partial(writer_lock, engine, "settle", PATIENCE)
    kept = settings.maintenance.keep_rejects_days
    done = []
    with writer_lock(engine, WRITER, PATIENCE):
        for table in schemas.TABLES:
            if files.opened(archive, table) is None:
                continue
            let_go = 0
            if table == "rejects" and kept is not None:
                let_go = _let_go(archive, engine, now.date() - timedelta(days=kept))
            lock = nullcontext if table in schemas.RECORD else settling
            done.append(tidy(archive, table, now, let_go, lock))
            log.info("maintained", **_facts(done[-1]))
        log.info("outbox_pruned", messages=outbox.prune(engine, now))
    return done


def tidy(
    archive: Archive,
    table: str,
    now: datetime,
    let_go: int = 0,
    lock: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Upkeep:
    """Compact, vacuum and trim one table; `lock` as in `joined`."""
    done = joined(archive, table, lock)
    vacuumed = _vacuum(archive, table)
    _trim(archive, table, now)
    [after] = [found for found in files.tables(archive) if found.name == table]
    return replace(done, vacuumed=vacuumed, let_go=let_go, log_files=(done.log_files[0], after.log_files))


def _compact(archive: Archive, table: str, part: Part, lock: Callable[[], AbstractContextManager[None]]) -> bool:
    """Write a partition again in few files, if it has many."""
    if part.files <= part.most_files:
        return False
    chosen = [(name, "=", value) for name, value in part.keys.items()]
    with lock():
        for attempt in range(1, ATTEMPTS + 1):
            try:
                DeltaTable(archive.path(table)).optimize.compact(
                    partition_filters=chosen, target_size=files.TARGET, writer_properties=WRITTEN
                )
                return True
            except CommitFailedError as error:
                # Nothing was changed: the files that were written are vacuumed one day.
                log.warning("compaction_again", table=table, part=part.name, attempt=attempt, why=str(error))
                reason = error
            except (DeltaError, OSError) as error:
                raise ArchiveError(
                    f"{archive.path(table)}: {part.name} cannot be compacted: {error}. Its content was not touched. "
                    "`barograph archive verify` names the file."
                ) from error
    log.error("not_compacted", table=table, part=part.name, why=str(reason))
    return False


def _vacuum(archive: Archive, table: str) -> int:
    """Delete files that no version within Delta's own retention has, and those that a killed writer left."""
    try:
        # Without hours it is the table's own retention, below which no vacuum may go.
        return len(DeltaTable(archive.path(table)).vacuum(dry_run=False, full=True))
    except (DeltaError, OSError) as error:
        raise ArchiveError(f"{archive.path(table)} cannot be vacuumed: {error}. Is the disk writable?") from error


def _trim(archive: Archive, table: str, now: datetime) -> None:
    """Drop what the log no longer needs: commits behind the last checkpoint, and checksums whose file is gone."""
    DeltaTable(archive.path(table)).cleanup_metadata()
    if place := files.folder(archive, table):
        for leftover in _leftovers(place):
            if datetime.fromtimestamp(leftover.stat().st_mtime, now.tzinfo) < now - LEFT:
                leftover.unlink(missing_ok=True)


def _leftovers(place: Path) -> Iterator[Path]:
    """Hadoop's checksums `.name.crc` without their file, and Delta's `NNN.crc` without its commit."""
    for path in place.rglob("*.crc"):
        hidden = re.fullmatch(r"\.(.+)\.crc", path.name)
        commit = re.fullmatch(r"(\d{20})\.crc", path.name)
        if (hidden and not path.with_name(hidden[1]).exists()) or (
            commit and not path.with_name(f"{commit[1]}.json").exists()
        ):
            yield path


def _let_go(archive: Archive, engine: Engine, before: date) -> int:
    """Delete rejects of days before this one. The ledger is told first, so that every batch still balances."""
    found = DeltaTable(archive.path("rejects"))
    rows = found.to_pyarrow_dataset().to_table(columns=["batch", "day", "stage"], filter=pc.field("day") < before)
    if not rows.num_rows:
        return 0
    own = rows.filter(pc.not_equal(rows["stage"], "replay"))
    counted = own.group_by(["batch", "day"]).aggregate([([], "count_all")])
    gone: dict[int, dict[str, int]] = {}
    for row in counted.to_pylist():
        gone.setdefault(row["batch"], {})[row["day"].isoformat()] = row["count_all"]
    with engine.begin() as connection:
        steps = dict(
            connection.execute(select(batches.c.batch, batches.c.steps).where(batches.c.batch.in_(list(gone)))).all()
        )
        for batch, told in steps.items():
            # By day: told again after a kill, it is the same number.
            noted = {**told, "let_go": {**told.get("let_go", {}), **gone[batch]}}
            connection.execute(update(batches).where(batches.c.batch == batch).values(steps=noted))
    found.delete(f"day < '{before.isoformat()}'")
    return int(rows.num_rows)


def _facts(done: Upkeep) -> dict[str, object]:
    return {
        "table": done.table,
        "files": done.files[1],
        "files_before": done.files[0],
        "bytes": done.bytes[1],
        "compacted": len(done.compacted),
        "vacuumed": done.vacuumed,
        "let_go": done.let_go,
    }
