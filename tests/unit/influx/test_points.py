"""Points of our own, from texts that others wrote: each is one line, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.influx.points import line
from barograph.windows import utc

NOON = utc("2026-11-22T12:00:00Z")
AT = " 1795348800000000"


def test_a_point_is_a_line_with_sorted_tags_and_microseconds():
    made = line("events", {"port": "cold wall", "event": "lost"}, {"reason": 'a "b" \\', "n": 3, "up": True}, NOON)

    assert r'events,event=lost,port=cold\ wall n=3.0,reason="a \"b\" \\",up=true' + AT == made


def test_a_number_is_a_float_however_it_was_written():
    """InfluxDB refuses a field that was an integer once and comes as a float."""
    assert line("m", {}, {"n": 3}, NOON) == line("m", {}, {"n": 3.0}, NOON)


@pytest.mark.parametrize(
    ("measurement", "tags", "fields"),
    [
        ("m\nx", {}, {"n": 1}),
        ("_m", {}, {"n": 1}),
        ("m", {"a b": "c"}, {"n": 1}),
        ("m", {"a": "b\nm2 n=1"}, {"n": 1}),
        ("m", {"a": "b\\"}, {"n": 1}),
        ("m", {"a": 5}, {"n": 1}),
        ("m", {"a": "\ud800"}, {"n": 1}),
        ("m", {}, {"n": "x\0"}),
        ("m", {}, {"n": float("nan")}),
        ("m", {}, {"n": None}),
        ("m", {}, {"n": [1]}),
        ("m", {}, {}),
        ("m", {}, {f"n{n}": n for n in range(100)}),
        ("m", {}, {"n": "x" * 2_000}),
    ],
)
def test_what_no_point_may_have_is_refused(measurement, tags, fields):
    with pytest.raises(ValueError, match=r"."):
        line(measurement, tags, fields, NOON)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_text_is_never_more_than_itself(tag, field):
    """One line in, one line out: no tag becomes a field, no field a second point."""
    try:
        made = line("m", {"t": tag}, {"f": field}, NOON)
    except ValueError:
        return

    assert 1 == len(made.splitlines())
    assert made.endswith(AT)
    assert made.encode()
