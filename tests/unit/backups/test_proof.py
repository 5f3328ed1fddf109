from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from barograph.backups import proof
from barograph.backups.restoring import RestoreSummary
from barograph.settings import Settings

TAKEN = datetime(2026, 11, 22, 3, tzinfo=UTC)


def test_a_restore_that_was_verified_is_remembered(tmp_path: Path):
    settings = Settings(home=tmp_path)
    before = proof.last(settings)

    proof.note(settings, RestoreSummary("abc", TAKEN, tmp_path, 1, 1, {}, {}))

    found = proof.last(settings)
    assert before is None
    assert found
    assert ("abc", TAKEN) == (found.snapshot, found.taken)


def test_a_damaged_note_is_none(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "restore.json").write_text("[]")

    assert proof.last(Settings(home=tmp_path)) is None
