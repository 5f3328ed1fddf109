"""A batch is cut into stretches that fit into memory, and no moment of it falls between two of them."""

from datetime import timedelta

from barograph.ingest.distribute import stretches
from barograph.windows import Window, utc

NOON = utc("2026-11-22T12:00:00Z")
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
