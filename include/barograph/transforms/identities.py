"""Two sensors that were set to one id: their frames come in turn, from two ports or two collectors.

time      12:00  12:01  12:02  12:03  12:04          one sensor that was moved, or a collector that was restarted,
fridge    dock   wall   dock   wall   dock           changes once; two sensors return again and again
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

NEEDED = ("device", "port", "boot", "time", "published", "partition", "offset", "frame")

RETURNS = 2
"""So often somebody speaks again after another one did, until it is no coincidence."""


@dataclass(frozen=True)
class SharedId:
    device: str
    sources: tuple[str, ...]
    """The ports; with the collector's start where one port is read twice."""
    since: datetime
    until: datetime

    @property
    def message(self) -> str:
        return (
            f"{self.device} speaks from {' and '.join(self.sources)} in turn: two sensors have one id. "
            "Give one of them another id; their readings cannot be told apart since."
        )


def shared(readings: pa.Table) -> list[SharedId]:
    """Devices of these rows (NEEDED) that several sensors claim to be, by name.

    They come in turn both by their times and in Kafka: a clock that was set back mixes only the first, and a spool that
    is emptied late only the second.
    """
    known = readings.filter(pc.or_(pc.is_valid(readings["port"]), pc.is_valid(readings["boot"])))
    sources = (
        known.group_by(["device", "port", "boot"]).aggregate([]).group_by(["device"]).aggregate([([], "count_all")])
    )
    several = sources.filter(pc.greater(sources["count_all"], 1))["device"]
    found = [_judged(device, known.filter(pc.equal(known["device"], device))) for device in several.to_pylist()]
    return sorted((each for each in found if each), key=lambda each: each.device)


def _judged(device: str, rows: pa.Table) -> SharedId | None:
    names = list(zip(rows["port"].to_pylist(), rows["boot"].to_pylist(), strict=True))
    codes = np.unique([str(name) for name in names], return_inverse=True)[1]
    times = rows["time"].cast(pa.int64()).to_numpy()
    in_kafka = [rows[name].cast(pa.int64()).fill_null(0).to_numpy() for name in ("frame", "offset", "published")]
    if min(_returns(codes[np.lexsort((codes, times))]), _returns(codes[np.lexsort((codes, *in_kafka))])) < RETURNS:
        return None
    ports = {port for port, _ in names}
    said = {str(port) if len(ports) > 1 else f"{port or 'no port'} (start {boot})" for port, boot in names}
    return SharedId(device, tuple(sorted(said)), pc.min(rows["time"]).as_py(), pc.max(rows["time"]).as_py())


def _returns(codes: NDArray[Any]) -> int:
    """How often one speaks again after another one did."""
    return int(np.count_nonzero(codes[1:] != codes[:-1])) - (len(np.unique(codes)) - 1)
