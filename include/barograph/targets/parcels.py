"""What targets are sent. Every name follows from the ledger and the record alone, so a repeat is known as one.

readings/000000000017-20261127T140000.000000Z                                     a stretch of what batch 17 changed
windows/000000000017/fridge-1/temperature/2026-11-27T14:00:00.000000Z             one window of it, by its start
windows/000000000017-settled-000000000003-20261126T230000.000000Z                 a stretch of a day, settled after it
alarms/000000000042                                                               the 42nd change of an alarm
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import pyarrow as pa

from barograph.destinations import What
from barograph.state.resettled import Resettled
from barograph.windows import Window, iso
from barograph.writing import plain

TIME = pa.timestamp("us", "UTC")
ALARMS = pa.schema(
    [
        ("change", pa.int64()),
        *((name, pa.string()) for name in ("site", "rule", "rule_version", "severity", "device", "metric")),
        ("limit", pa.float64()), ("value", pa.float64()),
        *((name, TIME) for name in ("started", "opened", "cleared")),
        ("state", pa.string()), ("historical", pa.bool_()), ("message", pa.string()),
    ]
)  # fmt: skip

AT_ONCE = 5_000
"""Rows that are Python's at a time: a window takes two kilobytes there."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """What one batch says, as the record was after it; or what a day says that was settled anew."""

    stretches: Sequence[Window]
    """Of event time, in order and without gaps: each is delivered on its own."""
    rows: Callable[[What, Window], pa.Table]
    """The readings with their time, or the windows with their start, in a stretch; by device, metric and time."""


@dataclass(frozen=True)
class Parcel:
    """What is sent at once, and counts as delivered at once."""

    what: What
    name: str
    origin: str | None
    """What its readings or windows follow from: in the order of these, the later one holds. None: alarms."""
    table: pa.Table

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each row as JSON has it, with its identity."""
        for piece in self.table.to_batches(max_chunksize=AT_ONCE):
            for row in piece.to_pylist():
                yield self._identity(row), {name: plain(fact) for name, fact in row.items()}

    def _identity(self, row: Row) -> str:
        if self.origin is None:
            return f"{self.what}/{row['change']:012d}"
        time = row["time" if self.what == "readings" else "start"]
        return f"{self.what}/{self.origin}/{row['device']}/{row['metric']}/{iso(time)}"


def of_batch(what: What, batch: int, stretch: Window, table: pa.Table) -> Parcel:
    return _of(f"{batch:012d}", what, stretch, table)


def of_day(what: What, day: Resettled, stretch: Window, table: pa.Table) -> Parcel:
    """It comes after all of its batch, and before all of the next: the order of the names says so too."""
    return _of(f"{day.batch:012d}-settled-{day.number:012d}", what, stretch, table)


def _of(origin: str, what: What, stretch: Window, table: pa.Table) -> Parcel:
    began = stretch.start.astimezone(UTC)
    return Parcel(what, f"{origin}-{began:%Y%m%dT%H%M%S.%fZ}", origin, table)


def of_alarms(after: int, changed: Sequence[Row]) -> Parcel:
    """Named by where it begins, for an alarm that changes once more moves to the end."""
    rows = [{name: row[name] for name in ALARMS.names} for row in changed]
    return Parcel("alarms", f"{after + 1:012d}", None, pa.Table.from_pylist(rows, ALARMS))


def as_json(fact: Any) -> bytes:
    return json.dumps(fact, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def remaining(stretches: Sequence[Window], until: datetime | None) -> list[Window]:
    """What of a batch is not delivered yet."""
    if until is None:
        return list(stretches)
    return [Window(max(each.start, until), each.end) for each in stretches if each.end > until]


class Sender(Protocol):
    """One open target. Used in a `with`."""

    def send(self, parcel: Parcel) -> None:
        """Returns when the target has all of it. Raises TargetError, TargetRefused."""

    def close(self) -> None: ...
