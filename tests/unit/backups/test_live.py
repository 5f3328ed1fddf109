"""Replacing what is live deletes nothing, and is refused where it would lose data."""

from __future__ import annotations

from pathlib import Path

import pytest

from barograph.backups.live import restore_live, swap
from barograph.errors import BackupError
from barograph.settings import Settings


def test_what_was_there_is_kept_aside(tmp_path: Path) -> None:
    write(tmp_path / "new" / "a", "restored")
    write(tmp_path / "record" / "a", "live")

    kept = swap(tmp_path / "new", tmp_path / "record", "replaced-abc")

    assert [tmp_path / "replaced-abc" / "record"] == kept
    assert "restored" == (tmp_path / "record" / "a").read_text()
    assert "live" == (kept[0] / "a").read_text()


def test_the_second_time_does_not_hide_what_the_first_kept(tmp_path: Path) -> None:
    write(tmp_path / "record" / "a", "0")
    for number in (1, 2):
        write(tmp_path / "new" / "a", str(number))
        kept = swap(tmp_path / "new", tmp_path / "record", "replaced-abc")

    assert [tmp_path / "replaced-abc" / "record-2"] == kept
    assert "0" == (tmp_path / "replaced-abc" / "record" / "a").read_text()


def test_a_new_machine_has_nothing_to_keep(tmp_path: Path) -> None:
    write(tmp_path / "new" / "a", "restored")

    assert [] == swap(tmp_path / "new", tmp_path / "deep" / "record", "replaced-abc")
    assert (tmp_path / "deep" / "record" / "a").exists()


def test_a_failed_exchange_leaves_the_live_data_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "new" / "a", "restored")
    write(tmp_path / "record" / "a", "live")
    rename = Path.rename

    def fail_for_restored(self: Path, target: Path) -> Path:
        if self.name == "record.restored":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_restored)
    with pytest.raises(OSError, match="Input/output error"):
        swap(tmp_path / "new", tmp_path / "record", "replaced-abc")

    assert "live" == (tmp_path / "record" / "a").read_text()


def test_nothing_happens_without_a_yes(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="Add --yes-replace"):
        restore_live(Settings(home=tmp_path))


def test_a_record_older_than_its_ledger_is_refused(tmp_path: Path) -> None:
    """The ledger says what was read; nobody would read again what the older record lacks."""
    with pytest.raises(BackupError, match="Name both"):
        restore_live(Settings(home=tmp_path), yes_replace=True, parts=["record"])


def test_an_unknown_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"Unknown: kafka\. A backup has these parts: barograph, airflow, record"):
        restore_live(Settings(home=tmp_path), yes_replace=True, parts=["kafka"])


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
