"""An export holds what was settled, laid out as somebody asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from barograph.archive import Archive
from barograph.errors import QuestionError
from barograph.export import Wanted, every, export
from barograph.testing import a_site, readings, settled_day
from barograph.windows import Window

SITE = a_site()
FIRST, SECOND = date(2026, 11, 21), date(2026, 11, 22)
WHOLE = Window(*(Window.local_day(day, SITE.timezone).start for day in (FIRST, SECOND + timedelta(days=1))))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Two fridges and a door over two local days, a reading in ten minutes; one day more that nobody settled."""
    for day in (FIRST, SECOND):
        window = Window.local_day(day, SITE.timezone)
        rows = [
            *readings("fridge-1", "temperature", window, lambda at: float(at.hour), cadence=600),
            *readings("fridge-2", "temperature", window, 3.0, cadence=600),
            *readings("door", "open", window, 1.0, cadence=600),
        ]
        settled_day(tmp_path, SITE, day, rows)
    return Archive(str(tmp_path))


def exported(archive, tmp_path, window=WHOLE, **how):
    made = export(archive, Wanted(SITE, window, "temperature", **how), tmp_path / "out.parquet", "parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert (made.rows, made.columns) == (table.num_rows, table.column_names)
    return table


def test_as_read_all_settled_days_follow_each_other(archive, tmp_path):
    table = exported(archive, tmp_path)

    assert ["time", "fridge-1", "fridge-2"] == table.column_names
    assert 2 * 144 == table.num_rows
    assert table["time"].to_pylist() == sorted(table["time"].to_pylist())


def test_resampled_hours_are_the_hours(archive, tmp_path):
    table = exported(archive, tmp_path, every=timedelta(hours=1))

    assert [float(moment.hour) for moment in table["time"].to_pylist()] == table["fridge-1"].to_pylist()


def test_a_stretch_over_midnight_is_one_row(archive, tmp_path):
    """Two hours of UTC begin in one local day of Berlin and end in the next."""
    table = exported(archive, tmp_path, every=timedelta(hours=2), how="count")

    times = table["time"].to_pylist()
    assert len(times) == len(set(times)) == 25
    assert [6.0, *[12.0] * 23, 6.0] == table["fridge-2"].to_pylist()


def test_local_days_are_whole(archive, tmp_path):
    table = exported(archive, tmp_path, every=timedelta(days=1), how="count")

    assert [144.0, 144.0] == table["fridge-1"].to_pylist()


def test_a_window_is_half_open(archive, tmp_path):
    start = datetime(2026, 11, 21, 12, tzinfo=UTC)

    table = exported(archive, tmp_path, Window(start, start + timedelta(hours=1)))

    assert [start + timedelta(minutes=10 * n) for n in range(6)] == table["time"].to_pylist()


def test_devices_columns_conditions_and_order_are_chosen(archive, tmp_path):
    asked = {"devices": ["fridge-*"], "columns": ["fridge-1", "time"], "every": timedelta(hours=1)}

    table = exported(archive, tmp_path, **asked, where=["fridge-1 > 20", "fridge-1 is not null"], sort="-fridge-1")

    assert ["fridge-1", "time"] == table.column_names
    assert [23.0, 23.0, 22.0, 22.0, 21.0, 21.0] == table["fridge-1"].to_pylist()


def test_row_by_row_each_reading_says_whose_it_is(archive, tmp_path):
    table = exported(archive, tmp_path, pivot=False, devices=["fridge-2"])

    assert {"fridge-2"} == set(table["device"].to_pylist())
    assert {"good"} == set(table["flag"].to_pylist())
    assert 288 == table.num_rows


def test_days_that_were_not_settled_are_named(archive, tmp_path):
    from deltalake import write_deltalake

    day = SECOND + timedelta(days=1)
    came = pa.table({"device": ["fridge-1"], "day": [day]})
    write_deltalake(archive.path("readings"), came, partition_by=["day"])

    made = export(archive, Wanted(SITE, Window(WHOLE.start, WHOLE.end + timedelta(days=3)), "temperature"),
                  tmp_path / "out.csv", "csv")  # fmt: skip

    assert 2 == made.days
    assert day in made.unsettled


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"devices": ["dock-*"]}, "no settled readings of temperature of dock-\\*.*it has open, temperature"),
        ({"columns": ["dock"]}, "no column dock. There are: time, fridge-1"),
        ({"where": ["fridge-1 is warm"]}, "not like `fridge-1 > 5`"),
        ({"where": ["time > 5"]}, "time is no number"),
        ({"sort": "-dock"}, "no column dock"),
        ({"how": "mode", "every": timedelta(hours=1)}, "mode is none of mean"),
    ],
)
def test_what_cannot_be_meant_is_said(archive, tmp_path, how, said):
    with pytest.raises(QuestionError, match=said):
        exported(archive, tmp_path, **how)

    assert not (tmp_path / "out.parquet").exists()


def test_lengths_of_time_are_read():
    assert [timedelta(seconds=30), timedelta(minutes=5), timedelta(days=1)] == [
        every(text) for text in ("30s", "5m", "1d")
    ]
    for wrong in ("5", "0s", "2d", "1w", "", "-5m"):
        with pytest.raises(QuestionError, match="such as 30s"):
            every(wrong)
