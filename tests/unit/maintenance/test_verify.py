"""Verify finds what is gone, damaged or does not add up, and names it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from barograph.archive import Archive
from barograph.maintenance import verify
from barograph.maintenance.verify import sound

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
COUNTS = {"read": 6, "stored": 3, "duplicate": 1, "rejected": 2}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Batch 1: four readings in two files, two rejects."""
    archive = Archive(str(tmp_path))
    for _ in range(2):
        write_deltalake(archive.path("readings"), pa.table({"batch": [1, 1]}), mode="append")
    rejects = pa.table({"batch": [1, 1, 7], "stage": ["drain", "collect", "replay"]})
    write_deltalake(archive.path("rejects"), rejects)
    return archive.pinned("readings", "rejects")


def a_file(archive: Archive) -> Path:
    return sorted(Path(archive.path("readings")).glob("*.parquet"))[0]


def looked(archive: Archive):
    return list(verify._files(archive, "readings", deep=True))


def batches(archive: Archive, before: dict, after: dict | None = None):
    return list(verify._batches(archive, before, before if after is None else after))


def line(counts: dict | None, steps: dict | None = None, done: bool = True):
    return ("drain", done, counts, steps or {})


def test_a_whole_table_is_sound(archive):
    [finding] = looked(archive)

    assert (True, "4 rows in 2 files") == (finding.ok, finding.found)


def test_a_file_that_is_gone_is_named_with_what_to_try(archive):
    gone = a_file(archive)
    gone.unlink()

    [finding] = looked(archive)

    assert finding.ok is False
    assert f"{gone.name} is gone" in finding.found
    assert "backup" in finding.try_


@pytest.mark.parametrize("damage", [b"", b"PAR1" + bytes(500)], ids=["empty", "overwritten"])
def test_a_file_that_cannot_be_read_is_named(archive, damage):
    a_file(archive).write_bytes(damage)

    [finding] = looked(archive)

    assert finding.ok is False
    assert a_file(archive).name in finding.found


def test_a_file_in_the_place_of_another_is_found_by_its_rows(archive, tmp_path):
    """It can be read, and it is the wrong one."""
    other = Archive(str(tmp_path / "other"))
    write_deltalake(other.path("readings"), pa.table({"batch": [1, 1, 1]}))
    a_file(archive).write_bytes(a_file(other).read_bytes())

    [finding] = looked(archive)

    assert "has 3 rows, and the log says 2" in finding.found


def test_a_batch_that_balances_is_counted(archive):
    """What a replay noted about a reject is no reject of its own."""
    [finding] = batches(archive, {1: line(COUNTS), 7: line(dict.fromkeys(COUNTS, 0))})

    assert finding.ok
    assert COUNTS.items() <= finding.facts.items()


def test_a_batch_under_way_is_no_mistake(archive):
    assert sound(batches(archive, {1: line(None, done=False), 7: line(None, done=False)}))


def test_a_batch_that_was_planned_while_we_looked_is_no_stranger(archive):
    assert sound(batches(archive, {}, {1: line(COUNTS), 7: line(None)}))


def test_readings_that_are_gone_are_missed(archive):
    """Six were stored, and four are there."""
    [finding] = batches(archive, {1: line({**COUNTS, "read": 8, "stored": 5}), 7: line(None, done=False)})

    assert ("batch 1", False) == (finding.what, finding.ok)
    assert "the record has 4 readings of 6" in finding.found


def test_a_batch_in_the_record_that_the_ledger_lacks_is_named(archive):
    findings = batches(archive, {7: line(None, done=False)})

    assert [[1]] == [finding.facts["batches"] for finding in findings if finding.ok is False]


def test_rejects_that_were_let_go_are_accounted_for(archive):
    """Retention deletes them, and the ledger says how many."""
    counts = {**COUNTS, "read": 9, "rejected": 5}

    assert not sound(batches(archive, {1: line(counts), 7: line(None)}))
    assert sound(batches(archive, {1: line(counts, {"let_go": {"2026-11-01": 3}}), 7: line(None, done=False)}))


def test_rows_are_counted_by_batch(archive):
    assert Counter({1: 4}) == verify._counted(archive, "readings")
    assert Counter({1: 2}) == verify._counted(archive, "rejects")
