"""What the fast lane found, on the collector's own disk: durable when `record` returns, handed over to Kafka once.

events    number, what happened as JSON, whether Kafka has it
kept      name -> text: what the lane remembers across a restart, and the last good rules of each site
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

KEEP = 10_000
"""Events that Kafka has and that stay for whoever looks: weeks of them, usually."""

TABLES = """
create table if not exists events (number integer primary key, content text not null, sent integer not null default 0);
create index if not exists events_waiting on events (sent) where sent = 0;
create table if not exists kept (name text primary key, content text not null);
"""


class AlarmStore:
    """Safe to use from two threads. Raises sqlite3.Error where the disk refuses."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute("pragma journal_mode = wal")
        self._file.execute("pragma synchronous = full")
        self._file.executescript(TABLES)

    def record(self, events: Iterable[str], kept: Mapping[str, str]) -> None:
        """Store events, and what is remembered together with them, in one commit that is on the disk."""
        with self._lock, self._commit():
            self._file.executemany("insert into events (content) values (?)", [(event,) for event in events])
            self._keep(kept)

    def keep(self, kept: Mapping[str, str]) -> None:
        with self._lock, self._commit():
            self._keep(kept)

    def kept(self, name: str) -> str | None:
        with self._lock:
            row = self._file.execute("select content from kept where name = ?", (name,)).fetchone()
        return row[0] if row else None

    def waiting(self, most: int) -> list[tuple[int, str]]:
        """(number, event) of those that Kafka does not have, in their order."""
        with self._lock:
            wanted = "select number, content from events where sent = 0 order by number limit ?"
            return self._file.execute(wanted, (most,)).fetchall()

    def sent(self, numbers: Sequence[int]) -> None:
        with self._lock, self._commit():
            self._file.executemany("update events set sent = 1 where number = ?", [(number,) for number in numbers])
            self._file.execute(
                "delete from events where sent = 1 and number <= (select max(number) from events) - ?", (KEEP,)
            )

    def events(self, most: int = 100) -> list[str]:
        """The newest ones, whether or not Kafka has them."""
        with self._lock:
            rows = self._file.execute("select content from events order by number desc limit ?", (most,)).fetchall()
        return [content for (content,) in rows]

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _keep(self, kept: Mapping[str, str]) -> None:
        self._file.executemany("insert or replace into kept values (?, ?)", list(kept.items()))

    def _commit(self) -> _Commit:
        return _Commit(self._file)


class _Commit:
    """`with` a transaction: sqlite3's own begins none before a read."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.execute("commit" if kind is None else "rollback")
