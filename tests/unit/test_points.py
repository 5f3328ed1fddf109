"""What people write about a measuring point, and what comes of it."""

import re
from pathlib import Path

import pytest

from barograph.errors import DocumentError
from barograph.metrics import METRICS
from barograph.points import Point, Spike
from barograph.readings import FLAG_REASONS
from barograph.registry import read_site
from barograph.transforms.quality.limits import limits

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "quality.md"


def written(tmp_path, text):
    (tmp_path / "site.yaml").write_text(text)
    return read_site(tmp_path)


def test_the_example_of_the_guide_is_a_site(tmp_path):
    """People copy it; it names every field there is."""
    [example] = re.findall(r"```yaml\n(site:.*?)```", GUIDE.read_text(), re.S)

    point = written(tmp_path, example).device("fridge-1").points["temperature"]

    assert set() == set(Point.model_fields) - {"low", "high"} - point.model_fields_set
    assert [2, False] == [len(point.calibration), written(tmp_path, example).point("fridge-1", "humidity").rate]


def test_the_guide_explains_every_reason_in_its_order():
    told = re.findall(r"^\| `(\w+)` \| [\d or]* ?\|", GUIDE.read_text(), re.M)

    assert list(FLAG_REASONS) == told


def test_the_guide_says_what_the_table_of_metrics_says():
    """Numbers that stand in two places agree."""
    rows = dict(re.findall(r"^\| (\w+), \S+ \| (.*) \|$", GUIDE.read_text(), re.M))
    asked = {metric.name: metric for metric in METRICS if metric.spike}

    assert asked.keys() == rows.keys()
    for name, metric in asked.items():
        numbers = [
            float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*", rows[name].replace(", ", " "))
        ]
        expected = [
            *metric.valid, *metric.expected, *metric.spike, metric.rate, metric.recovery,
            metric.flat and metric.flat / 60, metric.warm_up, *metric.error_codes,
        ]  # fmt: skip
        assert [number for number in expected if number is not None] == numbers, name


@pytest.mark.parametrize(
    ("point", "says"),
    [
        ("{spik: off}", "not a known field. Did you mean `spike`"),
        ("{rate: on}", "rate"),
        ("{rate: -1}", "greater than 0"),
        ("{gap: .inf}", "finite"),
        ("{expected_min: 9, expected_max: 3}", "expected_min (9.0) must be below expected_max (3.0)"),
        ("{spike: {suspect: 9, fail: 3}}", "suspect (9.0) must not be above fail (3.0)"),
        ("{flat: {seconds: 1000000}}", "less than or equal to 86400"),
        ("{neighbours: {seconds: 60}}", "neighbours.difference: is missing"),
        ("{calibration: [{since: 2026-03-10}]}", "needs one of: gain and offset, polynomial, points"),
    ],
)
def test_a_slip_of_the_pen_is_named(tmp_path, point, says):
    text = f"site: s\nname: S\ndevices:\n  - {{device: d, zone: z, points: {{temperature: {point}}}}}\n"

    with pytest.raises(DocumentError, match=re.escape(says)):
        written(tmp_path, text)


def test_what_a_point_does_not_say_is_the_metrics():
    """Half an override keeps the other half, unless they contradict each other."""
    temperature = next(metric for metric in METRICS if metric.name == "temperature")

    asked = limits("temperature", 30, Point(spike=Spike(suspect=2), valid_max=60))
    above = limits("temperature", 30, Point(spike=Spike(suspect=12)))

    assert ((2, 10), (-90, 60)) == ((asked.spike.suspect, asked.spike.fail), asked.valid)
    assert (12, None) == (above.spike.suspect, above.spike.fail)
    assert (temperature.rate, temperature.expected) == (asked.rate, asked.expected)


def test_off_is_off_and_every_test_can_be():
    asked = limits("temperature", 30, Point(spike=False, rate=False, flat=False, gap=False, warm_up=False))

    assert [None] * 5 == [asked.spike, asked.rate, asked.flat, asked.gap, asked.warm_up]


def test_a_slow_device_is_not_missed_for_speaking_slowly():
    """Hourly readings are an hour apart."""
    assert [200, 1800, None] == [limits("temperature", cadence).gap for cadence in (10, 600, 3600)]


def test_a_point_that_names_its_resolution_is_judged_by_it():
    """A fine sensor that says 21.5 for 40 minutes is stuck; one in steps of 0.5 is not, nor one unknown."""
    coarse = [limits("temperature", 30, Point(resolution=step)).coarse for step in (0.0625, 0.5, None)]

    assert [None, 0.5, 0.1] == coarse
