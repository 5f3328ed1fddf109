"""What the judge hears: one reading, refined; and what it says: an event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from barograph.readings import GOOD
from barograph.rules.levels import Severity, Transition
from barograph.windows import EPOCH

Key = tuple[str, str, str]
"""(rule, device, metric): whose alarm it is. Of ports and collectors the device is `port:wall`, `collector:shop`."""

FRAMES = "frames"
"""The metric of alarms about silence: whatever a device sends."""


class Judged(NamedTuple):
    """A reading, as the judge hears it. In the order of its fields from `time` to `metric` they are folded."""

    time: int
    """Microseconds since 1970."""
    device: str
    metric: str
    value: float | None
    flag: int = GOOD
    historical: bool = False
    port: str | None = None
    boot: str | None = None

    @property
    def place(self) -> tuple[int, str, str]:
        return self.time, self.device, self.metric


class Event(NamedTuple):
    """A change in an alarm's life. (rule, device, metric, transition, time) is unique."""

    time: datetime
    rule: str
    device: str
    metric: str
    transition: Transition
    started: datetime
    value: float | None
    """The worst so far."""
    severity: Severity | None
    """From now on; of an alarm that cleared, what it was; None where nobody knows any more."""
    version: str
    """Of the rule in force."""
    limit: float | None
    """The limit that was crossed."""
    historical: bool = False
    details: dict[str, Any] = {}
    """Why, where a reading is not the reason; which devices are behind it."""

    @property
    def key(self) -> Key:
        return self.rule, self.device, self.metric


def moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
