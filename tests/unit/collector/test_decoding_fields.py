"""What a field says about its number: units, scales, nulls, words, conditions."""

import json
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collector.declared import bad, declared, decoded, reason, values

from barograph.collector.decoding.numbers import Linear, number_of
from barograph.errors import DocumentError, FrameError
from barograph.readings import REASONS


def one(cell: str, **field):
    """The value of a single column."""
    format_ = declared("delimited", separator=";", columns=[{"metric": "temperature", **field}])
    found = decoded(format_, cell)
    return found.frames[0].values["temperature"] if found.frames else [each.reason for each in found.bad]


@pytest.mark.parametrize(
    ("cell", "field", "expected"),
    [
        ("68", {"unit": "degF"}, 20.0),
        ("74.7", {"unit": "degF"}, 427 / 18),
        ("330.0725", {"unit": "K"}, 56.9225),
        ("235", {"scale": 0.1}, 23.5),
        ("-184", {"scale": 0.1}, -18.4),
        ("1174", {"scale": 0.1, "offset": -100}, 17.4),
        ("-18,4", {"decimal": ","}, -18.4),
        ("85", {"scale": "-40/255", "offset": 40}, 80 / 3),
        ("2600e17", {"scale": 1e-23}, 2.6e-3),
        ("FF85", {"base": 16, "signed": 16}, -123),
        ("00c8", {"base": 16, "signed": 16, "scale": 0.1}, 20.0),
        ("FFFF", {"base": 16}, 65535),
        ("open", {"enum": {"open": 1, "closed": 0}}, 1),
        ("?", {"enum": {"open": 1, "closed": 0, "?": None}}, None),
        ("2", {"enum": {1: 10, 2: 20}}, 20),
        ("4426.1130", {"curve": "degrees_minutes"}, 44 + 26.1130 / 60),
        ("-9999", {"nulls": [-9999]}, None),
        ("-9999.00", {"nulls": [-9999]}, None),
        ("85000", {"scale": 0.001, "nulls": [85000]}, None),
        ("7FFF", {"base": 16, "nulls": [0x7FFF]}, None),
        ("#", {"nulls": ["#"]}, None),
        ("", {}, None),
        ("----", {}, None),
        ("0", {}, 0),
    ],
)
def test_a_number_becomes_a_value(cell, field, expected):
    """Scaled, shifted and converted in one step, without the dust of floating point; empty is not zero."""
    assert expected == one(cell, **field)


@pytest.mark.parametrize("cell", ["1_000", "0x10", "１２", "1 2", "+", "1e", "--1", "1,5", "٣", "true", "1e5x", "½"])
def test_what_only_looks_like_a_number_is_none(cell):
    """Python would read some of these; no device means them."""
    assert ["not_a_number"] == one(cell)


@pytest.mark.parametrize("cell", ["nan", "NaN", "-inf", "Infinity", "1e999", "9" * 400])
def test_what_is_not_finite_is_refused(cell):
    """Statistics over a window must not become NaN because of one reading."""
    assert ["not_finite"] == one(cell)
    assert ["not_finite"] == one(cell, scale=0.1)


def test_hexadecimal_that_is_none_is_refused():
    """Four digits of noise are not 16 bits."""
    assert ["not_a_number"] == one("00G1", base=16)
    assert ["not_a_number"] == one("1FFFF", base=16, signed=16)


def test_a_word_that_is_not_declared_is_refused():
    """`ajar` is neither open nor closed."""
    assert ["not_a_number"] == one("ajar", enum={"open": 1, "closed": 0})
    assert ["not_a_number"] == one("3", enum={1: 10})


def test_what_is_not_fitted_is_absent_and_what_failed_is_null():
    """A null is a gap in a series; a sensor that is not there has no series."""
    format_ = declared(
        "binary", fields=[{"metric": "a", "at": 0, "absent": [255]}, {"metric": "b", "at": 1, "nulls": [255]}]
    )

    assert values(format_, b"\xff\xff") == {"b": None}
    assert values(format_, b"\x01\x02") == {"a": 1, "b": 2}


