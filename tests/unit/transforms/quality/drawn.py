"""Series as people draw them become rows of the record, and their flags a drawing again.

said    4.0 4.1  24  4.0  -  _  4.2      one reading each cadence; - no value, _ no reading
flags    .   .   F    .   m      .       . good  ? unknown  s suspect  F fail  m missing
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from barograph.registry import Device, Point
from barograph.testing import a_site
from barograph.transforms import cleaning
from barograph.transforms.places import Places

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARKS = {1: ".", 2: "?", 3: "s", 4: "F", 9: "m"}
TIME = pa.timestamp("us", tz="UTC")
TYPES = {
    "device": pa.string(), "metric": pa.string(), "time": TIME, "value": pa.float64(), "seq": pa.int64(),
    "boot": pa.string(), "port": pa.string(), "historical": pa.bool_(), "skew": pa.float64(), "published": TIME,
    "topic": pa.string(),
    "batch": pa.int64(), "partition": pa.int32(), "offset": pa.int64(), "frame": pa.int32(),
}  # fmt: skip


def a_record(rows):
    """Rows of the record; what is not said is that of a device `d` with a temperature."""
    known = {"device": "d", "metric": "temperature", "boot": "b", "historical": False, "topic": "readings"}
    whole = [
        {**known, "seq": n, "batch": 1, "partition": 0, "offset": n, "frame": 0, "published": row["time"], **row}
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return pa.table({name: pa.array([row.get(name) for row in whole], kind) for name, kind in TYPES.items()})


def series(said, every=30, start=NOON, **facts):
    """The rows of a drawn series."""
    slots = said if isinstance(said, list) else said.split()
    return [
        {"time": start + timedelta(seconds=every * slot), "value": None if value == "-" else float(value), **facts}
        for slot, value in enumerate(slots)
        if value != "_"
    ]


def places(metric="temperature", every=30, point=None, devices=("d",), zone="z", **facts):
    """A site whose devices all have that one point."""
    points = {} if point is None else {metric: Point.model_validate(point)}
    known = (Device(device=name, zone=zone, cadence=every, points=points, **facts) for name in devices)
    return Places.of_sites([a_site(*known)], None, 10.0)


def judged(rows, where):
    """Refined readings of the first device, in the order of time."""
    table = cleaning.judged(a_record(rows), where)
    return table.sort_by([("device", "ascending"), ("metric", "ascending"), ("time", "ascending")])


def marks(table):
    return "".join(MARKS[flag] for flag in table["flag"].to_pylist())


def reasons(table):
    """Every reason that was given, once."""
    return sorted({reason for each in table["reasons"].to_pylist() for reason in each})


def shaken(rows, seed=1):
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows[n] for n in order]
