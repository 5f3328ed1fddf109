"""What a report is made of is a function of the settled day, and of nothing that comes later."""

from datetime import UTC, date, datetime, timedelta

import pytest

from barograph.archive import Archive
from barograph.errors import LedgerError, SettingsError
from barograph.readings import FAIL
from barograph.registry import Device, Point
from barograph.reports.data import total
from barograph.reports.gather import gather
from barograph.reports.periods import Period, Scope
from barograph.testing import a_curve, a_site, an_alarm, readings, readings_table, settled_day
from barograph.windows import Window

DAY = date(2026, 6, 17)
SITE = a_site(
    Device(
        device="fridge-1", name="Dairy fridge", zone="cold", cadence=600, points={"temperature": Point(low=0, high=8)}
    )
)
WINDOW = Window.local_day(DAY, SITE.timezone)
TODAY = Period.of("day", DAY)


def gathered(tmp_path, rows, site=SITE, day=DAY, alarms=(), **facts):
    settled_day(tmp_path, site, day, rows, **facts)
    return gather(Archive(str(tmp_path)), site, Period.of("day", day), alarms=alarms)


def at(hours):
    return WINDOW.start + timedelta(hours=hours)


def test_a_day_that_nobody_settled_is_empty_and_says_so(tmp_path):
    data = gather(Archive(str(tmp_path)), SITE, TODAY)

    assert data.ledger is None
    assert data.rows == 0
    assert ["fridge-1"] == [device.device for device in data.devices]
    assert (WINDOW,) == data.devices[0].silent


def test_more_than_three_cadences_without_a_value_are_a_gap(tmp_path):
    """Also before the first reading and after the last; exactly three cadences are none."""
    quiet = [(at(-1), at(1)), (at(5), at(5.5)), (at(8), at(9))]
    rows = [
        row
        for row in readings("fridge-1", "temperature", WINDOW, cadence=600)
        if not any(start < row["time"] < end for start, end in quiet)
    ]

    (series,) = gathered(tmp_path, rows).series

    assert (Window(at(0), at(1)), Window(at(8), at(9))) == series.gaps


def test_a_reading_without_a_value_does_not_close_a_gap(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: None if at(3) < t < at(4) else 5.0, cadence=600)

    (series,) = gathered(tmp_path, rows).series

    assert (Window(at(3), at(4)),) == series.gaps
    assert 5 == series.missing.sum()


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (DAY, 24), (date(2026, 10, 25), 25)])
def test_a_local_day_has_as_many_hours_as_its_clock(tmp_path, day, hours):
    window = Window.local_day(day, SITE.timezone)

    data = gathered(tmp_path, readings("fridge-1", "temperature", window, cadence=600), day=day)

    assert timedelta(hours=hours) == data.window.length
    assert hours * 6 == data.rows
    assert 1.0 == data.series[0].statistics.completeness
    assert () == data.series[0].gaps


def test_time_outside_the_limits_counts_good_readings_only(tmp_path):
    def warm(time):
        return 9.0 if at(2) <= time < at(3) else 5.0

    rows = readings("fridge-1", "temperature", WINDOW, warm, cadence=600)
    rows[60] |= {"value": 99.0, "flag": FAIL}

    (series,) = gathered(tmp_path, rows).series

    assert (Window(at(2), at(3)),) == series.outside
    assert 1 == series.bad.sum()


def test_devices_come_in_the_order_of_the_registry_then_strangers(tmp_path):
    site = a_site(
        Device(device="z-first", zone="back", cadence=600, points={"temperature": Point(), "humidity": Point()}),
        Device(device="a-second", zone="front", cadence=600),
        Device(device="gone", zone="front", until=date(2020, 1, 1)),
    )
    rows = [row for name in ("stranger", "a-second", "z-first") for row in
            readings(name, "temperature", WINDOW, cadence=600)]  # fmt: skip

    data = gathered(tmp_path, rows, site=site, cadence=10)

    assert ["z-first", "a-second", "stranger"] == [device.device for device in data.devices]
    assert ["temperature", "humidity"] == [series.metric.name for series in data.devices[0].series]
    assert 0 == data.devices[0].series[1].statistics.completeness
    assert ["back", "front", "unregistered"] == list(data.zones)


