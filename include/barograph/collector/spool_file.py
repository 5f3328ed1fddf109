"""The spool on disk: one SQLite file. Opens it, whatever state it is in; every change is one commit.

collector.db                        what waits, and what is kept to be sent again
collector.db-wal                    its write-ahead log: a commit is an fsync of this
collector.damaged-1795000000        a file that was damaged; what could be read of it was taken over
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from barograph.collector.losses import Loss
from barograph.collector.packs import Pack, legible
from barograph.errors import SettingsError, WriterBusy
from barograph.readings import MAX_FRAMES_PER_MESSAGE

log = structlog.get_logger()

VERSION = 2
SCHEMA = """
    CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY,
        topic TEXT NOT NULL,
        key TEXT,
        headers TEXT,
        size INTEGER NOT NULL,
        frames INTEGER NOT NULL,
        at INTEGER NOT NULL,
        crc INTEGER,
        sums BLOB,
        payload BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS losses (
        device TEXT, how TEXT, frames INTEGER, first INTEGER, last INTEGER, PRIMARY KEY (device, how)
    );
    CREATE TABLE IF NOT EXISTS damaged (
        entry INTEGER, device TEXT, frames INTEGER, at INTEGER, payload BLOB, reported INTEGER NOT NULL DEFAULT 0
    );
"""
FROM_VERSION_1 = """
    DROP INDEX IF EXISTS waiting;
    DROP INDEX IF EXISTS kept;
    ALTER TABLE entries ADD COLUMN frames INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE entries ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE entries ADD COLUMN crc INTEGER;
    ALTER TABLE entries ADD COLUMN sums BLOB;
    CREATE TABLE IF NOT EXISTS lost (one INTEGER PRIMARY KEY, entries INTEGER, first TEXT, last TEXT);
    INSERT INTO losses SELECT '', 'refused', entries,
        CAST(strftime('%s', substr(first, 1, 19)) AS INTEGER) * 1000000 + substr(first, 21, 6),
        CAST(strftime('%s', substr(last, 1, 19)) AS INTEGER) * 1000000 + substr(last, 21, 6)
        FROM lost;
    DROP TABLE lost;
