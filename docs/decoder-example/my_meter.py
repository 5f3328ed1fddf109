"""Reads a meter whose values say themselves how they are scaled: what no declaration can say.

    68 | 0c | 02 00 000000e7 | 01 ff 000000e7 | 44 | 16
    |    |    |  |  `- number, i32be            |    `- end
    |    |    |  `- exponent of ten, i8         `- sum of all before it
    |    |    `- what it is: 1 temperature, 2 power
    |    `- bytes of all values
    `- start

Bytes are cut and checked by the format (my-meter.yaml); this is asked for what is within.
"""

from __future__ import annotations

import struct
from datetime import datetime

METRICS = {1: "temperature", 2: "power"}
ITEM = struct.Struct(">Bbi")


class MyMeter:
    """Made once for each port, with the `options` of the format."""

    def __init__(self, device: str | None = None) -> None:
        self.device = device

    def decode(self, payload: bytes) -> list[tuple[str | None, datetime | None, dict[str, float | None]]]:
        """Device (None: the port's), time (None: that of arrival), values by metric; None was measured badly.

        What is raised here refuses the frame, with the message as the reason.
        """
        values: dict[str, float | None] = {}
        for kind, exponent, number in ITEM.iter_unpack(payload[2:-2]):
            if kind not in METRICS:
                raise ValueError(f"nobody knows values of kind {kind}")
            values[METRICS[kind]] = None if number == -(2**31) else number * 10.0**exponent
        return [(self.device, None, values)]