def test_what_happened_after_midnight_does_not_change_the_day(tmp_path):
    """Otherwise every alarm that is open at midnight would give yesterday a second revision."""
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 9.5 if t >= at(22) else 5.0, cadence=600)
    still_open = an_alarm(at(22), state="open")
    cleared_later = an_alarm(at(22), at(30), value=17.0, state="cleared")

    first = gathered(tmp_path, rows, alarms=[still_open])
    second = gather(Archive(str(tmp_path)), SITE, TODAY, alarms=[cleared_later])

    assert first.fingerprint == second.fingerprint
    assert (9.5, None) == (second.alarms[0].value, second.alarms[0].cleared)


def test_an_alarm_from_the_day_before_is_shown_and_one_that_is_over_is_not(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, cadence=600)

    data = gathered(tmp_path, rows, alarms=[an_alarm(at(-3), at(1)), an_alarm(at(-9), at(-8)), an_alarm(at(25))])

    assert [at(-3)] == [alarm.started for alarm in data.alarms]
    assert Window(at(0), at(1)) == data.alarms[0].span(WINDOW)


def test_the_fingerprint_does_not_depend_on_the_order_of_rows(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, a_curve(4), cadence=600)

    first = gathered(tmp_path / "a", rows).fingerprint
    second = gathered(tmp_path / "b", rows[::-1]).fingerprint

    assert first == second


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": lambda rows: rows[:-1]},
        {"rows": lambda rows: [rows[0] | {"value": 5.000001}, *rows[1:]]},
        {"rows": lambda rows: [rows[0] | {"flag": FAIL}, *rows[1:]]},
        {"rows": lambda rows: [rows[0] | {"time": rows[0]["time"] + timedelta(microseconds=1)}, *rows[1:]]},
        {"site": SITE.model_copy(update={"name": "Other shop"})},
        {"site": a_site(SITE.devices[0].model_copy(update={"points": {"temperature": Point(high=7)}}))},
        {"alarms": [an_alarm(datetime(2026, 6, 17, 9, tzinfo=UTC))]},
        {"duplicate": 1},
        {"batches": (1, 2)},
    ],
)
def test_the_fingerprint_changes_with_everything_that_goes_in(tmp_path, changed):
    rows = readings("fridge-1", "temperature", WINDOW, cadence=600)
    before = gathered(tmp_path / "before", rows).fingerprint

    changed = dict(changed)
    after = gathered(tmp_path / "after", changed.pop("rows", list)(rows), **changed).fingerprint

    assert before != after


def test_derived_tables_that_contradict_each_other_stop_the_report(tmp_path):
    """Somebody reads while settle is between two tables: better no report than a wrong one."""
    from deltalake import write_deltalake

    rows = readings("fridge-1", "temperature", WINDOW, cadence=600)
    settled_day(tmp_path, SITE, DAY, rows)
    write_deltalake(f"{tmp_path}/derived/refined", readings_table(SITE, DAY, rows[:3]), mode="append")

    with pytest.raises(LedgerError, match=r"fridge-1 has 147 readings of temperature.* and 144 in derived/rollups"):
        gather(Archive(str(tmp_path)), SITE, TODAY)


def test_total_of_nothing_is_nothing():
    assert timedelta(0) == total([])


def test_the_least_and_the_most_are_said_with_their_times(tmp_path):
    values = {at(3): 1.5, at(14): 7.5}
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: values.get(t, 5.0), cadence=600)

    sums = gathered(tmp_path, rows).series[0].statistics

    assert (1.5, at(3), 7.5, at(14)) == (sums.min, sums.min_at, sums.max, sums.max_at)


def test_the_mean_kinetic_temperature_weighs_warm_hours_more(tmp_path):
    """Half a day at 5 and half at 25 °C harm as much as 19.7 °C all day, by USP <1160> with 83.144 kJ/mol."""
    rows = readings("fridge-1", "temperature", WINDOW, lambda t: 25.0 if t >= at(12) else 5.0, cadence=600)

    sums = gathered(tmp_path, rows).series[0].statistics

    assert 19.7 == pytest.approx(sums.kinetic, abs=0.01)
    assert 15.0 == sums.mean


