"""How far the judge goes back from batch to batch: as far as flags may have changed, and not to the beginning."""

from tests.unit.rules.told import SECOND, Chronicle, at, said, watches

from barograph.windows import microseconds

WARM = {"rule": "warm", "metric": "temperature", "above": 8, "hold": 60}
AHEAD = 90
"""Seconds before a reading whose flags are final only with it, as in `ingest`."""


def judged(batches, settled_before):
    """A reading every 10 s, a batch a minute; each may change flags of AHEAD before. Where each began to judge."""
    chronicle, began = Chronicle(watches(WARM)), []
    for minute in range(batches):
        chronicle.record += said(*[9.0] * 6, every=10, start=60 * minute)
        horizon = at(60 * minute + 60)
        source = ("fridge-1", "temperature", None)
        chronicle.fold({source: at(60 * minute - AHEAD)}, horizon, settled=horizon - settled_before * SECOND)
        began.append((horizon - max(chronicle.begins, 0)) / SECOND)
    return chronicle, began


def test_a_batch_judges_the_last_minutes_again_and_not_the_whole_history():
    """A day in, a batch must cost what it cost in the first hour."""
    _, began = judged(60, settled_before=60 + AHEAD)

    assert max(began[5:]) <= 60 + 60 + AHEAD + 10


def test_what_is_open_is_told_once_however_often_its_readings_are_judged_again():
    chronicle, _ = judged(60, settled_before=60 + AHEAD)

    assert [("opened", 60.0)] == [
        (told.transition, (microseconds(told.time) - at(0)) / SECOND) for told in chronicle.standing
    ]
    assert {} == chronicle.withdrawn