"""
"""An entry a record, without checksums. Nothing is copied: the disk may have no room for it."""

COLUMNS = "id, topic, key, headers, frames, at, payload, sums, crc, size"
"""As the fields of a Pack."""
INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
AT_ONCE = 500
"""Records in one question."""
LARGEST_SAMPLE = 64 * 1024
DAMAGED_KEPT = 256
"""Damaged records that the file keeps, the latest of them, for whoever looks into it."""
PROBES = 2_000_000
"""Records that are asked for one by one where a file is so damaged that it cannot be read in order."""
PAGE = 4096
SPARE = 16 * 1024 * 1024
"""Free bytes beyond which the file is made smaller, if they are also more than those in use."""
VACUUM_AT_ONCE = 256


@dataclass(frozen=True)
class Damage:
    """A record whose checksum is wrong: `good` frames can be sent, of the rest `payload` is left."""

    id: int
    device: str | None = None
    record: Pack | None = None
    good: Sequence[bytes] = ()
    payload: bytes = b""
    frames: int = 0
    at: int = 0


@dataclass
class Change:
    """What one commit does."""

    add: Sequence[Pack] = ()
    rewrite: Sequence[Pack] = ()
    delete: Sequence[int] = ()
    damaged: Sequence[Damage] = ()
    losses: Sequence[Loss] = ()
    forget_losses: bool = False
    damage_reported: bool = False


class SpoolFile:
    """Raises WriterBusy if another collector has it open, SettingsError if it can be neither read nor written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.open()
        except sqlite3.OperationalError as error:
            raise _not_opened(path, error) from error
        except OSError as error:
            raise SettingsError(f"Cannot make the spool's folder {path.parent} ({error.strerror}).") from error

    @property
    def db(self) -> sqlite3.Connection:
        if self._db is None:
            raise sqlite3.OperationalError("the spool is not open")
        return self._db

    def open(self) -> None:
        """Open it again where it was lost. Raises sqlite3.OperationalError."""
        self.close()
        fresh = self.path.with_suffix(".rebuilt")
        if fresh.exists() and not self.path.exists():
            fresh.rename(self.path)
        try:
            self._db = _connected(self.path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            self.rebuild(error)

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def rebuild(self, why: sqlite3.Error) -> None:
        """Take what can be read into a new file, and keep the old one aside. Raises sqlite3.OperationalError."""
        self.close()
        fresh = self.path.with_suffix(".rebuilt")
        _remove(fresh)
        db = _connected(fresh)
        try:
            taken = _taken_over(self.path, db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            db.close()
        aside = self.path.with_suffix(f".damaged-{int(self.path.stat().st_mtime)}")
        # The log must go with it: SQLite would write an old log into the new file.
        for suffix in ("", "-wal"):
            old = self.path.with_name(self.path.name + suffix)
            if old.exists():
                old.rename(aside.with_name(aside.name + suffix))
        _remove(fresh, but=fresh)
        fresh.rename(self.path)
        log.error("spool_damaged", kept_as=aside.name, taken_over=taken, error=str(why))
        self._db = _connected(self.path)

    def index(self) -> Iterator[tuple[int, str | None, int, int]]:
        """Id, key, frames and size of all records, oldest first. What damage says of the last two is bounded."""
        last = -1
        for id_, key, frames, size in self.db.execute("SELECT id, key, frames, size FROM entries ORDER BY id"):
            if id_ <= last:
                raise sqlite3.DatabaseError(f"record {id_} stands behind record {last}")
            last = id_
            yield id_, _text(key), _within(frames, MAX_FRAMES_PER_MESSAGE), _within(size, 2**31)

    def read(self, ids: Sequence[int]) -> tuple[list[Pack], list[Damage]]:
        """The records with these ids, in their order, and what is damaged of them."""
        rows: dict[int, Any] = {}
        ascending = sorted(ids)
        for begin in range(0, len(ascending), AT_ONCE):
            some = ascending[begin : begin + AT_ONCE]
            if some[-1] - some[0] == len(some) - 1:
                which, arguments = "id BETWEEN ? AND ?", [some[0], some[-1]]
            else:
                which, arguments = f"id IN ({','.join('?' * len(some))})", some
            for row in self.db.execute(f"SELECT {COLUMNS} FROM entries WHERE {which}", arguments):  # noqa: S608
                rows[row[0]] = row
        good: list[Pack] = []
        damaged: list[Damage] = []
        for id_ in ids:
            row = rows.get(id_)
            record = _pack(row) if row else None
            if record is not None and record.checked():
                good.append(record)
            else:
                damaged.append(_damage(id_, row, record))
        return good, damaged

    def facts(self, ids: Sequence[int]) -> Iterator[tuple[str, int, int]]:
        """Key, frames and time of records, without a look at what they hold."""
        for first, last in runs(ids):
            rows = self.db.execute("SELECT key, frames, at FROM entries WHERE id BETWEEN ? AND ?", (first, last))
            for key, frames, at in rows:
                yield _text(key) or "", _within(frames, MAX_FRAMES_PER_MESSAGE), _within(at, 2**62, 0)

    def times(self, most: int) -> list[tuple[int, int]]:
        """Id and time of the oldest records."""
        rows = self.db.execute("SELECT id, at FROM entries ORDER BY id LIMIT ?", (most,)).fetchall()
        return [(id_, _within(at, 2**62, 0)) for id_, at in rows]

    def first(self) -> int:
        found: int | None = self.db.execute("SELECT min(id) FROM entries").fetchone()[0]
        return found or 0

    def between(self, after: int, until: int) -> list[int]:
        """Some ids beyond `after`, none beyond `until`."""
        which = "SELECT id FROM entries WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        return [id_ for (id_,) in self.db.execute(which, (after, until, AT_ONCE))]

    def losses(self) -> list[Loss]:
        rows = self.db.execute("SELECT frames, first, last, device, how FROM losses").fetchall()
        return [
            Loss(frames, first, last, _text(device) or "", _text(how) or "")
            for frames, first, last, device, how in rows
        ]

    def unreported(self) -> list[Damage]:
        rows = self.db.execute("SELECT entry, device, payload, frames, at FROM damaged WHERE NOT reported").fetchall()
        return [Damage(id_, _text(device), None, (), payload, frames, at) for id_, device, payload, frames, at in rows]

    def commit(self, change: Change) -> None:
        """All of it or nothing; on the disk when it returns."""
        with self.db as db:
            if change.add:
                db.executemany(INSERT, change.add)
            if change.rewrite:
                db.executemany(f"INSERT OR REPLACE {INSERT[6:]}", change.rewrite)
            if change.delete:
                db.executemany("DELETE FROM entries WHERE id BETWEEN ? AND ?", runs(change.delete))
            if change.damaged:
                _set_aside(db, change.damaged)
            if change.forget_losses:
                db.execute("DELETE FROM losses")
            if change.losses:
                rows = [(loss.device, loss.how, loss.frames, loss.first, loss.last) for loss in change.losses]
                db.executemany("INSERT OR REPLACE INTO losses VALUES (?, ?, ?, ?, ?)", rows)
            if change.damage_reported:
                db.execute("UPDATE damaged SET reported = 1")

    @property
    def free(self) -> int:
        """Bytes that can be stored without the file becoming larger."""
        return PAGE * int(self.db.execute("PRAGMA freelist_count").fetchone()[0])

    def make_smaller(self) -> None:
        """Give pages back to the disk after a long outage, a few at a time."""
        free, size = self.free, PAGE * self.db.execute("PRAGMA page_count").fetchone()[0]
        if free > max(SPARE, size - free):
            # A script, because `execute` steps once, and each step frees one page.
            self.db.executescript(f"PRAGMA incremental_vacuum({VACUUM_AT_ONCE})")

    def checkpoint(self) -> None:
        """Bring the log into the file, so that its room can be used again."""
        self.db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()


def runs(ids: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours: 3, 4, 5, 9 are (3, 5), (9, 9)."""
    found: list[tuple[int, int]] = []
    for id_ in sorted(ids):
        if found and id_ == found[-1][1] + 1:
            found[-1] = (found[-1][0], id_)
        else:
            found.append((id_, id_))
    return found


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        # Bytes, because a damaged text may not be one.
        db.text_factory = bytes
        # First of all: without it the log has an index of its own on disk, for which a full one has no room.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cell_size_check = ON")
        # Debian's SQLite would overwrite with zeros whatever is deleted.
        db.execute("PRAGMA secure_delete = OFF")
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise SettingsError(f"The spool {path} is of a later Barograph (version {version} of its file): use that one.")
    if version < VERSION:
        columns = {column[1] for column in db.execute("PRAGMA table_info(entries)")}
        from_old = FROM_VERSION_1 if columns and b"frames" not in columns else ""
        # In one commit: a spool that is killed here must find either version when it comes back.
        db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} {from_old} PRAGMA user_version = {VERSION}; COMMIT;")


def _not_opened(path: Path, error: sqlite3.OperationalError) -> WriterBusy | SettingsError:
    if "locked" in str(error):
        return WriterBusy(
            f"Cannot open the spool {path} ({error}). Another collector uses this data folder: stop it first."
        )
    return SettingsError(
        f"Cannot open the spool {path} ({error}). Is its disk full or read-only, or the folder somebody else's? "
        "Without a spool an outage would lose readings: BAROGRAPH_HOME says where the data folder is."
    )


def _taken_over(path: Path, into: sqlite3.Connection) -> int:
    """Copy every record that can be read, and what was lost; says how many records."""
    try:
        old = sqlite3.connect(path, timeout=1.0)
        old.text_factory = bytes
        old.execute("PRAGMA locking_mode = EXCLUSIVE")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return 0
    taken = 0
    with contextlib.closing(old), into:
        for row in _readable(old):
            into.execute(INSERT.replace("INSERT", "INSERT OR IGNORE"), row)
            taken += 1
        with contextlib.suppress(sqlite3.DatabaseError):
            for loss in old.execute("SELECT device, how, frames, first, last FROM losses"):
                into.execute("INSERT OR IGNORE INTO losses VALUES (?, ?, ?, ?, ?)", loss)
    return taken


def _readable(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Records upwards from the first, downwards from the last, and one by one where both ways end."""
    select = f"SELECT {_columns(db)} FROM entries"  # noqa: S608
    low = high = None
    with contextlib.suppress(sqlite3.DatabaseError):
        for row in db.execute(f"{select} ORDER BY id"):
            low = row[0]
            yield row
        return
    with contextlib.suppress(sqlite3.DatabaseError):
        for row in db.execute(f"{select} WHERE id > ? ORDER BY id DESC", (-1 if low is None else low,)):
            high = row[0]
            yield row
    if high is None:
        return
    for id_ in range(max((low or 0) + 1, high - PROBES), high):
        with contextlib.suppress(sqlite3.DatabaseError):
            yield from db.execute(f"{select} WHERE id = ?", (id_,))


def _columns(db: sqlite3.Connection) -> str:
    with contextlib.suppress(sqlite3.DatabaseError):
        if b"frames" not in {column[1] for column in db.execute("PRAGMA table_info(entries)")}:
            return "id, topic, key, headers, 1, 0, payload, NULL, NULL, size"
    return COLUMNS


def _remove(path: Path, but: Path | None = None) -> None:
    for suffix in ("", "-wal", "-shm"):
        one = path.with_name(path.name + suffix)
        if one != but:
            one.unlink(missing_ok=True)


def _set_aside(db: sqlite3.Connection, damaged: Iterable[Damage]) -> None:
    rows = [(each.id, each.device, each.frames, each.at, each.payload[:LARGEST_SAMPLE]) for each in damaged]
    db.executemany("INSERT INTO damaged (entry, device, frames, at, payload) VALUES (?, ?, ?, ?, ?)", rows)
    db.execute("DELETE FROM damaged WHERE rowid <= (SELECT max(rowid) FROM damaged) - ?", (DAMAGED_KEPT,))


def _pack(row: Any) -> Pack | None:
    """None where damage has changed even the types."""
    id_, topic, key, headers, frames, at, payload, sums, crc, size = row
    try:
        key = key if key is None else key.decode()
        record = Pack(id_, topic.decode(), key, (headers or b"").decode(), frames, at, payload, sums or b"", crc, size)
        whole = isinstance(payload, bytes) and isinstance(record.sums, bytes) and 0 < frames <= MAX_FRAMES_PER_MESSAGE
        return record if whole and isinstance(at, int) else None
    except (AttributeError, TypeError, ValueError):
        return None


def _damage(id_: int, row: Any, record: Pack | None) -> Damage:
    if record is None:
        payload = row[6] if row and isinstance(row[6], bytes) else b""
        return Damage(id_, payload=payload)
    good, bad = legible(record)
    return Damage(id_, record.key, record, good, b"\n".join(bad), record.frames - len(good), record.at)


def _text(stored: object) -> str | None:
    return stored.decode("utf-8", "replace") if isinstance(stored, bytes) else None


def _within(number: object, most: int, otherwise: int = 1) -> int:
    return number if isinstance(number, int) and 0 <= number <= most else otherwise
