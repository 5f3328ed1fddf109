"""The contract of the topic `readings`."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, decoded, encoded

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def frame(**facts):
    common = {"device": "sensor3", "values": {"temperature": 21.5}, "time": NOON, "seq": 41, "boot": "5f0c"}
    return Frame(**{**common, **facts})


def test_one_frame_is_one_object():
    """The canonical form, field by field: other producers copy it."""
    expected = {
        "device": "sensor3",
        "time": "2026-11-22T12:00:00.123456Z",
        "seq": 41,
        "boot": "5f0c",
        "values": {"temperature": 21.5},
    }

    assert expected == json.loads(encoded([frame()]))


def test_what_was_measured_badly_is_null_and_zero_is_a_measurement():
    values = {"temperature": None, "humidity": 0}

    assert [frame(values=values)] == decoded(encoded([frame(values=values)]))


def test_frames_are_packed_up_to_five_hundred():
    many = [frame(seq=number) for number in range(MAX_FRAMES_PER_MESSAGE)]

    assert many == decoded(encoded(many))
    with pytest.raises(ValueError, match="500"):
        encoded([*many, frame()])


def test_a_message_is_of_one_device():
    """The device is the key: a mixed message would break another device's order."""
    with pytest.raises(ValueError, match="one device"):
        encoded([frame(), frame(device="other")])


def test_nan_never_reaches_the_wire():
    with pytest.raises(ValueError, match="JSON compliant"):
        encoded([frame(values={"temperature": float("nan")})])


ANYTHING = st.text(st.characters(), max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    name=ANYTHING,
    raw=ANYTHING,
    value=st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), FINITE),
)
def test_a_frame_is_json_whatever_its_texts_and_numbers_are(name, raw, value):
    """It is put together by hand: quotes, line ends, lone surrogates and tiny numbers come back as they were."""
    told = frame(device=name, raw=raw, values={name: value}, port=raw)

    (back,) = decoded(encoded([told]))

    assert told == back
    assert type(value) is type(back.values[name])
    assert b"\n" not in encoded([told])
