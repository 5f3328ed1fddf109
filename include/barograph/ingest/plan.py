"""Which offsets a batch reads: a pure comparison of what the ledger has planned with what Kafka still holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from barograph.kafka import PartitionOffsets
from barograph.state.ledger import Slice

Gap = dict[str, Any]
"""{topic, partition, start, end, why}: offsets that were never read and no longer can be."""

GONE = "gone before it was read"


def plan(
    found: Sequence[PartitionOffsets], positions: Mapping[tuple[str, int], tuple[str, int]], max_messages: int
) -> tuple[list[Slice], list[Gap]]:
    """Continue each partition where the ledger stands, up to `max_messages` in all; say what is gone.

    `positions`: (topic, partition) -> (topic id, first offset not yet planned).
    """
    slices, gaps = [], []
    for log in found:
        start, gap = _start(log, positions.get((log.topic, log.partition)))
        gaps += [gap] if gap else []
        slices.append(Slice(log.topic, log.topic_id, log.partition, start, max(start, log.end)))
    return _limited(slices, max_messages), gaps


def still_there(planned: Iterable[Slice], found: Sequence[PartitionOffsets]) -> tuple[list[Slice], list[Gap]]:
    """Cut a plan that was not read yet down to what Kafka still holds; the rest is gaps."""
    logs = {(log.topic, log.partition): log for log in found}
    slices, gaps = [], []
    for part in planned:
        log = logs.get((part.topic, part.partition))
        if log is None or log.topic_id != part.topic_id:
            kept = replace(part, end=part.start)
        else:
            start = min(max(part.start, log.beginning), part.end)
            kept = replace(part, start=start, end=max(start, min(part.end, log.end)))
        slices.append(kept)
        for start, end in ((part.start, kept.start), (kept.end, part.end)):
            if start < end:
                gaps.append(_gap(part.topic, part.partition, start, end, GONE))
    return slices, gaps


def _start(log: PartitionOffsets, position: tuple[str, int] | None) -> tuple[int, Gap | None]:
    if position is None:
        return log.beginning, None
    topic_id, planned = position
    if topic_id != log.topic_id:
        return log.beginning, _gap(log.topic, log.partition, planned, planned, "the topic was made anew")
    if planned < log.beginning:
        return log.beginning, _gap(log.topic, log.partition, planned, log.beginning, "older than Kafka's retention")
    if planned > log.end:
        return log.end, _gap(log.topic, log.partition, log.end, planned, "the log is shorter than what was read")
    return planned, None


def _gap(topic: str, partition: int, start: int, end: int, why: str) -> Gap:
    return {"topic": topic, "partition": partition, "start": start, "end": end, "why": why}


def _limited(slices: list[Slice], most: int) -> list[Slice]:
    """Share out `most` messages: short backlogs whole, long ones evenly."""
    shares: dict[int, int] = {}
    left = most
    for place, part in sorted(enumerate(slices), key=lambda item: item[1].messages):
        share = min(part.messages, left // (len(slices) - len(shares)))
        shares[place] = share
        left -= share
    return [replace(part, end=part.start + shares[place]) for place, part in enumerate(slices)]
