"""Devices of one zone against each other, where somebody asked for it."""

import pytest
from tests.unit.transforms.quality.drawn import a_record, judged, marks, places, reasons, series

from barograph.registry import Device, Point
from barograph.testing import a_site
from barograph.transforms import cleaning
from barograph.transforms.places import Places

ASKED = {"neighbours": {"difference": 2, "seconds": 60}}
FOUR = ("a", "b", "c", "d")


def of(table, device):
    return table.filter([each == device for each in table["device"].to_pylist()])


def a_zone(**said):
    return [row for device, values in said.items() for row in series(values, device=device, boot=device)]


def test_the_one_that_is_unlike_the_others_is_named_and_they_are_not():
    """A sensor that drifted says 9 where three say 4: by the median of the others one is wrong, not four."""
    rows = a_zone(a="4.0 4.1", b="4.2 4.1", c="3.9 4.0", d="9.0 9.1")

    found = judged(rows, places(point=ASKED, devices=FOUR))

    assert ["..", "..", "..", "ss"] == [marks(of(found, device)) for device in FOUR]
    assert "unlike_neighbours" in reasons(of(found, "d"))


def test_what_failed_is_nobodys_witness():
    rows = a_zone(a="4.0 4.1", b="4.2 4.1", c="500 500", d="9.0 9.1")

    found = judged(rows, places(point=ASKED, devices=FOUR))

    assert ["..", "..", "FF", "ss"] == [marks(of(found, device)) for device in FOUR]


def test_too_few_neighbours_say_nothing():
    """A witness from long ago is none; the range was looked at, so the readings are good and not unknown."""
    rows = [*a_zone(a="4.0 4.1", d="9.0 9.1"), *series("4.0" + " _" * 20 + " 4.0", device="b")[1:]]

    found = judged(rows, places(point=ASKED, devices=FOUR))

    assert ["..", ".."] == [marks(of(found, device)) for device in ("a", "d")]


def test_if_neighbours_were_all_that_was_asked_a_reading_without_them_is_unknown():
    found = judged(series("4.0 4.1", metric="weight"), places("weight", point=ASKED))

    assert "??" == marks(found)


def test_only_the_point_that_asks_is_compared():
    """Its neighbours may be there for comparison alone, and other zones are not."""
    point = Point.model_validate(ASKED)
    site = a_site(
        Device(device="a", zone="z", points={"temperature": point}), Device(device="b", zone="z"),
        Device(device="c", zone="z"), Device(device="d", zone="other", points={"temperature": point}),
    )  # fmt: skip
    rows = a_zone(a="9.0 9.1", b="4.2 4.1", c="4.0 4.0", d="20 20")

    found = judged(rows, Places.of_sites([site], None, 10.0))

    assert ["ss", "..", "..", ".."] == [marks(of(found, device)) for device in FOUR]


@pytest.mark.parametrize("asked", [ASKED, None])
def test_spark_brings_a_zone_together_where_it_is_compared(spark, asked):
    """What Spark finds is what the function finds on all rows at once, asked for neighbours or not."""
    rows = a_zone(a="4.0 4.1", b="4.2 4.1", c="3.9 4.0", d="9.0 9.1", stranger="77 78")
    where = places(point=asked, devices=FOUR)
    expected = judged(rows, where)
    came = spark.createDataFrame(a_record(rows))
    found = came.transform(cleaning.refined, where).orderBy("device", "metric", "time").toArrow()

    assert expected["flag"].to_pylist() == found["flag"].to_pylist()
    assert expected["reasons"].to_pylist() == found["reasons"].to_pylist()
    assert set(expected.column_names) == set(found.column_names)
