"""Every window and rollup holds what a patient person would find in it, to the last place."""

import math
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.transforms import plain
from tests.unit.transforms.tables import NOON, refined_table

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN
from barograph.schemas import PERCENTILES, STATISTICS
from barograph.transforms import statistics
from barograph.transforms.summing import SHIPPED, Summing
from barograph.transforms.windowing import rollups_of, windows_of
from barograph.windows import Window

NAMES = [column.split()[0] for column in STATISTICS.split(",")]


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def by_bounds(table):
    return {(row["device"], row["metric"], row["start"], row["end"]): row for row in table.to_pylist()}


def expected_windows(readings, cadence=10.0, summing=SHIPPED):
    size, slide = summing.shape(cadence)
    readings = sorted(readings, key=lambda reading: reading[0])
    held = plain.sliding([reading[0] for reading in readings], size, slide)
    return {
        bounds: plain.summary([readings[place] for place in places], *bounds, cadence, summing.flags)
        for bounds, places in held.items()
    }


def check(found, expected):
    assert {("a", "t", *bounds) for bounds in expected} == found.keys()
    wrong = {bounds: plain.different(found["a", "t", *bounds], facts) for bounds, facts in expected.items()}
    assert {} == {bounds: names for bounds, names in wrong.items() if names}


VALUES = st.one_of(
    st.floats(-1e6, 1e6).map(lambda value: round(value, 9)), st.sampled_from([0.0, -0.0, 0.1, 4.2, 1e15, 1e15 + 0.125])
)
READINGS = st.lists(
    st.tuples(
        st.integers(-200_000_000, 400_000_000).map(lambda micros: NOON + timedelta(microseconds=micros)),
        VALUES,
        st.sampled_from([GOOD, GOOD, GOOD, UNKNOWN, SUSPECT, FAIL, MISSING]),
    ).map(lambda reading: (reading[0], None if reading[2] == MISSING else reading[1], reading[2])),
    min_size=1,
    max_size=60,
    unique_by=lambda reading: reading[0],
)


@given(READINGS, st.sampled_from([1.0, 10.0, 12.0, 30.0, 45.0, 600.0]), st.sampled_from(["good", "good_and_suspect"]))
@settings(max_examples=40, deadline=None)
def test_any_readings_give_the_windows_of_their_definition(readings, cadence, statistics_of):
    """Gaps, bad values, huge ones beside tiny ones, windows at the tail: all are as plain sums have them."""
    summing = Summing(statistics_of=statistics_of)

    found = by_bounds(windows_of(refined_table(readings, cadence, summing), summing))

    check(found, expected_windows(readings, cadence, summing))


def test_a_reading_lies_in_twelve_windows_and_the_eleven_at_the_tail_are_there():
    """Nothing comes after the last reading, and it is in as many windows as any other."""
    windows = windows_of(refined_table([(at(0), 1.0), (at(10), 2.0)]), SHIPPED).to_pylist()

    assert [at(5 * n) for n in range(1, 15)] == [row["end"] for row in windows]
    assert [1, 1, *[2] * 10, 1, 1] == [row["count"] for row in windows]


def test_a_stretch_without_a_reading_is_absent_not_zero():
    windows = windows_of(refined_table([(at(0), 0.0), (at(3600), 0.0)]), SHIPPED).to_pylist()

    assert {(1, 0.0)} == {(row["count"], row["max"]) for row in windows}
    assert [24, []] == [len(windows), [row for row in windows if at(60) < row["end"] <= at(3600)]]


def test_a_reading_on_the_edge_belongs_to_what_begins_there():
    """Half-open: the reading of 12:01:00 is not in the window that ends at 12:01:00."""
    windows = by_bounds(windows_of(refined_table([(at(0), 1.0), (at(60), 2.0)]), SHIPPED))

    assert (1, 1.0) == ((row := windows["a", "t", at(0), at(60)])["count"], row["max"])


