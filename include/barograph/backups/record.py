"""The record's Delta tables, staged as they were at one version while others go on writing.

A table at a version is its log up to there and the files which that names. All of them are written once and never
changed, so hard links hold a whole version for as long as we need it, whatever is appended, compacted or vacuumed.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from pydantic import BaseModel

from barograph.errors import BackupError

LOG = "_delta_log"
COMMIT = re.compile(r"(\d{20})\.json")
ATTEMPTS = 5


class TableFacts(BaseModel, frozen=True):
    """What a staged table must be again when it is restored."""

    version: int
    rows: int
    files: int


class _MovedError(Exception):
    """The table was cleaned up under our hands: a later version is whole."""


def stage(source: Path, target: Path) -> TableFacts | None:
    """Link one version of a table into `target`; None where there is no table yet. Raises BackupError."""
    reason: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return _stage(source, target)
        except TableNotFoundError:
            return None
        except (_MovedError, FileNotFoundError, DeltaError) as error:
            reason = error
            shutil.rmtree(target, ignore_errors=True)
    raise BackupError(
        f"The table {source} gave no whole version in {ATTEMPTS} attempts ({reason}). "
        "Is a vacuum deleting files that its newest version needs?"
    ) from reason


def facts(table: Path) -> TableFacts:
    """A table's version and size; its rows are counted in the files themselves. Raises BackupError."""
    try:
        opened = DeltaTable(table)
        paths = [table / entry["path"] for entry in _active(opened)]
        return TableFacts(version=opened.version(), rows=sum(map(_rows, paths)), files=len(paths))
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise BackupError(f"{table} is not a whole Delta table: {error}") from error


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        # Another file system, one without hard links, or somebody else's file.
        shutil.copy2(source, target)


def _stage(source: Path, target: Path) -> TableFacts:
    pinned = DeltaTable(source)
    version = pinned.version()
    _stage_log(source / LOG, target / LOG, version)
    active = _active(pinned)
    for entry in active:
        link(source / entry["path"], target / entry["path"])
    counts = [entry["num_records"] for entry in active]
    rows = sum(counts) if None not in counts else sum(_rows(target / entry["path"]) for entry in active)
    return TableFacts(version=version, rows=rows, files=len(active))


def _stage_log(source: Path, target: Path, version: int) -> None:
    """The last checkpoint and the commits up to `version`; older ones as far as they are kept, for their history."""
    target.mkdir(parents=True)
    checkpoint = _last_checkpoint(source)
    if checkpoint > version:
        raise _MovedError(f"a checkpoint of version {checkpoint} appeared after {version} was opened")
    if checkpoint >= 0:
        for path in source.glob(f"{checkpoint:020d}.checkpoint*"):
            link(path, target / path.name)
        (target / "_last_checkpoint").write_text(json.dumps({"version": checkpoint, **_parts(target)}))

    numbers = {int(found[1]) for path in source.iterdir() if (found := COMMIT.fullmatch(path.name))}
    for number in sorted(numbers):
        if number <= version:
            _link_commit(source, target, number, needed=number > checkpoint)
    if missing := set(range(checkpoint + 1, version + 1)) - numbers:
        raise _MovedError(f"commit {min(missing)} is gone")


def _link_commit(source: Path, target: Path, number: int, needed: bool) -> None:
    name = f"{number:020d}.json"
    try:
        link(source / name, target / name)
    except FileNotFoundError:
        if needed:
            raise


def _last_checkpoint(log: Path) -> int:
    """Its version, or -1. Only what this file names is complete: a checkpoint may be in the making."""
    try:
        return int(json.loads((log / "_last_checkpoint").read_text(encoding="utf-8"))["version"])
    except FileNotFoundError:
        return -1
    except (ValueError, KeyError) as error:
        raise _MovedError(f"_last_checkpoint was being written: {error}") from error


def _parts(log: Path) -> dict[str, int]:
    """`size` is required by the format and read by nobody; several files are one checkpoint in parts."""
    files = list(log.glob("*.checkpoint*"))
    if not files:
        raise _MovedError("the last checkpoint is gone")
    return {"size": sum(map(_rows, files)), **({"parts": len(files)} if len(files) > 1 else {})}


def _active(table: DeltaTable) -> list[dict[str, Any]]:
    """The files of a table's version; by their actions, for `file_uris` writes a space in a path as %20."""
    actions: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return actions


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
