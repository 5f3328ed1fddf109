import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.collector.decoding import decode
from barograph.collector.formats import DelimitedFormat, JsonFormat
from barograph.collector.rendering import rendered
from barograph.errors import FrameError
from barograph.readings import REASONS, encoded
from barograph.windows import utc

BOARD = JsonFormat(kind="json", device="id", time={"field": "ts", "unit": "seconds"}, values="data.*")
FLAT = JsonFormat(kind="json", device="device")
ROW = DelimitedFormat(
    kind="delimited",
    decimal=",",
    columns=[{"is": "device"}, {"metric": "temperature"}, {"metric": "humidity", "scale": 0.1}],
)


def values(line: bytes, declared=FLAT, device=None):
    return decode(line, declared, device).frames[0].values


def reason(line: bytes, declared=FLAT, device=None) -> str:
    with pytest.raises(FrameError) as refused:
        decode(line, declared, device)
    return refused.value.reason


def bad(line: bytes, declared=FLAT) -> list[tuple[str, str | None]]:
    return [(each.reason, each.metric) for each in decode(line, declared).bad]


def test_a_json_line_says_who_when_and_what():
    """The board of the replayed history: device, float seconds, values under a prefix, booleans among them."""
    line = b'{"data":{"co":0.0045,"light":true,"temp":27.0},"id":"5e:44","ts":1594598735.7727768,"device":"x"}'

    (frame,) = decode(line, BOARD).frames

    assert frame.values == {"co": 0.0045, "light": True, "temp": 27.0}
    assert frame.device == "5e:44"
    assert datetime(2020, 7, 13, 0, 5, 35, 772777, UTC) == frame.time
    assert line.decode() == frame.raw


def test_a_flat_line_needs_no_more_than_names_and_numbers():
    """What a beginner's first board sends."""
    assert values(b'{"device":"s3","temperature":21,"humidity":40.5}') == {"temperature": 21, "humidity": 40.5}


def test_metrics_are_renamed_ignored_and_found_deep_down():
    """The board's words are not ours, and its firmware's version is no measurement."""
    declared = JsonFormat(kind="json", device=["dev", "id"], rename={"env.t": "temperature"}, ignore=["fw"])

    assert values(b'{"id":7,"fw":"1.2","env":{"t":4.5,"p":990}}', declared) == {"temperature": 4.5, "env.p": 990}


def test_an_array_is_several_frames():
    """A board that buffers sends what it has at once."""
    decoded = decode(b'[{"device":"a","t":1},{"device":"","t":2},{"device":"b","t":3}]', FLAT)

    assert [frame.device for frame in decoded.frames] == ["a", "b"]
    assert [each.reason for each in decoded.bad] == ["no_device"]


@pytest.mark.parametrize("null", ["null", '""', '"----"'])
def test_a_null_marker_is_a_value_that_was_measured_badly(null):
    """None is a measurement that failed; a metric that was not measured is absent."""
    assert values(b'{"device":"a","t":%s,"h":40}' % null.encode()) == {"t": None, "h": 40}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("NaN", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e999", "not_finite"),
        ("9" * 400, "not_finite"),
        ("9" * 100_000, "not_finite"),
        ('"nan"', "not_finite"),
        ('"warm"', "not_a_number"),
        ('"1_000"', "not_a_number"),
        ("[1]", "not_a_number"),
    ],
)
def test_one_bad_value_costs_itself_and_not_its_neighbours(told, expected):
    """A broken probe must not take the healthy one beside it with it."""
    line = b'{"device":"a","bad":%s,"good":4.5}' % told.encode()

    assert values(line) == {"good": 4.5}
    assert [(expected, "bad")] == bad(line)


