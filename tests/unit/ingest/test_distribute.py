"""What a batch says to targets: as the record was after it, in stretches that fit into memory, with nothing between."""

from datetime import timedelta

from tests.unit.ingest.test_refine import Record, minute
from tests.unit.transforms.quality.drawn import NOON, places, series

from barograph.ingest import distribute
from barograph.ingest.distribute import contents, stretches
from barograph.state.ledger import Batch
from barograph.windows import Window

MINUTE = timedelta(minutes=1)
HULL = Window(NOON - MINUTE, NOON + 10 * MINUTE)


def by_minute(*counts):
    return [(NOON + n * MINUTE, count) for n, count in enumerate(counts) if count]


def test_a_batch_of_every_day_is_one_stretch():
    assert [HULL] == stretches(HULL, by_minute(5, 5), most=20)


def test_a_batch_without_readings_is_one_all_the_same():
    """Its windows may have changed by what lies beside it."""
    assert [HULL] == stretches(HULL, [], most=20)


def test_a_large_one_is_cut_where_a_minute_would_be_too_many():
    cuts = stretches(HULL, by_minute(8, 8, 0, 8, 30, 1), most=20)

    assert [NOON + n * MINUTE for n in (3, 4, 5)] == [each.start for each in cuts[1:]]
    assert (HULL.start, HULL.end) == (cuts[0].start, cuts[-1].end)
    assert [each.end for each in cuts[:-1]] == [each.start for each in cuts[1:]]


def test_a_batch_says_what_it_said_then_however_late_it_is_made_out(spark, monkeypatch):
    """A target that was away must get the same as one that was there, also when its first copy was lost on the way."""
    first = series("4 4 4 4", batch=1)
    later = series("9 9 9 9", start=NOON + timedelta(seconds=15), batch=2)
    monkeypatch.setattr(distribute, "READINGS", 2)

    then, now = (said(spark, rows) for rows in (first, first + later))

    assert then == now
    assert [4.0] * 4 == [row["value"] for row in then["readings"]]
    assert {4.0} == {row["mean"] for row in then["windows"]}
    assert len(then["windows"]) == len({row["start"] for row in then["windows"]})


def said(spark, rows):
    batch = Batch(1, "drain", "ingest", "1", NOON, [], touched=[Window(minute(0).start, minute(1).end)], done=True)
    with contents(spark, Record(spark, rows), places(point={"rate": False, "spike": False}))(batch) as content:
        assert len(content.stretches) == 2
        return {
            what: [row for each in content.stretches for row in content.rows(what, each).to_pylist()]
            for what in ("readings", "windows")
        }
