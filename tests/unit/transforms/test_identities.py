"""Two sensors set to one id take turns; one that was moved or restarted does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from barograph.transforms.identities import NEEDED, shared

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
KINDS = {
    "time": TIME, "published": TIME, "partition": pa.int32(), "offset": pa.int64(), "frame": pa.int32(),
}  # fmt: skip


def heard(*frames: tuple[str, str | None, str | None, float], order: list[int] | None = None) -> pa.Table:
    """(device, port, boot, minutes after noon), in the order in which they came to Kafka."""
    rows = [
        {
            "device": device, "port": port, "boot": boot, "time": NOON + timedelta(minutes=minutes),
            "published": NOON + timedelta(minutes=60 + place), "partition": 0, "offset": place, "frame": 0,
        }
        for place, (device, port, boot, minutes) in enumerate(frames)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema([(name, KINDS.get(name, pa.string())) for name in NEEDED]))


def test_two_sensors_with_one_id_are_found_with_both_their_ports():
    turns = [("fridge", "dock" if n % 2 else "wall", "a", n / 2) for n in range(6)]

    [found] = shared(heard(*turns, ("freezer", "dock", "a", 1)))

    assert ("fridge", ("dock", "wall")) == (found.device, found.sources)
    assert (NOON, NOON + timedelta(minutes=2.5)) == (found.since, found.until)
    assert "dock and wall" in found.message


def test_two_collectors_that_read_one_port_name_are_told_apart_by_their_starts():
    turns = [("fridge", "wall", "a" if n % 2 else "b", n) for n in range(6)]

    [found] = shared(heard(*turns))

    assert ("wall (start a)", "wall (start b)") == found.sources


def test_a_sensor_that_was_moved_is_one_sensor():
    assert [] == shared(heard(*[("fridge", "wall" if n < 5 else "dock", "a", n) for n in range(10)]))


def test_moved_and_moved_back_is_one_sensor():
    assert [] == shared(heard(*[("fridge", "dock" if 3 <= n < 6 else "wall", "a", n) for n in range(10)]))


def test_a_collector_that_was_restarted_is_one_collector():
    assert [] == shared(heard(*[("fridge", "wall", "a" if n < 5 else "b", n) for n in range(10)]))


def test_a_clock_that_was_set_back_makes_no_second_sensor():
    """By their times the two starts mix; in Kafka they came one after the other."""
    before = [("fridge", "wall", "a", n) for n in range(6)]
    after = [("fridge", "wall", "b", n + 0.5) for n in range(2, 8)]

    assert [] == shared(heard(*before, *after))


def test_a_spool_that_was_emptied_late_makes_no_second_sensor():
    """In Kafka old and new come in turn; by their times they do not."""
    mixed = [frame for n in range(6) for frame in (("fridge", "wall", "a", n), ("fridge", "wall", "b", 20 + n))]

    assert [] == shared(heard(*mixed))


def test_producers_that_name_neither_port_nor_start_cannot_be_told_apart():
    assert [] == shared(heard(*[("fridge", None, None, n) for n in range(6)]))
    assert [] == shared(heard())
