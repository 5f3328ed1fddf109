"""Where one batch ends and the next begins changes no flag: what is near enough to matter is refined again."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.transforms.quality.drawn import NOON, a_record, places, reasons, series

from barograph.archive import DUPLICATE_REACH
from barograph.registry import Device, Point
from barograph.testing import a_site
from barograph.transforms import cleaning
from barograph.transforms.places import Places
from barograph.windows import EPOCH, Window, merged

DAY = Window(NOON, NOON + timedelta(hours=12))
WHERE = Places.of_sites(
    [
        a_site(
            Device(
                device="a", zone="z", cadence=60,
                points={
                    "temperature": Point.model_validate({
                        "spike": {"readings": 3}, "neighbours": {"difference": 3, "seconds": 120, "least": 1},
                        "calibration": [{"since": (NOON + timedelta(hours=5)).isoformat(), "gain": 1.1, "offset": -2}],
                        "flat": {"seconds": 1800, "tolerance": 0.1}, "gap": 600, "warm_up": 300,
                    }),
                },
            ),
            Device(device="b", zone="z", cadence=60), Device(device="c", zone="other", cadence=60),
        )
    ],
    None, 10.0,
)  # fmt: skip


def a_bad_day(seed):
    """Three devices with all that a test could see: spikes, steps, a stuck hour, gaps, boots, copies, collisions."""
    dice = np.random.default_rng(seed)
    rows = []
    for device in ("a", "b", "c"):
        value, boot, since = 4.0, 0, 0
        at = NOON + timedelta(seconds=float(dice.integers(0, 60)))
        while at < DAY.end:
            value += dice.normal(0, 0.05)
            said = round(value + 12 * (dice.random() < 0.02) + 600 * (dice.random() < 0.005), 2)
            stuck = at - NOON > timedelta(hours=8) and at - NOON < timedelta(hours=9)
            row = {
                "device": device, "time": at, "value": 5.55 if stuck else said, "boot": str(boot), "seq": since,
                "skew": 3.0 if dice.random() < 0.01 else None,
            }  # fmt: skip
            rows.append(row)
            if dice.random() < 0.02:
                rows.append({**row, "value": said if dice.random() < 0.5 else said + 1, "copy": True,
                             "time": at + timedelta(seconds=float(dice.integers(0, 50)))})  # fmt: skip
            if dice.random() < 0.01:
                rows.append({**row, "seq": since + 100_000, "value": said + 0.1})
            if dice.random() < 0.01:
                value += dice.choice([-5, 5])
            at += timedelta(seconds=60) + timedelta(minutes=float(dice.integers(5, 90))) * bool(dice.random() < 0.01)
            since += 1
            if dice.random() < 0.01:
                boot, since = boot + 1, 0
    return [{name: fact for name, fact in row.items() if name != "copy"} for row in rows]


def flags_of(table):
    keys = zip(*(table[name].to_pylist() for name in ("device", "metric", "time")), strict=True)
    facts = zip(*(table[name].to_pylist() for name in ("value", "raw", "flag", "reasons")), strict=True)
    return dict(zip(keys, facts, strict=True))


def between(table, window):
    times = table["time"].cast(pa.int64()).to_numpy()
    low, high = ((edge - EPOCH) // timedelta(microseconds=1) for edge in (window.start, window.end))
    return table.filter(pa.array((times >= low) & (times < high)))


def told(record, where):
    """As `ingest` does it: batch by batch, each refines what it touched and what that may have changed."""
    known, found = record.slice(0, 0), {}
    for number in sorted(set(record["batch"].to_pylist())):
        batch = record.filter(pa.array(np.array(record["batch"]) == number))
        known = pa.concat_tables([known, batch])
        touched = merged(Window(time, time + timedelta(microseconds=1)) for time in batch["time"].to_pylist())
        for window in merged(map(where.reach.changed_by, touched)):
            near = between(known, where.reach.read_for(window).widened(timedelta(minutes=1), timedelta(minutes=1)))
            found |= flags_of(between(cleaning.judged(near, where), window))
    return found


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.integers(1, 12), late=st.floats(0, 1))
def test_a_day_in_batches_has_the_flags_of_the_whole_day(seed, cuts, late):
    """Split at random points, in random orders, some readings hours late: what is known in the end is the same."""
    dice = np.random.default_rng(seed)
    rows = a_bad_day(seed)
    edges = np.sort(dice.integers(0, 12 * 3600, cuts))
    number = dice.permutation(cuts + 1)[[np.searchsorted(edges, (row["time"] - NOON).total_seconds()) for row in rows]]
    number = np.where(dice.random(len(rows)) < late * 0.3, dice.integers(0, cuts + 1, len(rows)), number)
    record = a_record([{**row, "batch": int(number[n]), "offset": n} for n, row in enumerate(rows)])

    expected = flags_of(cleaning.judged(record, WHERE))

    assert expected == told(record, WHERE)


def test_the_day_that_is_split_has_a_bit_of_everything():
    """Else the promise above would promise little."""
    found = cleaning.judged(a_record(a_bad_day(1)), WHERE)

    assert {
        "out_of_range", "spike", "too_fast", "stuck", "warming_up", "other_copy", "same_time", "unlike_neighbours",
        "after_gap", "clock_off",
    } <= set(reasons(found))  # fmt: skip


def test_the_last_reading_of_a_batch_is_a_spike_once_the_next_batch_says_so():
    """Where nothing else speaks against it, it is as good as any until then: an alarm does not wait."""
    calm = places(point={"rate": False})
    rows = series("4.0 4.1 14.5")
    record = a_record([*rows, {**series("4.0 " * 4)[3], "seq": 3, "batch": 2, "offset": 3}])

    first = told(record.filter(pc.equal(record["batch"], 1)), calm)
    both = told(record, calm)

    assert [[1, 1, 1], [1, 1, 4, 1]] == [[flag for _, _, flag, _ in found.values()] for found in (first, both)]


def test_default_tests_look_no_further_than_copies_are_looked_for():
    """So refining a minute reads no more of the record than finding its duplicates does."""
    assert DUPLICATE_REACH >= places().reach.back
    assert timedelta(minutes=3) >= places().reach.ahead


def test_longer_tests_look_further():
    far = places(point={"flat": {"seconds": 7200}})

    assert timedelta(hours=2.5) <= far.reach.back
