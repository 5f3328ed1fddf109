"""The proof of the view: a count and a hash for every field of every series, whatever the order of the points."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from barograph.influx import view
from barograph.influx.fields import OF_READINGS, OF_ROLLUPS, OF_WINDOWS
from barograph.schemas import columns

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def rows(values, metric="temperature", kind=None):
    times = [NOON + timedelta(seconds=n) for n in range(len(values))]
    return pa.table(
        {
            "metric": [metric] * len(values),
            "time": pa.array(times, pa.timestamp("us", "UTC")),
            "value": pa.array(values, kind),
        }
    )


@pytest.mark.parametrize("values", [[4.5, 4.6, 0.0], ["", "spike", "spike,after_gap"], [1, 2, 9]])
def test_the_order_of_points_plays_no_part_and_each_value_does(values):
    table = rows(values)

    told = view.prints(table, ["metric"])

    assert told == view.prints(table.take([2, 0, 1]), ["metric"])
    assert told != view.prints(rows([*values[:2], values[0]]), ["metric"])
    assert told != view.prints(rows([values[1], values[0], values[2]]), ["metric"]), "the same values at other times"
    assert {("temperature",): 3} == {series: count for series, (count, _) in told.items()}


def test_a_field_that_is_not_there_is_no_point_of_it():
    """A reading that was measured badly has a flag and no value; a text that is empty is one that was said."""
    assert {} == view.prints(rows([None, None], kind=pa.float64()), ["metric"])
    assert 1 == view.prints(rows([None, ""], kind=pa.string()), ["metric"])["temperature",][0]


def test_what_influxdb_answers_hashes_as_what_the_archive_has():
    """Both ends of the proof read one text: numbers as they are written shortest, reasons between quotes."""
    said = (
        b",result,table,_time,_value,_measurement,device,zone\r\n"
        b",_result,0,2026-11-27T12:00:00Z,%s,temperature,d,z\r\n"
        b",_result,0,2026-11-27T12:00:01Z,%s,temperature,d,z\r\n\r\n"
    )
    [numbers] = view.tables(said % (b"4.1", b"1e-07"))
    [texts] = view.tables(said % (b'"spike,after_gap"', b""), of_text=True)

    assert view.prints(rows([4.1, 1e-7]), ["metric"]) == view.prints(numbers, ["metric"])
    assert view.prints(rows(["spike,after_gap", ""]), ["metric"]) == view.prints(texts, ["metric"])


KINDS = {"refined": OF_READINGS, "windows": OF_WINDOWS, "rollups": OF_ROLLUPS}
KNOWN = {"site", "day", "device", "zone", "metric", "time", "start", "end", "period", "historical", "batch", "expected"}


@pytest.mark.parametrize("table", KINDS)
def test_every_field_of_a_point_is_a_column_of_the_archive(table):
    """And all that the archive knows of it is in the point, but what the settings and the tags say already."""
    assert set(KINDS[table]) == columns(table).keys() - KNOWN
