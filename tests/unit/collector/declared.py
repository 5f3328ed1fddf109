"""Formats written as they are in a YAML file, and what they make of bytes."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from barograph.collector.decoding import Decoded, Decoder, decoder
from barograph.collector.formats import KINDS, Format, read_format_file, shipped
from barograph.collector.frames import Cut, cutter
from barograph.errors import FrameError
from barograph.readings import Frame, Value

DATA = Path(os.environ.get("BAROGRAPH_TEST_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
CASES = Path(__file__).resolve().parents[2] / "cases" / "formats"
LONGEST = 65_536


def declared(kind: str, **fields: Any) -> Format:
    return KINDS[kind].model_validate({"kind": kind, **fields})


@cache
def ours(name: str) -> Format:
    return read_format_file(shipped()[name])


def decoded(format_: Format, payload: bytes | str, device: str | None = "port") -> Decoded:
    return decoder(format_)(payload.encode() if isinstance(payload, str) else payload, device)


def values(format_: Format, payload: bytes | str, device: str | None = "port") -> dict[str, Value]:
    (frame,) = decoded(format_, payload, device).frames
    return frame.values


def bad(format_: Format, payload: bytes | str) -> list[tuple[str, str | None]]:
    return [(each.reason, each.metric) for each in decoded(format_, payload).bad]


def reason(format_: Format, payload: bytes | str, device: str | None = "port") -> str:
    with pytest.raises(FrameError) as refused:
        decoded(format_, payload, device)
    return refused.value.reason


def near(wanted: dict[str, Value], tolerance: float = 1e-5) -> dict[str, Any]:
    """To compare with: None is None, and numbers are what they are about."""
    return {
        metric: value if value is None else pytest.approx(float(value), rel=tolerance, abs=1e-9)
        for metric, value in wanted.items()
    }


class Heard:
    """What becomes of a stream: cut into frames and read."""

    def __init__(
        self, format_: Format, stream: bytes, device: str | None = "port", read: Decoder | None = None
    ) -> None:
        self.frames: list[Frame] = []
        self.bad: list[tuple[str, str | None]] = []
        self.refused: list[str] = []
        self.ignored: list[str] = []
        cuts, read = cutter(format_.frame, LONGEST), read or decoder(format_)
        for each in [*cuts.feed(stream), *cuts.silence(), *cuts.end()]:
            if not isinstance(each, Cut):
                self.refused.append(each.reason)
                continue
            try:
                one = read(each.payload, device)
            except FrameError as error:
                self.refused.append(error.reason)
                continue
            self.frames += one.frames
            self.bad += [(each.reason, each.metric) for each in one.bad]
            self.ignored += [one.ignored] if one.ignored and not one.frames else []

    @property
    def values(self) -> dict[str, Value]:
        """Of all frames together, as the first of them says it."""
        return {metric: value for frame in reversed(self.frames) for metric, value in frame.values.items()}


def data(*path: str) -> Path:
    """A file of the recordings; the test is skipped, visibly, where there are none."""
    found = DATA.joinpath(*path)
    if not found.exists():
        pytest.skip(f"no recording at {found}: set BAROGRAPH_TEST_DATA to a folder that has it")
    return found
