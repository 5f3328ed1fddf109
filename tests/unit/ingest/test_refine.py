"""A batch refines what it touched and all whose flags it may have changed, from as much of the record as that needs."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from tests.unit.transforms.quality.drawn import NOON, a_record, places, series

from barograph.archive import DUPLICATE_REACH, inside
from barograph.ingest.judge import _sources
from barograph.ingest.refine import changed, refine, refined
from barograph.state.ledger import Batch
from barograph.windows import Window, merged, microseconds

CALM = [f"4.{n % 2}" for n in range(40)]


class Record:
    """The record as a table in memory: it gives what `archive.near` gives, and no more."""

    def __init__(self, spark, rows):
        self._table = a_record(rows)
        self._rows = spark.createDataFrame(self._table)

    def near(self, _, windows):
        return self._rows.where(inside(merged(each.widened(DUPLICATE_REACH, DUPLICATE_REACH) for each in windows)))

    def rows_of(self, _, batch, columns):
        return self._table.filter([each == batch for each in self._table["batch"].to_pylist()]).select(columns)


def minute(n):
    return Window(NOON + timedelta(minutes=n), NOON + timedelta(minutes=n + 1))


@contextmanager
def found(spark, rows, touched, where):
    with refine(spark, Record(spark, rows), where, changed(where, [touched])) as (readings, windows):
        yield readings.orderBy("time").collect(), windows.collect()


def test_the_reading_before_a_batch_becomes_the_spike_that_it_is(spark):
    """It ended the batch before, and nobody could know."""
    said = [*CALM[:19], "15", *CALM[20:22]]

    with found(spark, series(" ".join(said)), minute(10), places(point={"rate": False})) as (readings, windows):
        flags = {row.time.strftime("%H:%M:%S"): row.flag for row in readings}

    assert (4, 1) == (flags["12:09:30"], flags["12:10:00"])
    assert 1 == sum(row["fail"] for row in windows if row.end.strftime("%H:%M:%S") == "12:10:00")


def test_a_late_reading_reaches_as_far_as_a_test_looks_back(spark):
    """A stuck sensor an hour later is one no longer if it moved in between, and the flags there are old news."""
    touched, where = minute(0), places()

    with found(spark, series(" ".join(CALM * 4)), touched, where) as (readings, _):
        last = readings[-1].time

    assert NOON + timedelta(minutes=1) + where.reach.back - timedelta(seconds=30) <= last.astimezone(NOON.tzinfo)


@pytest.mark.parametrize(("point", "expected"), [({}, 1), ({"flat": {"seconds": 10_800}}, 3)])
def test_longer_tests_read_more_of_the_record(spark, point, expected):
    """Three hours of one value are known only to who reads three hours."""
    rows = series(" ".join(["4.0"] * 400))
    newest = Window(rows[-1]["time"], rows[-1]["time"] + timedelta(seconds=1))

    [row] = refined(spark, Record(spark, rows), places(point=point), [newest]).collect()

    assert expected == row.flag


def test_what_came_after_a_batch_is_not_known_to_it(spark):
    """A cleared run judges as it did the first time."""
    record = Record(spark, [*series("4.0 4.1 15"), {**series("4.0 " * 4)[3], "seq": 3, "batch": 2}])
    where = places(point={"rate": False})

    then, now = (refined(spark, record, where, [minute(1)], known=batch).orderBy("time").first() for batch in (1, 2))

    assert (1, 4) == (then.flag, now.flag)


def test_judging_goes_back_to_the_first_reading_whose_flag_may_be_another(spark):
    """A little before the batch's own; and to those of neighbours that are compared with it."""
    rows = [{**row, "batch": 7, "port": "wall"} for row in series("4.0 4.1", device="a")]
    batch = Batch(7, "drain", "ingest", "run", NOON, [], touched=[minute(0)])

    alone = places(devices=("a", "b"))
    compared = places(devices=("a", "b"), point={"neighbours": {"difference": 2, "seconds": 60}})

    record = Record(spark, rows)
    assert {("a", "temperature", "wall"): microseconds(NOON - alone.reach.ahead)} == _sources(record, alone, batch)
    assert {
        (device, "temperature", "wall"): microseconds(NOON - compared.reach.ahead) for device in ("a", "b")
    } == _sources(record, compared, batch)  # fmt: skip
