"""What comes of a payload: frames, and what was refused in it while the rest went on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from barograph.errors import FrameError
from barograph.readings import Frame

METRIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:\-]{0,99}")
LONGEST_NAME = 100
MOST_VALUES = 1000
"""Values of one frame; no board has as many, and a line of millions must not become as many readings."""
MOST_BAD = 32
"""Refused values that are told one by one. Each is a reject with the whole line in it."""

ABSENT: Any = object()
"""Not measured; None is measured badly."""


@dataclass(frozen=True)
class Bad:
    """A part of a payload that was refused while the rest went on: one value, or one frame of several (no metric)."""

    reason: str
    device: str | None = None
    metric: str | None = None
    detail: str = ""


@dataclass
class Decoded:
    frames: list[Frame] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    ignored: str = ""
    """Why a payload has neither: what it is, if it is no measurement."""

    def refuse(self, error: FrameError, device: str | None, metric: str | None = None) -> None:
        """Note what was refused. Whoever sends thousands of bad values is told about some."""
        if len(self.bad) < MOST_BAD:
            shown = None if metric is None else metric[:LONGEST_NAME]
            self.bad.append(Bad(error.reason, device=device, metric=shown, detail=error.detail))


@dataclass(frozen=True)
class Around:
    """What is known before a payload is read: the port's device, and fields of the text around it."""

    device: str | None = None
    parts: Mapping[str, object] = field(default_factory=dict)


Record = Mapping[str, Any]
"""What a payload says, by the names of its fields, as it was sent."""
Reader = Callable[[bytes, Around, Decoded], None]
"""Reads a payload into what is decoded so far. Raises FrameError."""
Build = Callable[[Record, Around, str | None, Decoded], None]
"""Makes a frame of a record; the text is its raw form. Raises FrameError."""
Get = Callable[[Any, str], Any]
"""A field of a record by its name, None if it has none."""


def of(record: Record, name: str) -> Any:
    return record.get(name)