def test_a_value_may_depend_on_other_fields():
    """Only if the status is valid; there at all only for that kind of sensor; negative in the west."""
    format_ = declared(
        "delimited",
        separator=",",
        columns=[
            {"name": "kind"},
            {"name": "status"},
            {"metric": "wind", "when": {"kind": ["W", "X"]}, "only_if": {"status": "A"}},
            {"metric": "longitude", "minus": {"hemisphere": "W"}},
            {"name": "hemisphere"},
            {"metric": "depth", "only_if": {"flag": 0}},
            {"name": "flag"},
        ],
    )

    assert values(format_, "W,A,5,71,W,2,0.000e+00") == {"wind": 5, "longitude": -71, "depth": 2}
    assert values(format_, "X,V,5,71,E,2,1") == {"wind": None, "longitude": 71, "depth": None}
    assert values(format_, "Y,A,5,71,,2,0") == {"longitude": 71, "depth": 2}


def test_a_unit_may_be_told_by_another_field():
    """Of one device some are set to knots and some to metres per second."""
    speed = {"metric": "wind", "to": "m/s", "unit": {"field": "unit", "of": {"N": "knot", "M": "m/s", "#": None}}}
    format_ = declared("delimited", separator=",", columns=[speed, {"name": "unit"}])

    assert values(format_, "9,N") == {"wind": 4.63}
    assert values(format_, "9,M") == {"wind": 9}
    assert values(format_, "9,#") == {"wind": None}
    assert bad(format_, "9,X") == [("not_a_number", "wind")]


def test_two_units_of_one_metric_need_one_to_keep():
    """A series in knots and metres per second would be neither."""
    with pytest.raises(ValueError, match="give `to`, the unit to keep"):
        declared("delimited", columns=[{"metric": "wind", "unit": {"field": "u", "of": {"N": "knot", "M": "m/s"}}}])


def test_what_must_stand_in_a_frame_makes_all_others_another_kind():
    """`$BX2` at the beginning, and nothing else."""
    format_ = declared("delimited", separator=",", columns=[{"must": "$BX2"}, {"metric": "t"}])

    assert values(format_, "$BX2,4.5") == {"t": 4.5}
    assert reason(format_, "$BX3,4.5") == "no_fields"


def test_one_field_may_be_taken_apart_and_several_put_together():
    """A logger writes its number and the hour in one; a gauge writes mantissa and exponent in two."""
    format_ = declared(
        "delimited",
        separator=",",
        device="unit-{unit}",
        time={"field": "clock", "format": "%Y%m%d%H"},
        columns=[
            {"name": "stamp", "pattern": r"^(?P<unit>\d\d)(?P<clock>\d{10})$"},
            {"name": "m"},
            {"name": "e"},
            {"name": "p", "from": "{m}e{e}", "metric": "pressure", "optional": True},
        ],
    )

    (frame,) = decoded(format_, "012016070614,1013,0").frames

    assert ("unit-01", {"pressure": 1013.0}) == (frame.device, frame.values)
    assert datetime(2016, 7, 6, 14, tzinfo=UTC) == frame.time
    assert reason(format_, "x12016070614,1013,0") == "no_fields"


@pytest.mark.parametrize(
    ("device", "parts", "expected"),
    [
        (["{model}-{id}-{channel}", "{model}-{id}"], {"model": "GT", "id": 48, "channel": 1}, "GT-48-1"),
        (["{model}-{id}-{channel}", "{model}-{id}"], {"model": "GT", "id": 48}, "GT-48"),
        (["{model}-{id}-{channel}", "{model}-{id}"], {"model": "GT"}, "port"),
        (["{device}/{id}"], {"id": 3}, "port/3"),
        (["meta.name", "id"], {"id": 3, "meta": {"name": "x"}}, "x"),
    ],
)
def test_a_device_is_named_by_the_first_of_which_all_is_there(device, parts, expected):
    """Radio sensors have a channel or none; half a name would be another device."""
    format_ = declared("json", device=device, ignore=["model", "id", "channel", "meta.name"])

    assert expected == decoded(format_, json.dumps({**parts, "t": 1})).frames[0].device


