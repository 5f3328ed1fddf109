"""What a backup holds, file by file. It lies in the snapshot itself, so that a restored folder can prove itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from barograph.backups.record import TableFacts
from barograph.errors import BackupError

NAME = "manifest.json"
FORMAT = 1


class FileFacts(BaseModel, frozen=True):
    size: int
    modified: int
    """Nanoseconds since the epoch."""
    sha256: str


class Manifest(BaseModel, frozen=True):
    format: int = FORMAT
    taken: datetime
    databases: dict[str, dict[str, int]]
    """Rows of every table of each dump, counted in the dump's own snapshot of the database."""
    record: dict[str, TableFacts]
    files: dict[str, FileFacts]

    @property
    def bytes(self) -> int:
        return sum(facts.size for facts in self.files.values())


def files_of(folder: Path, known: Manifest | None = None) -> dict[str, FileFacts]:
    """Every file below `folder`. What `known` has with the same size and time is not read again: so does restic."""
    before = known.files if known else {}
    return {name: _facts(folder / name, before.get(name)) for name in _names(folder)}


def write(folder: Path, manifest: Manifest) -> None:
    (folder / NAME).write_text(manifest.model_dump_json() + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Raises BackupError where the folder is not a restored backup of ours."""
    path = folder / NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BackupError(f"{folder} is not a restored backup: it has no {NAME} ({error.strerror}).") from error
    except ValidationError as error:
        raise BackupError(f"{path} is not a manifest that this version reads: {error}") from error


def differences(folder: Path, manifest: Manifest) -> list[str]:
    """What is not in `folder` as the manifest says, a line for each file."""
    found = set(_names(folder))
    missing = [f"{name}: missing" for name in manifest.files if name not in found]
    surplus = [f"{name}: not in the manifest" for name in sorted(found - manifest.files.keys())]
    changed = [
        f"{name}: other content"
        for name, facts in manifest.files.items()
        if name in found and not _same(folder / name, facts)
    ]
    return missing + surplus + changed


def _same(path: Path, facts: FileFacts) -> bool:
    return path.stat().st_size == facts.size and _digest(path) == facts.sha256


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / NAME:
            yield path.relative_to(folder).as_posix()


def _facts(path: Path, before: FileFacts | None) -> FileFacts:
    status = path.stat()
    if before and (before.size, before.modified) == (status.st_size, status.st_mtime_ns):
        return before
    return FileFacts(size=status.st_size, modified=status.st_mtime_ns, sha256=_digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
