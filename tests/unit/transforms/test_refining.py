"""Refined readings and their statistics are a function of the rows, whatever their order."""

import random
import statistics
from datetime import UTC, datetime, timedelta

import pytest

from barograph import readings as words
from barograph.transforms import cleaning, windowing
from barograph.transforms.places import Place, Places
from barograph.transforms.quality.limits import Limits
from barograph.transforms.summing import Summing
from barograph.windows import Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
COLUMNS = (
    "device string, metric string, time timestamp, value double, seq bigint, boot string, port string, "
    "historical boolean, skew double, published timestamp, batch bigint, topic string, partition int, offset bigint, "
    "frame int"
)
PLACES = Places(
    {"b": Place("s", "z", 30.0), "a": Place("s", "z", 10.0, {"t": Limits(valid=(-90.0, 100.0))})},
    Place("s", "none", 10.0),
)


def reading(seconds, value, *, seq=None, batch=1, offset=0, device="a", boot="b"):
    numbered = (seq, boot) if seq is not None else (None, None)
    time = NOON + timedelta(seconds=seconds)
    return (device, "t", time, value, *numbered, None, False, None, NOON, batch, "readings", 0, offset, 0)


@pytest.fixture
def refine(spark):
    def run(rows, counted=None):
        came = spark.createDataFrame(random.Random(1).sample(rows, len(rows)), COLUMNS)
        return came.transform(cleaning.refined, PLACES, counted)

    return run


def test_the_first_copy_of_a_frame_counts(refine):
    """A broker restart sends the last minute again; nobody's fridge was measured twice."""
    found = refine([reading(0, 1.0, seq=7, batch=2), reading(0, 9.0, seq=7, batch=3), reading(30, 2.0, seq=8)])

    assert [1.0, 2.0] == [row.value for row in found.orderBy("time").collect()]


def test_two_frames_in_one_microsecond_stay_two_readings(refine):
    """The point of one would overwrite the other's."""
    rows = refine([reading(0, 1.0, seq=1, offset=1), reading(0, 2.0, seq=2, offset=2)]).orderBy("time").collect()

    assert [1.0, 2.0] == [row.value for row in rows]
    assert timedelta(microseconds=1) == rows[1].time - rows[0].time
    assert [[], ["same_time"]] == [row.reasons for row in rows]


def test_frames_that_collide_do_not_leave_their_second(refine):
    """A day and a window begin on a full second: what is moved must stay where it was counted."""
    end = 1 - 1e-6
    rows = refine([reading(end, 1.0, seq=1, offset=1), reading(end, 2.0, seq=2, offset=2)]).orderBy("time").collect()

    assert [(999_998, 1.0), (999_999, 2.0)] == [(row.time.microsecond, row.value) for row in rows]


def test_what_stands_in_the_way_of_a_collision_moves_on(refine):
    """Two points at one time are one point in InfluxDB: no two readings of a device may end there."""
    tick = 1e-6
    claimed = [(0, 1.0), (0, 2.0), (0, 3.0), (tick, 4.0), (5 * tick, 5.0)]
    rows = refine([reading(at, value, seq=n, offset=n) for n, (at, value) in enumerate(claimed)]).orderBy("time")

    told = [(row.time.microsecond, row.value, row.reasons) for row in rows.collect()]
    again = ["same_time"]
    assert [(0, 1.0, []), (1, 2.0, again), (2, 3.0, again), (3, 4.0, []), (5, 5.0, [])] == told


def test_copies_are_counted_where_their_own_time_lies(refine):
    """The sums of two days must both be right when a frame comes again after midnight with a later time."""
    rows = [reading(-1, 1.0, seq=7), reading(1, 1.0, seq=7, batch=2), reading(2, 2.0, seq=8)]

    before = refine(rows, Window(NOON - timedelta(hours=1), NOON)).orderBy("time").collect()
    after = refine(rows, Window(NOON, NOON + timedelta(hours=1))).orderBy("time").collect()

    assert ([1, 0], [1, 1]) == ([row.came for row in before], [row.came for row in after])