@pytest.mark.parametrize(
    ("time", "told", "expected"),
    [
        ({"unit": "iso"}, "2026-11-22T09:00:00+01:00", "2026-11-22T08:00:00Z"),
        ({"unit": "iso", "zone": "Europe/Berlin"}, "2026-07-01 09:00:00", "2026-07-01T07:00:00Z"),
        ({"unit": "seconds"}, "1795334400.25", "2026-11-22T08:00:00.25Z"),
        ({"unit": "milliseconds"}, "1795334400250", "2026-11-22T08:00:00.25Z"),
        ({"unit": "seconds", "since": "2000-01-01T00:00:00Z"}, "86400", "2000-01-02T00:00:00Z"),
        ({"unit": "days", "since": "2010-12-31T00:00:00Z"}, "236.5", "2011-08-24T12:00:00Z"),
        ({"format": "%d.%m.%Y %H:%M:%S"}, "22.11.2026 08:00:00", "2026-11-22T08:00:00Z"),
        ({"format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}, "01.07.2026 09:00", "2026-07-01T07:00:00Z"),
        ({"format": ["iso", "seconds"]}, "1795334400", "2026-11-22T08:00:00Z"),
        ({"format": "%y%m%d%H%M%S", "suffix": {"W": "+01:00", "S": "+02:00"}}, "170702192002S", "2017-07-02T17:20:02Z"),
        ({"format": "%y%m%d%H%M%S", "suffix": {"W": "+01:00", "S": "+02:00"}}, "170102192002W", "2017-01-02T18:20:02Z"),
    ],
)
def test_a_device_may_tell_the_time_in_its_own_way(time, told, expected):
    """In the end all of them are UTC."""
    format_ = declared(
        "delimited", separator=";", time={"field": "t", **time}, columns=[{"name": "t"}, {"metric": "x"}]
    )

    assert datetime.fromisoformat(expected) == decoded(format_, f"{told};1").frames[0].time


@pytest.mark.parametrize("told", ["soon", "99.99.2026", "٣", "1e400", "2" * 100, "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_is_refused_or_that_of_arrival(told):
    """As the format says; a guessed time would be worse than both."""
    columns = [{"name": "t"}, {"metric": "x"}]
    strict = declared("delimited", separator=";", time={"field": "t", "format": ["iso", "seconds"]}, columns=columns)
    lenient = declared("delimited", separator=";", time={"field": "t", "otherwise": "arrival"}, columns=columns)

    assert reason(strict, f"{told};1") == "bad_time"
    assert decoded(lenient, f"{told};1").frames[0].time is None


def test_a_time_of_several_fields_is_put_together():
    """Date and clock often are two columns."""
    columns = [{"name": "date"}, {"name": "clock"}, {"metric": "x"}]
    format_ = declared(
        "delimited", separator=";", time={"from": "{date} {clock}", "format": "%d%m%y %H%M%S"}, columns=columns
    )

    assert datetime(2026, 11, 22, 8, tzinfo=UTC) == decoded(format_, "221126;080000;1").frames[0].time
    assert decoded(format_, "221126;;1").frames[0].time is None


@given(st.decimals(-10_000, 10_000, places=3), st.sampled_from(["0.1", "0.01", "1/256", "9/5", "-40/255"]))
def test_scaling_is_exact(number, scale):
    """The value is the float that is nearest to what the device meant."""
    linear = Linear(Fraction(scale), Fraction(40))

    assert float(Fraction(str(number)) * Fraction(scale) + 40) == linear.of_text(str(number))


@given(st.text(max_size=30) | st.from_regex(r"[+-]?[0-9.eE_xX]{1,12}", fullmatch=True))
def test_a_text_is_a_finite_number_or_refused(text):
    """By our grammar, and never by what Python makes of it."""
    try:
        number = number_of(text)
    except FrameError as error:
        assert error.reason in REASONS
    else:
        assert text.isascii() and number == float(text)


def test_a_plugin_that_is_not_installed_is_a_message():
    """The port cannot work without it; it names what there is."""
    with pytest.raises(DocumentError, match=r"nothing installed here offers it.*Installed are: none"):
        decoded(declared("plugin", plugin="no-such-thing"), b"x")
