"""Rows are sorted by many columns as one number, and frames are told apart by it."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.transforms.quality.drawn import a_record, series

from barograph.transforms import cleaning
from barograph.transforms.originals import in_order, packed

LARGEST = 2**63 - 1
NUMBERS = st.one_of(st.integers(-3, 3), st.integers(-LARGEST - 1, LARGEST))


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=12))
def test_packed_columns_sort_rows_as_the_columns_do(rows):
    """A device may count its frames from anywhere: the largest numbers there are do not overflow."""
    keys = [np.array([row[place] for row in rows], np.int64) for place in range(4)]

    found = packed(*keys)

    assert sorted(range(len(rows)), key=rows.__getitem__) == in_order(*found).tolist()
    assert len(set(rows)) == len(set(zip(*(key.tolist() for key in found), strict=True)))


def test_every_device_keeps_its_own_first_copies(spark):
    """Two devices of the same boot and numbers have nothing to do with each other."""
    rows = [{**row, "seq": slot} for device in "ab" for slot, row in enumerate(series("4.0 5.0", device=device))]
    copies = [{**row, "batch": 2, "value": 9.0} for row in rows[:3]]
    came = random.Random(1).sample([*rows, *copies], 7)

    found = spark.createDataFrame(a_record(came)).transform(cleaning.once).orderBy("device", "time").collect()

    assert [("a", 4.0, 2), ("a", 5.0, 2), ("b", 4.0, 2), ("b", 5.0, 1)] == [
        (row.device, row.value, row.came) for row in found
    ]
