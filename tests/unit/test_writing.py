"""A file for other programs holds what the table holds, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from barograph.errors import SettingsError
from barograph.writing import WRITERS, format_of, whole_file

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TABLE = pa.table(
    {
        "time": pa.array([NOON, None], pa.timestamp("us", "UTC")),
        "=cmd()": ["=1+1", "fine, thanks"],
        "value": [-1.5, float("nan")],
        "raw": [b"\x00\xff", None],
        "reasons": [["spike", "same_time"], []],
    }
)


def written(tmp_path, format_, table=TABLE):
    path = tmp_path / f"table.{format_}"
    with whole_file(path, format_, table.schema) as write:
        write(table.slice(0, 1))
        write(table.slice(1))
    return path


def cells(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_csv_cells_and_headers_cannot_become_formulas(tmp_path):
    """A device may be called =cmd(); a negative number is a number all the same."""
    head, first, second = cells(written(tmp_path, "csv"))

    assert ["time", "'=cmd()", "value", "raw", "reasons"] == head
    assert ["2026-11-22T12:00:00.000000Z", "'=1+1", "-1.5", "00ff", '["spike", "same_time"]'] == first
    assert ["", "fine, thanks"] == second[:2]


@pytest.mark.parametrize("begin", list("=+-@\t\r"))
def test_no_text_begins_as_a_formula_does(tmp_path, begin):
    [_, [cell]] = cells(written(tmp_path, "csv", pa.table({"a": [f"{begin}x"]})))

    assert f"'{begin}x" == cell


def test_json_is_a_line_each_without_what_json_has_not(tmp_path):
    first, second = (json.loads(line) for line in written(tmp_path, "json").read_text().splitlines())

    assert ("2026-11-22T12:00:00.000000Z", "00ff", ["spike", "same_time"]) == (
        first["time"], first["raw"], first["reasons"],
    )  # fmt: skip
    assert second["value"] is None


def test_parquet_and_arrow_hold_the_table_itself(tmp_path):
    names = ["time", "=cmd()", "raw", "reasons"]

    assert TABLE.select(names).equals(pq.read_table(written(tmp_path, "parquet")).select(names))
    assert TABLE.select(names).equals(feather.read_table(written(tmp_path, "arrow")).select(names).combine_chunks())


@pytest.mark.parametrize("format_", WRITERS)
def test_a_file_is_whole_or_not_there(tmp_path, format_):
    path = tmp_path / "table"
    with pytest.raises(ZeroDivisionError), whole_file(path, format_, TABLE.schema) as write:
        write(TABLE)
        _ = 1 / 0

    assert [] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(SettingsError, match="cannot be written"),
        whole_file(tmp_path / "no" / "t", "csv", TABLE.schema),
    ):
        pass


def test_the_format_is_told_by_the_name_or_said(tmp_path):
    assert "json" == format_of(tmp_path / "a.jsonl", None)
    assert "arrow" == format_of(tmp_path / "a.csv", "arrow")
    with pytest.raises(SettingsError, match="csv, json, parquet, arrow"):
        format_of(tmp_path / "a.xlsx", None)
