"""When a reading was made, whether it came twice, and whether the device had just begun."""

from datetime import date, timedelta

from tests.unit.transforms.quality.drawn import NOON, judged, marks, places, reasons, series

from barograph.registry import Device
from barograph.testing import a_site
from barograph.transforms.places import Places


def a_sensor_that_warms_up(*boots, every=30, silence=0):
    """Ten readings of each boot, numbered from 0."""
    rows = []
    for place, boot in enumerate(boots):
        start = NOON + timedelta(seconds=place * (10 * every + silence))
        rows += series(["600"] * 10, every, start, metric="co2", boot=boot)
        for n in range(10):
            rows[-10 + n]["seq"] = n
    return rows


def test_a_sensor_is_not_trusted_until_it_is_warm():
    """Three minutes after the first reading, and again after a boot: a sensor of CO2 heats up first."""
    found = judged(a_sensor_that_warms_up("first", "second"), places("co2"))

    assert "ssssss....ssssss...." == marks(found)
    assert "warming_up" in reasons(found)


def test_numbers_that_begin_again_are_a_start():
    """Some boards have one name for all their boots."""
    rows = a_sensor_that_warms_up("b", "b")
    for row in rows[:10]:
        row["seq"] += 100

    assert "ssssss....ssssss...." == marks(judged(rows, places("co2")))


def test_a_silence_that_hides_a_start_counts_as_one():
    """Nobody knows what happened in an hour without a frame; a shorter one with one boot was none."""
    rows = a_sensor_that_warms_up("b", "b", silence=3600)
    for n, row in enumerate(rows):
        row["seq"] = n

    assert "ssssss....ssssss...." == marks(judged(rows, places("co2")))

    shorter = [{**row, "seq": n} for n, row in enumerate(a_sensor_that_warms_up("b", "b", silence=600))]
    assert "ssssss.............." == marks(judged(shorter, places("co2")))


def test_what_numbers_nothing_is_never_warming_up():
    """A stranger's script says nothing about starts."""
    rows = [{**row, "boot": None, "seq": None} for row in a_sensor_that_warms_up("b")]

    assert "." * 10 == marks(judged(rows, places("co2")))


def test_any_point_can_ask_for_a_warm_up():
    where = places("temperature", point={"warm_up": 60})

    assert "ss..." == marks(judged(series("4.0 4.1 4.0 4.1 4.0"), where))


def test_a_date_that_cannot_be_fails():
    """Before 2000 no clock was set; nothing arrives a quarter of an hour before it was measured."""
    rows = series("4.0 4.1 4.0")
    rows[0] |= {"time": NOON.replace(year=1999)}
    rows[2] |= {"time": NOON + timedelta(minutes=16), "published": NOON}

    found = judged(rows, places())

    assert ("F.F", "impossible_date") == (marks(found), reasons(found)[-1])


def test_what_came_before_the_device_stood_there_was_measured_elsewhere():
    """`since` and `until` are local days, both included; on 23 November 2026 Berlin begins at 23:00 UTC."""
    device = Device(device="d", zone="z", cadence=30, since=date(2026, 11, 23), until=date(2026, 11, 23))
    where = Places.of_sites([a_site(device)], None, 10.0)
    midnight = NOON.replace(hour=23)
    rows = [{"time": midnight + timedelta(days=day, seconds=s), "value": 4.0} for day in (0, 1) for s in (-30, 0)]

    assert "F..F" == marks(judged(rows, where))


def test_a_copy_with_another_value_makes_both_doubtful():
    """The first stays, as always; which of them is true nobody knows."""
    rows = series("4.0 4.1 4.0")
    rows.append({**rows[1], "seq": 1, "batch": 2, "value": 6.5, "offset": 99})
    rows.append({**rows[2], "seq": 2, "batch": 2, "offset": 100})

    found = judged([{"seq": n, "offset": n, **row} for n, row in enumerate(rows)], places())

    assert ([4.0, 4.1, 4.0], ".s.") == (found["value"].to_pylist(), marks(found))
    assert ["other_copy"] == found["reasons"].to_pylist()[1]


def test_a_clock_that_was_off_explains_and_does_not_worsen():
    """The value is as good as any: what was wrong is mended, the time is that of arrival."""
    found = judged(series("4.0 4.1 4.0", skew=-7200.0), places(point={"gap": False}))

    assert ("...", ["clock_off"]) == (marks(found), reasons(found))


def test_reasons_stand_in_one_order():
    """A list that depends on nothing but the reading can be compared as text."""
    rows = series("500 4.0", skew=1.0)
    rows[0] |= {"time": NOON.replace(year=1999)}

    first = judged(rows, places())["reasons"].to_pylist()[0]

    assert ["out_of_range", "impossible_date", "after_gap", "clock_off"] == first
