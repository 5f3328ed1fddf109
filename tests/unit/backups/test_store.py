"""Staging leaves nothing behind, and says what it cannot do."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from barograph.backups.restoring import restore
from barograph.backups.store import archive_folder, staging
from barograph.errors import BackupError
from barograph.settings import Settings


def test_litter_of_a_killed_run_is_gone(tmp_path: Path) -> None:
    (tmp_path / "staging" / "databases").mkdir(parents=True)
    (tmp_path / "staging" / "databases" / "half.dump").write_text("half")

    with staging(tmp_path / "staging") as folder:
        assert [] == list(folder.iterdir())


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    with staging(tmp_path / "staging") as folder:
        assert 0o700 == folder.stat().st_mode & 0o777


def test_it_is_gone_after_success_and_failure(tmp_path: Path) -> None:
    with staging(tmp_path / "staging"):
        pass
    assert not (tmp_path / "staging").exists()

    with pytest.raises(BackupError, match="No space left"), staging(tmp_path / "staging") as folder:
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not (tmp_path / "staging").exists()


def test_a_record_in_an_object_store_is_refused_loudly(tmp_path: Path) -> None:
    """A backup that silently lacks the record would be worse than none."""
    with pytest.raises(BackupError, match="s3://shop/barograph"):
        archive_folder(Settings(home=tmp_path, archive="s3://shop/barograph"))


def test_a_folder_with_something_in_it_is_not_restored_into(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "mine").write_text("dear to me")

    with pytest.raises(BackupError, match="not an empty folder"):
        restore(Settings(home=tmp_path), into=tmp_path / "target")

    with pytest.raises(BackupError, match="not an empty folder"):
        restore(Settings(home=tmp_path), into=tmp_path / "target" / "mine")
