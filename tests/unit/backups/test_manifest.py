"""A restored folder proves itself by the manifest inside it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from barograph.backups import manifest
from barograph.backups.manifest import Manifest
from barograph.backups.restoring import verify
from barograph.errors import BackupError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"a.txt": "first", "below/b.txt": "second"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    manifest.write(tmp_path, Manifest(taken=NOON, databases={}, record={}, files=manifest.files_of(tmp_path)))
    return tmp_path


def test_an_untouched_folder_is_verified(folder: Path) -> None:
    assert ["a.txt", "below/b.txt"] == list(verify(folder).files)


@pytest.mark.parametrize("place", [0, 3, -1])
def test_one_changed_byte_is_found(folder: Path, place: int) -> None:
    text = bytearray((folder / "below" / "b.txt").read_bytes())
    text[place] ^= 1
    (folder / "below" / "b.txt").write_bytes(text)

    with pytest.raises(BackupError, match=r"below/b\.txt: other content"):
        verify(folder)


def test_a_missing_and_a_foreign_file_are_found(folder: Path) -> None:
    (folder / "a.txt").rename(folder / "c.txt")

    with pytest.raises(BackupError, match=r"a\.txt: missing; c\.txt: not in the manifest"):
        verify(folder)


def test_many_differences_are_a_number(folder: Path) -> None:
    for number in range(9):
        (folder / f"extra-{number}").write_text("")

    with pytest.raises(BackupError, match="and 4 more"):
        verify(folder)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="not a restored backup"):
        verify(tmp_path)


def test_a_manifest_that_is_none_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"taken": "yesterday"}')

    with pytest.raises(BackupError, match="not a manifest"):
        verify(folder)


def test_what_has_not_changed_is_not_read_again(folder: Path) -> None:
    """A record of years must not be hashed every night. Size and time decide, as they do in restic."""
    known = manifest.read(folder)
    written = (folder / "a.txt").stat()
    (folder / "a.txt").write_text("FIRST")
    os.utime(folder / "a.txt", ns=(written.st_atime_ns, written.st_mtime_ns))
    (folder / "below" / "b.txt").write_text("longer than it was")

    files = manifest.files_of(folder, known)

    assert known.files["a.txt"] == files["a.txt"]
    assert known.files["below/b.txt"].sha256 != files["below/b.txt"].sha256
