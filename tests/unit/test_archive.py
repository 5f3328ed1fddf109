"""Tables grow columns, and never lose or change one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from barograph import schemas
from barograph.archive import Archive
from barograph.errors import ArchiveError


def older(archive: Archive, **columns: pa.DataType) -> None:
    """A table `days` as some other version made it."""
    write_deltalake(archive.path("days"), pa.schema(columns.items()).empty_table())


def test_columns_are_read_as_they_are_written_down():
    """A comma inside of a type does not end a column."""
    assert {"site": "STRING", "batches": "ARRAY<BIGINT>"}.items() <= schemas.columns("days").items()
    assert 11 == len(schemas.columns("days"))
    assert set() == {
        kind for table in schemas.TABLES for kind in schemas.columns(table).values() if kind != kind.strip()
    }


def test_a_table_that_has_all_columns_misses_none(tmp_path: Path):
    archive = Archive(str(tmp_path))
    day = {
        "site": pa.string(),
        "day": pa.date32(),
        "start": pa.timestamp("us", "UTC"),
        "end": pa.timestamp("us", "UTC"),
    }
    sums = dict.fromkeys(("read", "stored", "duplicate", "rejected"), pa.int64())
    older(archive, **day, batches=pa.list_(pa.int64()), devices=pa.int32(), **sums, inputs=pa.string())

    assert {} == archive.missing("days")


def test_a_table_of_an_older_version_misses_what_was_added(tmp_path: Path):
    archive = Archive(str(tmp_path))
    older(archive, site=pa.string(), day=pa.date32(), batches=pa.list_(pa.int64()))

    assert {"devices": "INT", "read": "BIGINT", "start": "TIMESTAMP"}.items() <= archive.missing("days").items()
    assert not {"site", "day", "batches"} & archive.missing("days").keys()


def test_a_column_that_only_the_table_has_is_nobodys_business(tmp_path: Path):
    """A newer version was here: what it added stays."""
    archive = Archive(str(tmp_path))
    older(archive, site=pa.string(), weather=pa.string())

    assert "weather" not in archive.missing("days")


def test_a_column_of_another_type_is_an_error_that_names_it(tmp_path: Path):
    archive = Archive(str(tmp_path))
    older(archive, site=pa.string(), read=pa.string())

    with pytest.raises(ArchiveError, match=r"column read is STRING, and this version of Barograph needs BIGINT"):
        archive.missing("days")


KINDS = {
    "STRING": pa.string(), "BINARY": pa.binary(), "DOUBLE": pa.float64(), "BIGINT": pa.int64(), "INT": pa.int32(),
    "DATE": pa.date32(), "BOOLEAN": pa.bool_(), "TIMESTAMP": pa.timestamp("us", "UTC"),
    "ARRAY<BIGINT>": pa.list_(pa.int64()), "ARRAY<STRING>": pa.list_(pa.string()),
}  # fmt: skip


@pytest.mark.parametrize("table", schemas.TABLES)
def test_a_table_of_today_is_as_today_needs_it(tmp_path: Path, table):
    """`ingest` looks at every table each minute: one that it made itself must please it."""
    archive = Archive(str(tmp_path))
    columns = [(name, KINDS[kind]) for name, kind in schemas.columns(table).items()]
    write_deltalake(archive.path(table), pa.schema(columns).empty_table())

    assert {} == archive.missing(table)
