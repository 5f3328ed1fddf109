"""The table of time by device says what a plain loop over the readings says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import fmean, median

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barograph.readings import FAIL, GOOD, SUSPECT
from barograph.transforms import pivoting
from barograph.transforms.pivoting import NEEDED, pieces, pivot

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEVICES = ["a", "b"]
PLAIN = {
    "mean": fmean, "median": median, "min": min, "max": max, "count": len,
    "first": lambda values: values[0], "last": lambda values: values[-1],
}  # fmt: skip


def readings(*rows: tuple[str, float, float | None] | tuple[str, float, float | None, int]) -> pa.Table:
    """(device, seconds after noon, value[, flag])"""
    kinds = (pa.string(), pivoting.TIME, pa.float64(), pa.int32())
    told = [
        dict(zip(NEEDED, (row[0], NOON + timedelta(seconds=row[1]), row[2], *(row[3:] or (GOOD,))), strict=True))
        for row in rows
    ]
    return pa.Table.from_pylist(told, pa.schema(list(zip(NEEDED, kinds, strict=True))))


def seconds(table: pa.Table) -> list[float]:
    return [(moment - NOON).total_seconds() for moment in table["time"].to_pylist()]


def test_as_read_every_moment_is_a_row_and_every_device_a_column():
    table = pivot(readings(("b", 20, 2.0), ("a", 10, 1.0), ("a", 20, 3.0)), DEVICES)

    assert ["time", "a", "b"] == table.column_names
    assert [10, 20] == seconds(table)
    assert ([1.0, 3.0], [None, 2.0]) == (table["a"].to_pylist(), table["b"].to_pylist())


def test_resampled_a_row_is_a_half_open_minute_and_an_empty_one_is_absent():
    table = pivot(readings(("a", 0, 1.0), ("a", 59.9, 3.0), ("a", 60, 5.0), ("b", 240, 7.0)), DEVICES, MINUTE)

    assert [0, 60, 240] == seconds(table)
    assert ([2.0, 5.0, None], [None, None, 7.0]) == (table["a"].to_pylist(), table["b"].to_pylist())


def test_what_nobody_believes_does_not_count():
    """Suspect values do, where somebody asks for them."""
    rows = readings(("a", 0, 1.0), ("a", 1, 500.0, FAIL), ("a", 2, 3.0, SUSPECT), ("a", 3, None))

    assert [1.0] == pivot(rows, DEVICES, MINUTE)["a"].to_pylist()
    assert [2.0] == pivot(rows, DEVICES, MINUTE, flags=(GOOD, SUSPECT))["a"].to_pylist()


def test_a_local_day_has_25_hours_when_the_clocks_go_back():
    """Berlin, 25 October 2026: from 22:00 UTC to 23:00 UTC of the next day."""
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    rows = readings(*(("a", (start + timedelta(hours=n) - NOON).total_seconds(), float(n)) for n in range(26)))

    table = pivot(rows, DEVICES, timedelta(days=1), "count", "Europe/Berlin")

    assert [start, start + timedelta(hours=25)] == table["time"].to_pylist()
    assert [25.0, 1.0] == table["a"].to_pylist()


def test_no_readings_are_a_table_without_rows():
    for every in (None, MINUTE, timedelta(days=1)):
        assert (0, 3) == pivot(readings(), DEVICES, every).shape


@pytest.mark.parametrize("how", PLAIN)
@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 400), st.floats(-50, 50)),
        max_size=40,
        unique_by=lambda row: row[:2],
    )
)
def test_every_cell_is_what_a_plain_loop_finds(how, rows):
    expected: dict[tuple[int, str], list[float]] = {}
    for device, second, value in sorted(rows, key=lambda row: row[1]):
        expected.setdefault((second // 60 * 60, device), []).append(value)

    table = pivot(readings(*rows), ["a", "b"], MINUTE, how)

    found = {
        (second, device): value
        for device in ("a", "b")
        for second, value in zip(seconds(table), table[device].to_pylist(), strict=True)
        if value is not None
    }
    assert found == pytest.approx({key: PLAIN[how](values) for key, values in expected.items() if key[1] != "c"})


def test_pieces_are_the_whole_and_never_part_a_moment(monkeypatch):
    """A thousand devices that never speak at the same moment must not need a table of all of them at once."""
    monkeypatch.setattr(pivoting, "CELLS", 6)
    rows = readings(*((device, n // 2, float(n)) for n in range(20) for device in DEVICES[: 1 + n % 2]))

    cut = list(pieces(rows, DEVICES))

    assert len(cut) > 2
    assert pivot(rows, DEVICES).equals(pa.concat_tables(cut).combine_chunks())
