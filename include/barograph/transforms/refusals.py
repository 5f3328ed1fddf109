"""What became of rejects: rows of record/rejects are never changed, a replay adds what it found out.

batch  stage    reason        topic    offset
12     collect  no_fields     rejects  41        refused
90     replay   bad_checksum  rejects  41        decoded again, and still refused, now for this
95     replay   replayed      rejects  41        decoded; it stands in record/readings
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

PLACE = ("topic", "partition", "offset", "frame", "metric")
"""Identifies a reject, and the rows that say what became of it."""
NEEDED = (*PLACE, "batch", "stage", "reason")

REPLAY = "replay"
REPLAYED = "replayed"

Key = tuple[Any, ...]


def outstanding(rows: pa.Table) -> pa.Table:
    """The rejects among these rows that no replay has brought in: each is one thing that is missing."""
    notes = pc.equal(rows["stage"], REPLAY)
    if not pc.any(notes).as_py():
        return rows
    brought_in = rows.filter(pc.and_(notes, pc.equal(rows["reason"], REPLAYED)))
    gone = set(_keys(brought_in))
    own = rows.filter(pc.invert(pc.fill_null(notes, False)))
    return own.filter(pa.array([key not in gone for key in _keys(own)], pa.bool_()))


def histories(rows: Iterable[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Each reject with what replays noted about it, oldest first."""
    notes: dict[Key, list[Mapping[str, Any]]] = {}
    rejects: list[Mapping[str, Any]] = []
    for row in sorted(rows, key=lambda row: row["batch"]):
        if row["stage"] == REPLAY:
            notes.setdefault(key_of(row), []).append(row)
        else:
            rejects.append(row)
    return [(row, notes.get(key_of(row), [])) for row in rejects]


def key_of(row: Mapping[str, Any]) -> Key:
    return tuple(row[name] for name in PLACE)


def _keys(rows: pa.Table) -> Iterable[Key]:
    return zip(*(rows[name].to_pylist() for name in PLACE), strict=True)