def test_a_steady_temperature_is_its_own_kinetic_mean(tmp_path):
    assert 5.0 == pytest.approx(
        gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, 5.0, 600)).series[0].statistics.kinetic
    )


def week_of(tmp_path, first, days, value=lambda day: 5.0, skip=()):
    for day in (first + timedelta(days=place) for place in range(days)):
        if day not in skip:
            window = Window.local_day(day, SITE.timezone)
            settled_day(tmp_path, SITE, day, readings("fridge-1", "temperature", window, value(day), 600))


def test_a_week_is_counted_from_all_of_its_days(tmp_path):
    """Sums, extremes and time outside are exact, although a week keeps only what shows."""
    monday = date(2026, 6, 15)
    week_of(tmp_path, monday, 7, lambda day: 9.0 if day.day == 18 else float(day.day - 14) / 2)

    data = gather(Archive(str(tmp_path)), SITE, Period.of("week", DAY))
    (series,) = data.series

    assert (7 * 144, 0.5, 9.0) == (series.statistics.count, series.statistics.min, series.statistics.max)
    assert 2.5 == series.statistics.median
    assert timedelta(days=1) - timedelta(minutes=10) <= total(series.outside) <= timedelta(days=1)
    assert [day.min for day in series.days] == [0.5, 1.0, 1.5, 9.0, 2.5, 3.0, 3.5]
    assert data.ledger.read == 7 * 144
    assert () == data.unsettled


def test_a_day_that_nobody_settled_is_a_gap_of_the_week_and_said(tmp_path):
    week_of(tmp_path, date(2026, 6, 15), 7, skip={DAY})

    data = gather(Archive(str(tmp_path)), SITE, Period.of("week", DAY))

    assert (DAY,) == data.unsettled
    assert any(WINDOW.start >= gap.start and WINDOW.end <= gap.end for gap in data.series[0].gaps)


def test_a_day_is_shown_beside_the_week_before_it(tmp_path):
    week_of(tmp_path, date(2026, 6, 10), 8, lambda day: float(day.day))

    data = gather(Archive(str(tmp_path)), SITE, TODAY)

    assert [date(2026, 6, 10), DAY] == [data.calendar[0], data.calendar[-1]]
    assert [10.0, 17.0] == [data.series[0].hours[0, 0], data.series[0].hours[-1, 23]]


def test_a_zone_or_a_device_is_a_part_of_the_site(tmp_path):
    other = Device(device="room-1", zone="rooms", cadence=600, points={"temperature": Point()})
    site = a_site(SITE.devices[0], other)
    rows = [row for name in ("fridge-1", "room-1") for row in readings(name, "temperature", WINDOW, 5.0, 600)]
    settled_day(tmp_path, site, DAY, rows)

    def devices(scope):
        data = gather(Archive(str(tmp_path)), site, TODAY, scope, alarms=[an_alarm(at(3), at(4))])
        return [device.device for device in data.devices], len(data.alarms)

    assert (["fridge-1", "room-1"], 1) == devices(Scope())
    assert (["room-1"], 0) == devices(Scope(zone="rooms"))
    assert (["fridge-1"], 1) == devices(Scope(device="fridge-1"))
    assert ([], 0) == devices(Scope(zone="nowhere"))


def test_a_device_that_was_moved_is_where_it_stood_last_and_the_move_is_known(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, 5.0, 600)
    for row in rows:
        row["zone"] = "cold" if row["time"] < at(12) else "yard"

    (device,) = gathered(tmp_path, rows).devices

    assert "yard" == device.zone
    assert ((at(0), "cold"), (at(12), "yard")) == device.moved


def test_a_device_that_was_renamed_is_two_each_silent_in_its_half(tmp_path):
    site = a_site(
        Device(device="old", zone="cold", cadence=600, until=DAY, points={"temperature": Point()}),
        Device(device="new", zone="cold", cadence=600, since=DAY, points={"temperature": Point()}),
    )
    rows = [row for row in readings("old", "temperature", WINDOW, 5.0, 600) if row["time"] < at(12)]
    rows += [row for row in readings("new", "temperature", WINDOW, 5.0, 600) if row["time"] >= at(12)]

    data = gathered(tmp_path, rows, site=site)

    assert ["old", "new"] == [device.device for device in data.devices]
    assert [at(0), at(24)] == [data.devices[1].silent[0].start, data.devices[0].silent[0].end]


