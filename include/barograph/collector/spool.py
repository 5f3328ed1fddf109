"""The spool: what was read waits on disk until Kafka has it. One writer; one commit a turn of the loop.

append -> waiting -> acked -> (keep_acked seconds) -> gone
             ^         |
             `---------'  resend: a broker came back, and its acknowledgements may have been page cache
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic as system_monotonic

import structlog

from barograph.errors import SpoolFull, WriterBusy
from barograph.windows import iso

log = structlog.get_logger()

SCHEMA = """
    CREATE TABLE IF NOT EXISTS entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        key TEXT,
        payload BLOB NOT NULL,
        headers TEXT,
        size INTEGER NOT NULL,
        acked REAL
    );
    CREATE INDEX IF NOT EXISTS waiting ON entries(id) WHERE acked IS NULL;
    CREATE INDEX IF NOT EXISTS kept ON entries(acked) WHERE acked IS NOT NULL;
    CREATE TABLE IF NOT EXISTS lost (one INTEGER PRIMARY KEY CHECK (one = 1), entries INTEGER, first TEXT, last TEXT);
"""
OVERHEAD = 64
"""Bytes that an entry takes beside its payload, about."""
ROOM = 0.9
"""A loss is reported when the spool is no fuller than this, so that a spool at its brim reports once."""


@dataclass(frozen=True)
class Entry:
    """One message to be. Entries of `readings` hold one frame each, so that the publisher can pack them."""

    topic: str
    payload: bytes
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    id: int = 0

    @property
    def size(self) -> int:
        return len(self.payload) + len(self.key or "") + len(_stored(self.headers) or "") + OVERHEAD


@dataclass(frozen=True)
class Loss:
    """What did not fit: this many entries, read between `first` and `last`."""

    entries: int
    first: str
    last: str


class Spool:
    """Raises WriterBusy if another collector has it open. Safe to use from two threads."""

    def __init__(
        self, path: Path, *, quota: int, keep_acked: float, monotonic: Callable[[], float] = system_monotonic
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._quota = quota
        self._keep_acked = keep_acked
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._db = _opened(path)
        self._size, self._waiting = 0, 0
        # Acknowledged before we started: the machine may have gone down since, and taken the broker's cache with it.
        self.resend()
        self._size, self._waiting = self._db.execute("SELECT coalesce(sum(size), 0), count(*) FROM entries").fetchone()
        row = self._db.execute("SELECT entries, first, last FROM lost").fetchone()
        self._loss = Loss(*row) if row else None
        self.lost_total = 0
        """Entries lost since this start."""

    @property
    def depth(self) -> int:
        """Entries that Kafka does not have yet."""
        return self._waiting

    @property
    def size(self) -> int:
        """Bytes of all entries, those that are only kept included."""
        return self._size

    def append(self, entries: Sequence[Entry], at: datetime) -> None:
        """Store all in one commit. Raises SpoolFull, with what does not fit counted as lost and the rest stored."""
        if not entries:
            return
        with self._lock:
            if self._size + sum(entry.size for entry in entries) > self._quota:
                self._sacrifice_kept()
            fitting = self._fitting(entries)
            try:
                self._insert(fitting)
            except sqlite3.OperationalError as error:
                if "full" not in str(error):
                    raise
                fitting = []
            missing = len(entries) - len(fitting)
            if missing:
                self._lose(missing, at)
                raise SpoolFull(f"{missing} entries did not fit into {self._quota} bytes of spool and are lost.")

    def waiting(self, limit: int) -> list[Entry]:
        """The oldest entries that Kafka does not have."""
        with self._lock:
            rows = self._db.execute(
                "SELECT topic, payload, key, headers, id FROM entries WHERE acked IS NULL ORDER BY id LIMIT ?", (limit,)
            ).fetchall()
        return [Entry(topic, payload, key, _headers(headers), id_) for topic, payload, key, headers, id_ in rows]

    def ack(self, ids: Sequence[int]) -> None:
        now = self._monotonic()
        with self._lock:
            with self._db:
                changed = self._db.executemany(
                    "UPDATE entries SET acked = ? WHERE id = ? AND acked IS NULL", [(now, id_) for id_ in ids]
                ).rowcount
            self._waiting -= changed

    def replace(self, refused: Entry, by: Entry) -> None:
        """Put a reject in the place of an entry that no broker will take."""
        with self._lock:
            with self._db:
                self._db.execute(
                    "UPDATE entries SET topic = ?, payload = ?, key = ?, headers = ?, size = ? WHERE id = ?",
                    (by.topic, by.payload, by.key, _stored(by.headers), by.size, refused.id),
                )
            self._size += by.size - refused.size

    def resend(self) -> int:
        """Make every kept entry wait again; says how many. Frame identity makes the second copy harmless."""
        with self._lock:
            with self._db:
                again = self._db.execute("UPDATE entries SET acked = NULL WHERE acked IS NOT NULL").rowcount
            self._waiting += again
            return again

    def prune(self) -> None:
        """Drop what was acknowledged long enough ago. Only to be called while the broker is known to be up."""
        with self._lock:
            self._delete("acked <= ?", (self._monotonic() - self._keep_acked,))

    def take_loss(self, report: Callable[[Loss], Entry]) -> Loss | None:
        """If something was lost and there is room again: store its report, once, and forget it in the same commit."""
        with self._lock:
            loss = self._loss
            if loss is None or self._size > self._quota * ROOM:
                return None
            self._insert([report(loss)], "DELETE FROM lost")
            self._loss = None
            return loss

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _fitting(self, entries: Sequence[Entry]) -> list[Entry]:
        room = self._quota - self._size
        fitting: list[Entry] = []
        for entry in entries:
            if entry.size <= room:
                room -= entry.size
                fitting.append(entry)
        return fitting

    def _insert(self, entries: Sequence[Entry], also: str = "") -> None:
        with self._db:
            self._db.executemany(
                "INSERT INTO entries (topic, payload, key, headers, size) VALUES (?, ?, ?, ?, ?)",
                [(entry.topic, entry.payload, entry.key, _stored(entry.headers), entry.size) for entry in entries],
            )
            if also:
                self._db.execute(also)
        self._size += sum(entry.size for entry in entries)
        self._waiting += len(entries)

    def _sacrifice_kept(self) -> None:
        """New readings matter more than a second copy of those that were acknowledged."""
        self._delete("acked IS NOT NULL", ())

    def _delete(self, which: str, arguments: tuple[float, ...]) -> None:
        freed = self._db.execute(f"SELECT coalesce(sum(size), 0) FROM entries WHERE {which}", arguments).fetchone()[0]  # noqa: S608
        if freed:
            with self._db:
                self._db.execute(f"DELETE FROM entries WHERE {which}", arguments)  # noqa: S608
            self._size -= freed
            # A script, because `execute` steps once, and each step frees one page.
            self._db.executescript("PRAGMA incremental_vacuum(1000)")

    def _lose(self, count: int, at: datetime) -> None:
        moment = iso(at)
        known = self._loss or Loss(0, moment, moment)
        self._loss = Loss(known.entries + count, known.first, moment)
        self.lost_total += count
        # Where the disk itself is full, memory must do until there is room.
        with contextlib.suppress(sqlite3.OperationalError), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO lost VALUES (1, ?, ?, ?)", (self._loss.entries, known.first, moment)
            )


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.OperationalError as error:
        raise WriterBusy(
            f"Cannot open the spool {path} ({error}). Another collector uses this data folder: stop it first."
        ) from error
    except sqlite3.DatabaseError:
        # Not readable at all: what it held is lost, what comes now must not be. The file stays for whoever looks.
        aside = path.with_suffix(f".damaged-{int(path.stat().st_mtime)}")
        path.rename(aside)
        log.error("spool_damaged", kept_as=aside.name)
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _stored(headers: tuple[tuple[str, str], ...]) -> str | None:
    return json.dumps(headers) if headers else None


def _headers(stored: str | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in json.loads(stored)) if stored else ()
