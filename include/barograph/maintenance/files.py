"""The files of the archive's tables, as Delta's own log and statistics name them: no file is opened here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from barograph import schemas
from barograph.archive import Archive

TARGET = 128 * 1024 * 1024
"""Bytes of a compacted file."""
FEW = 8
"""Files of a day that are not worth writing it again: late readings bring one each."""


@dataclass(frozen=True)
class Part:
    """One partition of a table: a UTC day of the record, or a (site, day) of a derived table."""

    keys: Mapping[str, str]
    files: int
    bytes: int
    rows: int

    @property
    def most_files(self) -> int:
        """More than these are compacted, and none has more when maintenance has been there."""
        return FEW + 2 * self.bytes // TARGET

    @property
    def name(self) -> str:
        return " ".join(self.keys.values())


@dataclass(frozen=True)
class Table:
    name: str
    version: int
    parts: list[Part]
    log_files: int | None = None
    """Entries of its log; None where it is not on a disk of this machine."""
    columns: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        return sum(part.files for part in self.parts)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def opened(archive: Archive, table: str) -> DeltaTable | None:
    """The table as it is now, or None where nobody wrote it yet."""
    try:
        return DeltaTable(archive.path(table))
    except TableNotFoundError:
        return None


def tables(archive: Archive) -> Iterator[Table]:
    """All tables that are there, in the order of the river."""
    for name in schemas.TABLES:
        if found := opened(archive, name):
            log = log_folder(archive, name)
            entries = sum(1 for _ in log.iterdir()) if log else None
            columns = [column.name for column in found.schema().fields]
            yield Table(name, found.version(), parts(found), entries, columns)


def parts(table: DeltaTable) -> list[Part]:
    grouped: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for entry in actions(table):
        keys = tuple((name[10:], str(entry[name])) for name in sorted(entry) if name.startswith("partition."))
        # The site comes before its days.
        grouped.setdefault(tuple(sorted(keys, reverse=True)), []).append(entry)
    return [
        Part(dict(keys), len(each), sum(e["size_bytes"] for e in each), sum(e["num_records"] or 0 for e in each))
        for keys, each in sorted(grouped.items())
    ]


def actions(table: DeltaTable) -> list[dict[str, Any]]:
    """The files of a table's version as its log names them: path, size_bytes, num_records, partition.day ..."""
    found: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return found


def folder(archive: Archive, table: str) -> Path | None:
    """Where a table lies on a disk of this machine, or None."""
    place = Path(archive.path(table).removeprefix("file://"))
    return place if place.is_dir() else None


def log_folder(archive: Archive, table: str) -> Path | None:
    place = folder(archive, table)
    return place / "_delta_log" if place and (place / "_delta_log").is_dir() else None
