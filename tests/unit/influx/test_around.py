"""The readings around an alarm, from the CSV in which InfluxDB answers."""

from __future__ import annotations

import numpy as np
import pytest

from barograph.influx import around

HEADER = b",result,table,_time,_field,_value\r\n"


@pytest.mark.parametrize("answer", [b"", b"\r\n", HEADER, HEADER + b"\r\n"])
def test_no_readings_are_an_answer_too(answer):
    """A silent sensor is what an alarm may be about."""
    assert 0 == len(around.parsed(answer).times)


def test_values_stand_beside_their_flags():
    """A reading that was measured badly has a flag and no value."""
    flags = b",_result,0,2026-11-22T08:00:00Z,flag,1\r\n,_result,0,2026-11-22T08:00:10.5Z,flag,3\r\n"
    values = b",_result,1,2026-11-22T08:00:00Z,value,4.25\r\n"

    found = around.parsed(HEADER + flags + b"\r\n" + HEADER + values + b"\r\n")

    assert [1795334400000000, 1795334410500000] == found.times.tolist()
    assert 4.25 == found.values[0]
    assert np.isnan(found.values[1])
    assert [1, 3] == found.flags.tolist()
