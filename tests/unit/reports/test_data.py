"""What all of a report's parts lean on: stretches of time, laid over each other."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from barograph.reports.data import common
from barograph.windows import Window

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def spans(edges):
    """Seconds after noon, from and to in turn."""
    moments = [NOON + timedelta(seconds=edge) for edge in sorted(edges)]
    return [Window(start, end) for start, end in zip(moments[::2], moments[1::2], strict=True)]


def test_what_lies_in_all_lists_is_found_whatever_they_look_like():
    dice = random.Random(3)
    for _ in range(200):
        lists = [spans(dice.sample(range(60), 2 * dice.randrange(8))) for _ in range(dice.randrange(1, 4))]

        found = common(lists)

        inside = {second for part in found for second in range(60) if NOON + timedelta(seconds=second) in part}
        assert inside == {
            second
            for second in range(60)
            if all(any(NOON + timedelta(seconds=second) in part for part in each) for each in lists)
        }
    assert common([]) == ()


def test_a_loose_wires_thousand_gaps_are_each_looked_at_once(monkeypatch):
    """Compared each with each, a day of two such metrics took minutes."""
    looked = []
    clipped = Window.clipped
    monkeypatch.setattr(Window, "clipped", lambda one, other: looked.append(1) or clipped(one, other))
    gaps = spans(range(20_000))

    assert common([gaps, gaps, gaps]) == tuple(gaps)
    assert len(looked) == 2 * len(gaps)