def test_counts_by_flag_add_up_to_the_count():
    """Whatever flag a later version gives, no reading is left out of the sums."""
    flags = [GOOD, UNKNOWN, SUSPECT, FAIL, MISSING, 7]
    readings = [(at(n), 1.0, flag) for n, flag in enumerate(flags)]

    [hour] = rollups_of(refined_table(readings), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert [6, 1, 2, 1, 1, 1] == [
        hour[name] for name in ("count", "good", "unknown", "suspect", "fail", "missing")
    ]  # fmt: skip


@pytest.mark.parametrize(("of", "used"), [("good", [1.0]), ("good_and_suspect", [1.0, 3.0])])
def test_only_good_values_enter_and_suspect_ones_if_the_settings_say_so(of, used):
    flags = [GOOD, UNKNOWN, SUSPECT, FAIL, MISSING]
    readings = [(at(n), float(n + 1) if flag != MISSING else None, flag) for n, flag in enumerate(flags)]
    summing = Summing(rollups=("minute",), statistics_of=of)

    [minute] = rollups_of(refined_table(readings), "UTC", summing).to_pylist()

    assert [used[0], used[-1], sum(used) / len(used), len(used) / 6] == [
        minute[name] for name in ("first", "last", "mean", "completeness")
    ]  # fmt: skip


def test_bad_values_alone_have_counts_and_no_statistics():
    """A sensor that fails for a minute must not stop the batch of all others."""
    [minute] = rollups_of(refined_table([(at(0), None, MISSING)]), "UTC", Summing(rollups=("minute",))).to_pylist()

    assert (1, 0, 1, 0.0) == tuple(minute[name] for name in ("count", "good", "missing", "completeness"))
    assert {None} == {minute[name] for name in (*NAMES[8:], "p05", "p95")}


def test_a_constant_has_itself_as_mean_and_no_spread():
    """0.1 + 0.1 + 0.1 is not 0.3: a plain mean of a stuck sensor lies beyond its maximum."""
    readings = [(at(n), 0.1) for n in range(7)]

    [hour] = rollups_of(refined_table(readings), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert {0.1} == {hour[name] for name in ("min", "max", "mean", "median", "first", "last", "p05", "p95")}
    assert (0.0, 0.0) == (hour["stddev"], hour["slope"])


def test_a_slope_is_per_hour():
    """A fridge that warms by a tenth of a degree a minute warms by six an hour, far from 1970 and far from zero."""
    readings = [(at(60 * n), 1e6 + n / 8) for n in range(30)]

    [hour] = rollups_of(refined_table(readings, 60.0), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert 7.5 == hour["slope"]


def test_one_reading_has_no_spread_and_no_slope():
    [hour] = rollups_of(refined_table([(at(0), 4.0)]), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert (4.0, 4.0, None, None) == tuple(hour[name] for name in ("mean", "p95", "stddev", "slope"))


def test_what_no_number_can_hold_is_null():
    """InfluxDB refuses infinity, and a line that it refuses must not come of one mad sensor."""
    readings = [(at(n), value) for n, value in enumerate([1.7e308, 1.7e308, -1.7e308, math.inf])]

    [hour] = rollups_of(refined_table(readings), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert (4, 1.7e308, -1.7e308) == (hour["count"], hour["max"], hour["min"])
    assert not [name for name in NAMES if hour[name] is not None and not math.isfinite(hour[name])]


def test_the_median_of_a_rollup_is_of_the_readings():
    """The median of medians of minutes would be 3."""
    minutes = [[1.0, 1.0, 9.0], [1.0, 3.0, 9.0], [3.0, 4.0, 5.0]]
    readings = [(at(60 * m + n), value) for m, values in enumerate(minutes) for n, value in enumerate(values)]

    [hour] = rollups_of(refined_table(readings), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert (3.0, 1.0, 9.0) == (hour["median"], hour["p05"], hour["p95"])


def test_percentiles_lie_between_the_two_nearest_values():
    readings = [(at(n), value) for n, value in enumerate([30.0, 10.0, 20.0])]

    [hour] = rollups_of(refined_table(readings), "UTC", Summing(rollups=("hour",))).to_pylist()

    assert (11.0, 29.0) == (hour["p05"], hour["p95"])


def many_points(seed=3):
    dice = random.Random(seed)
    rows = [(device, metric, at(dice.uniform(0, 4000)), dice.gauss(4, 1), dice.choice([GOOD, GOOD, FAIL]))
            for device in "abc" for metric in "th" for _ in range(200)]  # fmt: skip
    dice.shuffle(rows)
    return rows


def table_of(rows, **facts):
    devices, metrics = [row[0] for row in rows], [row[1] for row in rows]
    return refined_table([row[2:] for row in rows], device=devices, metric=metrics, **facts)


def test_the_same_readings_give_the_same_bits_in_any_order_and_company(monkeypatch):
    """A re-run, a settled day and a live minute see other rows around the same window, in another order."""
    rows = many_points()
    whole = windows_of(table_of(rows), SHIPPED), rollups_of(table_of(rows), "UTC", SHIPPED)

    again = windows_of(table_of(rows[::-1]), SHIPPED), rollups_of(table_of(rows[::-1]), "UTC", SHIPPED)
    alone = windows_of(table_of([row for row in rows if row[:2] == ("b", "h")]), SHIPPED)
    monkeypatch.setattr(statistics, "AT_ONCE", 7)
    in_parts = windows_of(table_of(rows), SHIPPED), rollups_of(table_of(rows), "UTC", SHIPPED)

    assert whole == again
    assert whole == in_parts
    assert alone == whole[0].filter((pa.compute.field("device") == "b") & (pa.compute.field("metric") == "h"))


def test_points_do_not_mix():
    """Two metrics of one device, two devices, one device that moved to another zone: each has its own windows."""
    rows = many_points()
    for (device, metric), found in {
        (device, metric): windows_of(table_of(rows), SHIPPED).filter(
            (pa.compute.field("device") == device) & (pa.compute.field("metric") == metric)
        )
        for device in "ac"
        for metric in "th"
    }.items():
        own = [row[2:] for row in rows if row[:2] == (device, metric)]
        expected = expected_windows(own)
        assert [len(expected), sum(facts["count"] for facts in expected.values())] == [
            len(found), pa.compute.sum(found["count"]).as_py()
        ]  # fmt: skip
    moved = refined_table([(at(0), 1.0), (at(1), 2.0)], zone=["wall", "room"])
    assert 24 == len(windows_of(moved, SHIPPED))


def test_no_readings_have_no_windows():
    """A day without readings is settled too."""
    nothing = refined_table([(at(0), 1.0)]).slice(0, 0)

    assert (0, 0) == (len(windows_of(nothing, SHIPPED)), len(rollups_of(nothing, "UTC", SHIPPED)))
    assert windows_of(nothing, SHIPPED).column_names[-len(NAMES) :] == NAMES


def test_rows_have_the_columns_of_their_tables():
    some = refined_table([(at(0), 1.0)])
    keys = ["site", "zone", "device", "metric", "start", "end"]

    assert [*keys, *NAMES] == windows_of(some, SHIPPED).column_names
    percentiles = [column.split()[0] for column in PERCENTILES.split(",")]
    assert [*keys, *NAMES, *percentiles, "period"] == rollups_of(some, "UTC", SHIPPED).column_names


def test_every_column_is_explained():
    """A number without a unit and a definition is a rumour."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "windows.md").read_text()

    assert [] == [column.split()[0] for column in f"{STATISTICS}, {PERCENTILES}".split(",")
                  if f"`{column.split()[0]}`" not in text]  # fmt: skip


DAYS = [
    ("Europe/Berlin", date(2026, 3, 29), 23, 23),
    ("Europe/Berlin", date(2026, 10, 25), 25, 25),
    ("Asia/Kolkata", date(2026, 11, 22), 24, 24),
    ("Asia/Kathmandu", date(2026, 11, 22), 24, 24),
    ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, 25),  # the clocks change by half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4), 23.5, 24),
    ("Africa/Cairo", date(2026, 4, 24), 23, 23),  # at midnight, which is not there
    ("America/Havana", date(2026, 11, 1), 25, 25),  # an hour after midnight, which comes twice
    ("America/St_Johns", date(2010, 11, 7), 25, 25),  # a minute after midnight, back into the day before
]


@pytest.mark.parametrize(("zone", "day", "length", "hours"), DAYS)
def test_hours_make_up_the_local_day_wherever_the_clocks_change(zone, day, length, hours):
    """Each hour lies in one day, and together they have what the day has: no reading lies in two or in none."""
    window = Window.local_day(day, zone)
    first, last = window.start - timedelta(hours=2), window.end + timedelta(hours=2)
    readings = [(first + timedelta(minutes=5 * n), float(n)) for n in range((last - first) // timedelta(minutes=5))]

    found = rollups_of(refined_table(readings, 300.0), zone, Summing(rollups=("hour", "day"))).to_pylist()

    [whole] = [row for row in found if row["period"] == "day" and row["start"] == window.start]
    inside = [row for row in found if row["period"] == "hour" and window.start <= row["start"] < window.end]
    assert (window.end, length * 12, length * 12, 1.0) == tuple(
        whole[name] for name in ("end", "count", "expected", "completeness")
    )
    assert (hours, whole["count"]) == (len(inside), sum(row["count"] for row in inside))
    assert [window.start, *[row["end"] for row in inside]] == [*[row["start"] for row in inside], window.end]
    assert {1.0} == {row["completeness"] for row in inside}
    assert len(readings) == sum(row["count"] for row in found if row["period"] == "hour")


@pytest.mark.parametrize(("zone", "minute"), [("Europe/Berlin", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15)])
def test_an_hour_is_one_of_the_clock_on_the_wall(zone, minute):
    """Where the offset is whole hours these are the hours of UTC."""
    found = rollups_of(refined_table([(at(0), 1.0)]), zone, Summing(rollups=("hour",))).to_pylist()

    assert [minute] == [row["start"].minute for row in found]


def test_a_day_that_a_zone_left_out_is_not_there():
    """Apia went from the 29th to the 31st of December 2011."""
    moment = datetime(2011, 12, 30, 9, 59, tzinfo=UTC)
    readings = [(moment, 1.0), (moment + timedelta(minutes=2), 2.0)]

    found = rollups_of(refined_table(readings), "Pacific/Apia", Summing(rollups=("day",))).to_pylist()

    assert [(1, 1.0), (1, 2.0)] == [(row["count"], row["max"]) for row in found]


def test_minutes_are_made_only_where_they_are_fewer_than_the_readings():
    """At a cadence of 30 s they would be as many as the readings, twice a minute."""
    periods = {
        cadence: {
            row["period"] for row in rollups_of(refined_table([(at(0), 1.0)], cadence), "UTC", SHIPPED).to_pylist()
        }
        for cadence in (20.0, 20.1)
    }

    assert {20.0: {"minute", "hour", "day"}, 20.1: {"hour", "day"}} == periods
