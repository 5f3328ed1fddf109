"""A day is read piece by piece, and what is held of it is numbers."""

import random
import tracemalloc
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from barograph.registry import UNREGISTERED, Device, Point
from barograph.reports.growing import parts
from barograph.testing import a_curve, a_site, readings, readings_table
from barograph.windows import Window

DAY = date(2026, 6, 17)
WINDOW = Window.local_day(DAY, "Europe/Berlin")
SITE = a_site(
    *(Device(device=f"fridge-{place}", zone="cold", points={"temperature": Point()}) for place in range(1, 9))
)


@pytest.fixture(scope="module")
def table():
    rows = [
        row
        for device in SITE.devices
        for metric in ("temperature", "door")
        for row in readings(device.device, metric, WINDOW, a_curve(4), 120)
    ]
    return readings_table(SITE, DAY, rows)


def cut(table, size, dictionaries=False):
    """As a scan hands them over: whichever comes first, names as they are or as dictionaries."""
    if dictionaries:
        for place, name in enumerate(table.column_names):
            if name in ("device", "zone", "metric"):
                table = table.set_column(place, name, table[name].dictionary_encode())
    pieces = [table.slice(start, size) for start in range(0, len(table), size)]
    random.Random(1).shuffle(pieces)
    return pieces


def numbers(found):
    return [(part.device, part.metric, part.zones, part.times.tolist(), part.values.tolist()) for part in found]


@pytest.mark.parametrize(("size", "dictionaries"), [(97, False), (97, True), (5_000, True)])
def test_pieces_in_any_order_are_the_same_day(table, size, dictionaries):
    whole = numbers(parts([table]))

    assert whole == numbers(parts(cut(table, size, dictionaries)))
    assert sorted(whole) == whole
    assert all(np.diff(times).min() > 0 for *_, times, _ in whole)


def test_a_device_without_a_zone_is_nowhere_and_one_that_moves_is_in_both(table):
    few = table.slice(0, 4)
    zones = pa.array([None, "cold", "cold", None], pa.string())
    few = few.set_column(few.column_names.index("zone"), "zone", zones)

    (part,) = parts(cut(few, 1, dictionaries=True))

    assert [UNREGISTERED, "cold", UNREGISTERED] == [zone for _, zone in part.zones]


def test_memory_is_that_of_the_numbers(table):
    """Names would be most of it: 17 bytes a reading, and as much again while it is read."""
    pieces = cut(table, 1_000, dictionaries=True)
    list(parts(pieces[:1]))
    tracemalloc.start()
    try:
        held = list(parts(pieces))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    kept = sum(part.times.nbytes + part.values.nbytes + part.flags.nbytes for part in held)
    assert 17 * len(table) == kept
    assert most < 3 * kept