def test_producers_without_numbers_are_told_apart_by_their_place_in_kafka(refine):
    """Two messages of a stranger's script are two readings, also when a topic made anew counts from 0 again."""
    anew = reading(0, 2.0)
    anew = (*anew[:9], NOON + timedelta(days=1), *anew[10:])

    assert 2 == refine([reading(0, 1.0), anew]).count()


def test_flags_say_what_is_wrong_and_the_value_stays(refine):
    """The point's own range wins over the metric's; null is missing; zero is a measurement."""
    rows = refine([reading(s, v, offset=s) for s, v in ((0, 0.0), (10, None), (20, -91.0), (30, 99.0), (40, 101.0))])

    expected = [(0.0, words.GOOD), (None, words.MISSING), (-91.0, words.FAIL), (99.0, words.GOOD), (101.0, words.FAIL)]
    assert expected == [(row.value, row.flag) for row in rows.orderBy("time").collect()]


def test_every_sliding_window_holds_what_a_plain_loop_finds(refine):
    """All of them, the eleven at the tail too; a device with a cadence above 10 s slides by its cadence."""
    draw = random.Random(7)
    truth = {device: [(draw.uniform(0, 300), draw.uniform(-5, 5)) for _ in range(60)] for device in ("a", "b")}
    rows = [
        reading(at, value, seq=place, device=device, offset=place)
        for device, found in truth.items()
        for place, (at, value) in enumerate(found)
    ]
    expected = {}
    for device, slide in (("a", 5), ("b", 30)):
        for end in range(slide, 361, slide):
            inside = [value for at, value in sorted(truth[device]) if end - 60 <= at < end]
            if inside:
                expected[device, end] = inside

    found = {
        (row.device, round((row.end.replace(tzinfo=UTC) - NOON).total_seconds())): row
        for row in windowing.windows(refine(rows), Summing()).collect()
    }

    assert expected.keys() == found.keys()
    for key, inside in expected.items():
        row = found[key]
        assert (len(inside), min(inside), max(inside)) == (row["count"], row.min, row.max)
        assert (inside[0], inside[-1]) == (row.first, row.last)
        assert pytest.approx(statistics.fmean(inside), rel=1e-12, abs=1e-12) == row.mean
        assert pytest.approx(statistics.median(inside), rel=1e-12) == row.median
        if len(inside) > 1:
            assert pytest.approx(statistics.stdev(inside), rel=1e-9) == row.stddev


def test_only_good_values_enter_statistics(refine):
    row = windowing.rollups(
        refine([reading(0, 1.0), reading(10, 200.0, offset=1)]), "UTC", Summing(rollups=("minute",))
    ).first()

    assert (2, 1, 1, 1.0, 1.0) == (row["count"], row.good, row.fail, row.max, row.mean)


def test_a_window_of_bad_values_alone_has_counts_and_no_statistics(refine):
    """A sensor that fails for a minute must not stop the batch of all others."""
    row = windowing.rollups(
        refine([reading(0, None), reading(10, 200.0, offset=1)]), "UTC", Summing(rollups=("minute",))
    ).first()

    assert (2, 0, 1, 1) == (row["count"], row.good, row.fail, row.missing)
    assert [None] * 7 == [row[name] for name in ("min", "max", "mean", "median", "stddev", "first", "last")]


def test_a_local_day_of_23_hours_is_complete_with_23_hours_of_readings(refine):
    """The clocks go forward on 2026-03-29 in Berlin."""
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    rows = [
        ("a", "t", start + timedelta(seconds=10 * n), 1.0, n, "b", None, False, None, NOON, 1, "readings", 0, n, 0)
        for n in range(23 * 360)
    ]

    days = windowing.rollups(refine(rows), "Europe/Berlin", Summing(rollups=("day",))).collect()

    assert [(23 * 360, 1.0)] == [(row["count"], row.completeness) for row in days]