def test_tests_of_quality_are_counted_by_reason(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, 5.0, 600)
    for row in rows[10:15]:
        row |= {"value": 99.0, "flag": FAIL}

    (reason,) = gathered(tmp_path, rows).quality.reasons

    assert ("out_of_range", "temperature", 5, 1) == (reason.reason, reason.metric, reason.count, reason.devices)


def test_calibrations_in_force_are_those_of_the_day(tmp_path):
    steps = [{"since": date(2026, 1, 1), "offset": 0.1}, {"since": date(2026, 6, 1), "offset": 0.2},
             {"since": date(2026, 7, 1), "offset": 0.3}]  # fmt: skip
    point = Point.model_validate({"calibration": steps})
    site = a_site(SITE.devices[0].model_copy(update={"points": {"temperature": point}}))

    data = gathered(tmp_path, readings("fridge-1", "temperature", WINDOW, 5.0, 600), site=site)

    assert ["offset 0.2"] == [each.formula for each in data.quality.calibrations]


def test_other_units_change_what_is_said_and_nothing_that_is_known(tmp_path):
    rows = readings("fridge-1", "temperature", WINDOW, 5.0, 600)
    settled_day(tmp_path, SITE, DAY, rows)

    data = gather(Archive(str(tmp_path)), SITE, TODAY, alarms=[an_alarm(at(3), at(4))], units={"°C": "°F"})
    (series,) = data.series

    assert ("°F", 41.0, 46.4, 41.0) == (series.metric.unit, series.statistics.mean, series.high, series.values[0])
    assert 41.0 == pytest.approx(series.statistics.kinetic)
    assert 46.4 == data.alarms[0].limit


def test_a_unit_that_nobody_knows_is_refused(tmp_path):
    settled_day(tmp_path, SITE, DAY, readings("fridge-1", "temperature", WINDOW, 5.0, 600))

    with pytest.raises(SettingsError, match=r"reports\.units"):
        gather(Archive(str(tmp_path)), SITE, TODAY, units={"°C": "bananas"})


def test_a_reading_between_two_gaps_keeps_them_apart(tmp_path):
    """Joined, they would say that nothing was heard all day."""
    rows = [row for row in readings("fridge-1", "temperature", WINDOW, 5.0, 600) if row["time"] == at(12)]

    (device,) = gathered(tmp_path, rows).devices

    assert (Window(at(0), at(12)), Window(at(12), at(24))) == device.series[0].gaps


def test_how_late_readings_came_is_counted_from_the_record(tmp_path):
    """Half within a second, one of twenty after an hour: late; what other sites sent counts for them."""
    import pyarrow as pa
    from deltalake import write_deltalake

    settled_day(tmp_path, SITE, DAY, readings("fridge-1", "temperature", WINDOW, 5.0, 600))
    times = [at(place / 10) for place in range(100)]
    delays = [timedelta(seconds=3700 if place % 20 == 0 else 1 if place % 2 else 20) for place in range(100)]
    kind = pa.timestamp("us", "UTC")
    rows = {
        "device": ["fridge-1"] * 100 + ["elsewhere"],
        "time": pa.array([*times, at(1)], kind),
        "published": pa.array([*map(sum_of, times, delays), at(9)], kind),
        "day": [time.date() for time in [*times, at(1)]],
    }
    write_deltalake(f"{tmp_path}/record/readings", pa.table(rows), partition_by=["day"])

    arrivals = gather(Archive(str(tmp_path)), SITE, TODAY).quality.arrivals

    assert (100, 5, 3700.0) == (arrivals.count, arrivals.late, arrivals.longest)
    assert 1.0 <= arrivals.half <= 1.07
    assert 20.0 <= arrivals.most <= 21.4


def sum_of(time, delay):
    return time + delay
