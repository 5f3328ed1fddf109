"""Labelled anomalies of a real recording, with the default settings and no knowledge of the file.

Four files of two motes each, indoors and outdoors, every 5 s (UNC Greensboro, 2010): steam of a kettle was led to one
mote of each pair. Labels last until the air was as before; what the tests see is the way up and the way down, and the
time after them in which a sensor is not trusted. Bounds are below what was found, for other files of the family.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.unit.transforms.quality.drawn import NOON, a_record, places, series

from barograph.readings import GOOD
from barograph.transforms import cleaning

FOLDER = Path(os.environ.get("BAROGRAPH_TEST_DATA", "../shared/data")) / "histories" / "labelled_wsn"
FILES = sorted(FOLDER.glob("*.txt"))
EVERY = 5
SETTLED = 180 // EVERY
"""Readings after too fast a change until a sensor is trusted again."""


def read(path):
    """Reading, mote, humidity, temperature, label, whatever stands around them."""
    rows = [line.split() for line in path.read_text(encoding="latin-1").splitlines()]
    numbers = np.array([[float(cell) for cell in row] for row in rows if len(row) == 5 and row[0].isdigit()])
    return {"humidity": numbers[:, 2], "temperature": numbers[:, 3]}, numbers[:, 4] == 1


def flagged(path):
    """Per reading whether temperature or humidity is not good, and the labels."""
    values, labels = read(path)
    rows = [row for metric in values for row in series(values[metric].tolist(), EVERY, NOON, metric=metric)]
    found = cleaning.judged(a_record(rows), places(every=EVERY))
    wrong = np.zeros(len(labels), bool)
    for metric in values:
        mine = np.array(found["metric"].to_pylist()) == metric
        wrong |= np.array(found["flag"])[mine] != GOOD
    return wrong, labels


def test_there_are_recordings():
    if not FILES:
        pytest.skip(f"no recordings in {FOLDER}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_labelled_anomalies_are_flagged_with_default_settings(path, record_property):
    """Each labelled stretch is found, more than half of it, and nothing else but what comes right after it."""
    wrong, labels = flagged(path)

    hits = int((wrong & labels).sum())
    edges = np.flatnonzero(np.diff(np.concatenate(([0], labels.astype(int), [0]))))
    stretches = list(zip(edges[::2], edges[1::2], strict=True))
    record_property("flagged and labelled", f"{wrong.sum()} {labels.sum()}")
    precision, recall = hits / max(1, wrong.sum()), hits / max(1, labels.sum())
    assert all(wrong[first:last].any() for first, last in stretches)
    around = np.convolve(labels, np.ones(2 * SETTLED + 1), "same") > 0
    assert (wrong & ~around).sum() <= 0.002 * len(labels)
    if stretches:
        assert precision >= 0.5
        assert recall >= 0.5
