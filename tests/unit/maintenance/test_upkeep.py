"""Upkeep changes how rows lie in files, and never which rows there are."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from barograph.archive import PROPERTIES, Archive
from barograph.maintenance import files
from barograph.maintenance.upkeep import joined, tidy

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO = time.time() - 5 * 86_400


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path))


def append(archive: Archive, batch: int, *days: int) -> None:
    """A batch of one reading for each of these days of November."""
    rows = pa.table(
        {
            "device": ["fridge"] * len(days),
            "time": pa.array([NOON.replace(day=day) for day in days], pa.timestamp("us", "UTC")),
            "batch": [batch] * len(days),
            "day": [date(2026, 11, day) for day in days],
        }
    )
    write_deltalake(
        archive.path("readings"),
        rows,
        mode="append",
        partition_by=["day"],
        configuration={**PROPERTIES, "delta.checkpointInterval": "10"},
        commit_properties=CommitProperties(app_transactions=[Transaction("drain", batch)]),
    )


def rows(archive: Archive, version: int | None = None):
    return DeltaTable(archive.path("readings"), version=version).to_pyarrow_table().sort_by("batch").to_pylist()


def age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))


def log_of(archive: Archive) -> Path:
    return Path(archive.path("readings"), "_delta_log")


def test_a_day_of_many_files_becomes_one_of_few_and_holds_the_same_rows(archive):
    """A batch a minute is 1,440 files a day; nobody's question should open them all."""
    for batch in range(12):
        append(archive, batch, 20)
    append(archive, 12, 21)
    before = rows(archive)

    done = tidy(archive, "readings", NOON)

    assert (13, 2) == done.files
    assert ["2026-11-20"] == done.compacted
    assert before == rows(archive)
    assert [] == done.over


def test_a_day_of_few_files_is_not_written_again(archive):
    """Late readings bring a file to an old day now and then: a large day is not copied for each of them."""
    for batch in range(files.FEW):
        append(archive, batch, 20)

    done = tidy(archive, "readings", NOON)

    assert (files.FEW, files.FEW) == done.files
    assert [] == done.compacted


def test_no_day_has_more_files_than_an_hour_of_batches_leaves_and_some(archive, monkeypatch):
    """At an interval of 10 s a day would have 8,640: compacted every hour, never more than 360 and those of before.

    Here an hour has a dozen batches, and a batch now and then a late reading of the day before.
    """
    monkeypatch.setattr(files, "FEW", 2)
    an_hour = 12
    most = {20: 0, 21: 0}
    for hour in range(24):
        for batch in range(an_hour):
            append(archive, hour * an_hour + batch, 21, *([20] if batch == hour % an_hour else []))
        for part in files.parts(DeltaTable(archive.path("readings"))):
            day = int(part.name[-2:])
            most[day] = max(most[day], part.files)
        done = joined(archive, "readings")
        assert [] == done.over

    assert an_hour < most[21] <= an_hour + files.FEW
    assert most[20] <= files.FEW + 1
    assert 24 * an_hour == len([row for row in rows(archive) if row["day"].day == 21])
    assert list(range(24 * an_hour)) == sorted({row["batch"] for row in rows(archive)})


def test_doing_it_again_changes_nothing(archive):
    for batch in range(12):
        append(archive, batch, 20)
    tidy(archive, "readings", NOON)
    version = DeltaTable(archive.path("readings")).version()

    tidy(archive, "readings", NOON)

    assert version == DeltaTable(archive.path("readings")).version()


def test_a_reader_that_opened_before_keeps_its_files(archive):
    """Settling a large day takes an hour: what it reads must not be deleted under its hands."""
    for batch in range(12):
        append(archive, batch, 20)
    age(*Path(archive.path("readings")).glob("day=*/*.parquet"))
    pinned, before = archive.pinned("readings"), rows(archive)

    done = tidy(archive, "readings", NOON)

    assert 0 == done.vacuumed
    assert before == rows(archive, pinned.versions["readings"])


def test_what_a_killed_writer_left_goes_after_two_days_and_not_before(archive):
    """A file that is being written now looks just like it, but for its age."""
    append(archive, 0, 20)
    day = Path(archive.path("readings"), "day=2026-11-20")
    old, new = day / "old.parquet", day / "new.parquet"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    age(old)

    done = tidy(archive, "readings", NOON)

    assert (False, True, 1) == (old.exists(), new.exists(), done.vacuumed)


def test_the_log_stays_bounded(archive):
    """A log of 260,000 entries made an append take seconds; commits behind a checkpoint go after two days."""
    for batch in range(35):
        append(archive, batch, 20)
    log = log_of(archive)
    for path in list(log.glob("*.json")):
        # Spark leaves three more files for each.
        for name in (f".{path.name}.crc", f"{path.stem}.crc", f".{path.stem}.crc.crc"):
            (log / name).write_bytes(b"")
    age(*log.iterdir())
    before = rows(archive)

    done = tidy(archive, "readings", datetime.now(UTC))

    assert done.log_files[0] > 140
    assert done.log_files[1] < 50
    assert before == rows(archive)
    assert 34 == DeltaTable(archive.path("readings")).transaction_version("drain"), "or Delta would take a batch twice"


def test_checksums_of_a_commit_in_the_making_are_left_alone(archive):
    append(archive, 0, 20)
    fresh = log_of(archive) / f".{1:020d}.json.crc"
    fresh.write_bytes(b"")

    tidy(archive, "readings", datetime.now(UTC) + timedelta(minutes=1))

    assert fresh.exists()


def test_the_bound_grows_with_the_bytes(archive):
    """A day of a gigabyte may have more than eight files, and still be as few as it can."""
    small = files.Part({"day": "2026-11-20"}, 9, 9_000, 9)
    large = files.Part({"day": "2026-11-20"}, 9, 10 * files.TARGET, 9)

    assert (8, 28) == (small.most_files, large.most_files)
