"""A staged table is one whole version, whatever goes on in the original meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from barograph.backups import record
from barograph.errors import BackupError

BATCH = 10


def append(table: Path, batch: int, log_kept: str = "2 days") -> None:
    rows = pa.table({"day": ["2026-11-22"] * BATCH, "batch": [batch] * BATCH})
    configuration = {"delta.checkpointInterval": "4", "delta.logRetentionDuration": f"interval {log_kept}"}
    write_deltalake(
        table, rows, mode="append", partition_by=["day"], configuration=None if table.exists() else configuration
    )


def batches(table: Path) -> list[int]:
    return sorted(set(DeltaTable(table).to_pyarrow_table()["batch"].to_pylist()))


def test_a_staged_table_has_the_version_and_rows_it_had(tmp_path: Path) -> None:
    for batch in range(6):
        append(tmp_path / "table", batch)

    staged = record.stage(tmp_path / "table", tmp_path / "staged")

    assert staged == record.TableFacts(version=5, rows=6 * BATCH, files=6)
    assert staged == record.facts(tmp_path / "staged")
    assert [0, 1, 2, 3, 4, 5] == batches(tmp_path / "staged")


def test_commits_before_the_checkpoint_keep_their_history(tmp_path: Path) -> None:
    """Drain reads from the history which batches the record has: a restored record must tell that too."""
    for batch in range(6):
        append(tmp_path / "table", batch)

    record.stage(tmp_path / "table", tmp_path / "staged")

    assert (tmp_path / "staged" / "_delta_log" / "_last_checkpoint").exists()
    assert [5, 4, 3, 2, 1, 0] == [commit["version"] for commit in DeltaTable(tmp_path / "staged").history()]


def test_staging_costs_no_space(tmp_path: Path) -> None:
    append(tmp_path / "table", 0)

    record.stage(tmp_path / "table", tmp_path / "staged")

    [original] = (tmp_path / "table").rglob("*.parquet")
    [staged] = (tmp_path / "staged").rglob("*.parquet")
    assert original.stat().st_ino == staged.stat().st_ino


def test_a_space_in_the_path_is_no_obstacle(tmp_path: Path) -> None:
    append(tmp_path / "my data" / "table", 0)

    assert record.stage(tmp_path / "my data" / "table", tmp_path / "my copy") == record.facts(tmp_path / "my copy")


def test_what_comes_later_does_not_change_what_is_staged(tmp_path: Path) -> None:
    """Compaction and vacuum delete the files of the staged version from the original."""
    for batch in range(6):
        append(tmp_path / "table", batch)
    staged = record.stage(tmp_path / "table", tmp_path / "staged")

    table = DeltaTable(tmp_path / "table")
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)

    assert staged == record.facts(tmp_path / "staged")
    assert [0, 1, 2, 3, 4, 5] == batches(tmp_path / "staged")


def test_staging_beside_appends_and_compactions_is_consistent(tmp_path: Path) -> None:
    """Every copy has whole batches, without a hole, whatever the writer is doing at that moment."""
    table = tmp_path / "table"
    append(table, 0, log_kept="0 seconds")
    stop = threading.Event()
    failures: list[Exception] = []

    def write() -> None:
        batch = 1
        while not stop.is_set() and batch < 400:
            try:
                append(table, batch)
                if batch % 7 == 0:
                    DeltaTable(table).optimize.compact(target_size=1_000_000)
                if batch % 11 == 0:
                    DeltaTable(table).cleanup_metadata()
            except Exception as error:
                failures.append(error)
                return
            batch += 1

    writer = threading.Thread(target=write)
    writer.start()
    copies = []
    try:
        for number in range(25):
            staged = record.stage(table, tmp_path / f"staged-{number}")
            assert staged is not None
            copies.append((tmp_path / f"staged-{number}", staged))
    finally:
        stop.set()
        writer.join()

    assert [] == failures
    for copy, staged in copies:
        held = batches(copy)
        assert staged == record.facts(copy)
        assert list(range(held[-1] + 1)) == held
        assert len(held) * BATCH == staged.rows
    assert copies[-1][1].version > copies[0][1].version


def test_a_table_that_nobody_wrote_is_none(tmp_path: Path) -> None:
    assert record.stage(tmp_path / "table", tmp_path / "staged") is None


def test_an_empty_table_is_staged(tmp_path: Path) -> None:
    DeltaTable.create(
        tmp_path / "table", pa.schema([("day", pa.string()), ("batch", pa.int64())]), partition_by=["day"]
    )

    staged = record.stage(tmp_path / "table", tmp_path / "staged")

    assert staged == record.TableFacts(version=0, rows=0, files=0)
    assert staged == record.facts(tmp_path / "staged")


def test_a_table_that_lacks_a_file_is_not_stored_as_if_it_were_whole(tmp_path: Path) -> None:
    append(tmp_path / "table", 0)
    next((tmp_path / "table").rglob("*.parquet")).unlink()

    with pytest.raises(BackupError, match="no whole version"):
        record.stage(tmp_path / "table", tmp_path / "staged")


def test_without_hard_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive may lie on another file system than the data folder."""
    append(tmp_path / "table", 0)

    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    record.stage(tmp_path / "table", tmp_path / "staged")

    [original] = (tmp_path / "table").rglob("*.parquet")
    [staged] = (tmp_path / "staged").rglob("*.parquet")
    assert original.stat().st_ino != staged.stat().st_ino
    assert original.stat().st_mtime_ns == staged.stat().st_mtime_ns


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    append(tmp_path / "table", 0)
    next((tmp_path / "table").rglob("*.parquet")).write_bytes(b"not parquet")

    with pytest.raises(BackupError, match="not a whole Delta table"):
        record.facts(tmp_path / "table")
