"""What a batch says to targets: as the record was after it, in stretches that fit into memory, with nothing between."""

from datetime import timedelta

import pyarrow as pa
import pytest
from tests.unit.ingest.test_refine import Record, minute
from tests.unit.transforms.quality.drawn import NOON, judged, places, series

from barograph.errors import ArchiveError
from barograph.ingest import distribute
from barograph.ingest.distribute import contents, of_days, stretches
from barograph.state.ledger import Batch
from barograph.state.resettled import Resettled
from barograph.testing import TIME
from barograph.transforms.summing import SHIPPED
from barograph.transforms.windowing import windows_of
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


class Settled:
    """The derived tables of a day of three minutes; `broken` is the error of who reads them."""

    def __init__(self, broken=None):
        self.broken = broken

    def derived(self, table, site, day, columns, some=None):
        if self.broken:
            raise self.broken
        refined = judged(series("4.0 4.1 4.2 4.3 4.4 4.5"), places())
        readings = refined.append_column("day", pa.array([day] * len(refined)))
        days = pa.table({"start": pa.array([NOON], TIME), "end": pa.array([NOON + 3 * MINUTE], TIME)})
        rows = {"days": days, "refined": readings, "windows": windows_of(refined, SHIPPED)}[table]
        return (rows if some is None else rows.filter(some)).select(columns)


DAY = Resettled(3, "shop", NOON.date(), 17)


def test_a_day_that_was_settled_anew_says_each_reading_and_window_once(monkeypatch):
    """In stretches with nothing between them, the first from where its first window begins."""
    monkeypatch.setattr(distribute, "READINGS", 2)

    content = of_days(Settled(), places())(DAY)

    assert NOON - MINUTE == content.stretches[0].start
    assert [NOON + n * MINUTE for n in (1, 2, 3)] == [each.end for each in content.stretches]
    readings, windows = (
        [row for each in content.stretches for row in content.rows(what, each).to_pylist()]
        for what in ("readings", "windows")
    )
    assert [4.0, 4.1, 4.2, 4.3, 4.4, 4.5] == [row["value"] for row in readings]
    assert {NOON - MINUTE / 2, NOON} < {row["start"] for row in windows}
    assert len(windows) == len({row["start"] for row in windows})


def test_a_day_that_cannot_be_read_is_said_and_fails_no_batch():
    """`delivery` notes it at the target, and the next run tries again."""
    with pytest.raises(ArchiveError, match="of shop cannot be read: gone"):
        of_days(Settled(FileNotFoundError("gone")), places())(DAY)


def test_a_day_that_nobody_settled_says_nothing():
    class Empty:
        def derived(self, *_, **__):
            return pa.table({})

    assert [] == of_days(Empty(), places())(DAY).stretches