def test_a_metric_with_a_name_that_none_has_is_refused_alone():
    """Names become tags, columns and file names."""
    assert bad(b'{"device":"a","t\\u001b[31m":1,"t":2}') == [("bad_metric", "t\x1b[31m")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\xff\xfe{}", "not_utf8"),
        (b"hello", "not_json"),
        (b"12", "not_json"),
        (b"[]", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"t":1}', "no_device"),
        (b'{"device":"a\\u0000","t":1}', "bad_device"),
        (b'{"device":"\\ud800","t":1}', "bad_device"),
        (b'{"device":["a"],"t":1}', "bad_device"),
        (b'{"device":"%s","t":1}' % (b"a" * 101), "bad_device"),
        (b'{"device":"a"}', "no_values"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(line, expected):
    """The reason is what the counters, the pages and the runbook call it."""
    assert expected == reason(line)


@pytest.mark.parametrize("told", ["true", '"soon"', "1e400", "-1e300", "[]", "253402300800"])
def test_a_time_that_is_none_is_refused(told):
    """A guessed time would be worse than none."""
    assert reason(b'{"id":"a","ts":%s,"data":{"t":1}}' % told.encode(), BOARD) == "bad_time"


@pytest.mark.parametrize("line", [b'{"id":"a","data":{"t":1}}', b'{"id":"a","ts":null,"data":{"t":1}}'])
def test_a_board_without_the_time_leaves_it_to_us(line):
    """A board that has not heard of the time yet says null."""
    assert decode(line, BOARD).frames[0].time is None


@pytest.mark.parametrize(
    ("unit", "told"),
    [("iso", '"2026-11-22T09:00:00.25+01:00"'), ("seconds", "1795334400.25"), ("milliseconds", '"1795334400250"')],
)
def test_a_time_may_be_told_in_three_ways(unit, told):
    """All of them are UTC with microseconds in the end."""
    declared = JsonFormat(kind="json", device="id", time={"field": "ts", "unit": unit})

    assert (
        utc("2026-11-22T08:00:00.25Z") == decode(b'{"id":"a","ts":%s,"t":1}' % told.encode(), declared).frames[0].time
    )


def test_a_row_is_read_by_position():
    """Decimal comma, and tenths without the dust of floating point."""
    assert values(b"freezer-ice; -18,4 ;235", ROW) == {"temperature": -18.4, "humidity": 23.5}


def test_a_row_may_leave_its_device_to_the_port():
    """A single board on a line of its own does not introduce itself."""
    declared = DelimitedFormat(kind="delimited", separator="|", columns=[{"metric": "t"}, {"is": "skip"}])

    assert decode(b"12.5|ok", declared, "dock").frames[0].device == "dock"
    assert reason(b"12.5|ok", declared) == "no_device"


@pytest.mark.parametrize("line", [b"a;1", b"a;1;2;3", b"nothing like it"])
def test_a_row_with_other_columns_is_refused(line):
    """A half line, or the firmware's greeting."""
    assert reason(line, ROW) == "no_fields"


def test_a_bad_cell_costs_itself():
    """With a decimal comma a dot is no part of a number: 1.234 may be a thousand."""
    assert bad(b"a;1.234;5", ROW) == [("not_a_number", "temperature")]
    assert bad(b"a;-inf;5", ROW) == [("not_finite", "temperature")]
    assert values(b"a;----;5", ROW) == {"temperature": None, "humidity": 0.5}


@given(st.binary(max_size=200))
def test_no_bytes_can_do_anything_but_be_refused(line):
    """Whatever a broken board says, the collector knows a word for it."""
    for declared in (BOARD, FLAT, ROW):
        try:
            decoded = decode(line, declared, "a")
        except FrameError as error:
            assert error.reason in REASONS
        else:
            assert all(each.reason in REASONS for each in decoded.bad)


TEXT = st.text(st.sampled_from("at.1é \x00\x1b\ud800"), max_size=4)  # the whole of Unicode is slow to begin with
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "ts", "data", "device", "t"]), JSON, max_size=5))
def test_whatever_is_decoded_can_travel(content):
    """A frame that could be read but not sent would stop the port."""
    for declared in (BOARD, FLAT):
        try:
            decoded = decode(json.dumps(content).encode(), declared)
        except FrameError as error:
            assert error.reason in REASONS
        else:
            assert all(encoded([frame]) for frame in decoded.frames)


@given(
    st.dictionaries(
        st.sampled_from(["temperature", "humidity"]),
        st.none() | st.decimals(-9999, 9999, places=1).map(float),
        min_size=2,
    )
)
def test_what_the_simulator_says_is_what_we_read(told):
    """Rendering is the inverse of decoding, for each declared format."""
    at = utc("2026-11-22T08:00:00.25Z")
    for declared in (BOARD, FLAT, ROW):
        (frame,) = decode(rendered(declared, "a", told, at).strip(), declared).frames

        assert (("a", told)) == (frame.device, frame.values)
        assert frame.time in (None, at)
