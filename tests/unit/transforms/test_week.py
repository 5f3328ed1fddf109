"""A week that comes in pieces, late, twice and in no order ends as if it had come at once.

A small river on Arrow, with the functions that the real one calls: every batch refines what it touched and overwrites
the windows that reach it, and every night settles the day, and again each day that got late readings. At the end every
window and every rollup is compared with plain sums over the sorted truth (plain.py, which says how near is equal).
"""

import random
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
from tests.unit.transforms import plain
from tests.unit.transforms.tables import RECORD

from barograph.readings import FAIL, GOOD, MISSING
from barograph.registry import Device, Point
from barograph.testing import a_site
from barograph.transforms import cleaning
from barograph.transforms.places import Places
from barograph.transforms.summing import SHIPPED
from barograph.transforms.windowing import rollups_of, windows_of
from barograph.windows import Window, merged, microseconds

ZONE = "Europe/Berlin"
WEEK = Window(Window.local_day(date(2026, 3, 24), ZONE).start, Window.local_day(date(2026, 3, 30), ZONE).end)
"""Its sixth day has 23 hours."""

TICK = timedelta(microseconds=1)
BEFORE, SLOWEST = timedelta(0), timedelta(minutes=5)
REACH = timedelta(hours=1)
POINT = {"level": Point(valid_min=-50, valid_max=50)}
SITE = a_site(
    *(Device(device=name, zone="wall", cadence=cadence, points=POINT)
      for name, cadence in (("fast", 1), ("middle", 20), ("slow", 300)))
)  # fmt: skip
PLACES = Places.of_sites([SITE], None, 10.0)


def the_truth(dice):
    """Readings by device: an hour by the second, six hours every 20 s, the week every 5 minutes; with holes."""
    start = WEEK.start + timedelta(days=5, hours=1)  # into the short day's missing hour
    spans = {
        "fast": Window(start, start + timedelta(hours=1)),
        "middle": Window(start - timedelta(hours=4), start + timedelta(hours=2)),
        "slow": WEEK,
    }
    truth = {}
    for device, span in spans.items():
        cadence = timedelta(seconds=SITE.device(device).cadence)
        times = {
            span.start + n * cadence + dice.random() * cadence * 0.9
            for n in range(span.length // cadence) if dice.random() < 0.9
        }  # fmt: skip
        truth[device] = [(time, a_value(dice)) for time in sorted(times)]
    return truth


def a_value(dice):
    if (chance := dice.random()) < 0.03:
        return None
    return 99.0 if chance < 0.06 else round(dice.gauss(4, 3), 2)


def arrivals(dice, truth):
    """Every reading once or more, up to 24 hours late, as (when it comes, device, seq, time, value)."""
    for device, readings in truth.items():
        for seq, (time, value) in enumerate(readings):
            for _ in range(1 + (dice.random() < 0.1)):
                late = dice.random() ** 8 * timedelta(hours=24)
                yield time + late, device, seq, time, value


def batches(dice, truth, number):
    """The record's rows in `number` batches of any size, each in no order."""
    came = sorted(arrivals(dice, truth))
    cuts = [0, *sorted(dice.sample(range(1, len(came)), number - 1)), len(came)]
    for batch, (first, last) in enumerate(pairwise(cuts)):
        part = came[first:last]
        horizon = part[-1][0]
        dice.shuffle(part)
        rows = [
            {"device": device, "metric": "level", "time": time, "value": value, "seq": seq, "boot": "b",
             "historical": False, "published": horizon, "batch": batch, "topic": "readings", "partition": 0,
             "offset": place, "frame": 0}
            for place, (_, device, seq, time, value) in enumerate(part)
        ]  # fmt: skip
        yield horizon, pa.Table.from_pylist(rows, RECORD)


def inside(table, windows, starts="time", ends="time"):
    """As archive.inside: a row's time lies in one of the windows, or its stretch of time touches one."""
    first, last = (table[name].cast(pa.int64()).to_numpy() for name in (starts, ends))
    held = np.zeros(len(table), bool)
    for window in windows:
        start, end = microseconds(window.start), microseconds(window.end)
        held |= (first < end) & (last >= start if starts == ends else last > start)
    return table.filter(pa.array(held))


def refined(record, windows):
    """As ingest.refine.refined: readings of these windows, judged with all around that may be a copy of one."""
    near = inside(record, merged(window.widened(REACH, REACH) for window in windows))
    return inside(cleaning.judged(near, PLACES).combine_chunks(), windows)


def touched_by(batch):
    """As ingest.drain: the stretches of event time in which a batch has readings."""
    return merged((Window(time, time + TICK) for time in batch["time"].to_pylist()), gap=timedelta(minutes=10))


class SmallRiver:
    def __init__(self):
        self.record = RECORD.empty_table()
        self.live = {}
        self.settled = {}

    def ingest(self, batch):
        self.record = pa.concat_tables([self.record, batch]).combine_chunks()
        reach, touched = timedelta(seconds=PLACES.longest_window), touched_by(batch)
        near = refined(self.record, merged(part.widened(reach, reach) for part in touched))
        reached = inside(windows_of(near, PLACES.summing), touched, "start", "end")
        self.live |= {(row["device"], row["end"]): row for row in reached.to_pylist()}

    def settle(self, day):
        window = Window.local_day(day, ZONE)
        ours = refined(self.record, [window.widened(timedelta(seconds=PLACES.longest_window))])
        found = windows_of(ours, PLACES.summing)
        ends_here = pa.array([window.start < end <= window.end for end in found["end"].to_pylist()])
        readings = inside(ours, [window])
        self.settled[day] = (
            found.filter(ends_here).to_pylist(),
            rollups_of(readings, ZONE, PLACES.summing).to_pylist(),
        )


def flagged(readings):
    return [(time, value, MISSING if value is None else GOOD if abs(value) <= 50 else FAIL) for time, value in readings]


def expected(truth):
    """Windows by (device, end), rollups by (device, period, start)."""
    windows, rollups = {}, {}
    for device, readings in truth.items():
        times, readings = [time for time, _ in readings], flagged(readings)
        cadence = SITE.device(device).cadence
        shape = {"fast": (60, 5), "middle": (60, 20), "slow": (300, 300)}[device]
        for bounds, places in plain.sliding(times, *shape).items():
            windows[device, bounds[1]] = plain.summary([readings[at] for at in places], *bounds, cadence)
        for period in ("hour", "day") if device == "slow" else ("minute", "hour", "day"):
            for bounds, places in plain.rolled(times, period, ZONE).items():
                rows = [readings[at] for at in places]
                rollups[device, period, bounds[0]] = plain.summary(rows, *bounds, cadence, percentiles=True)
    return windows, rollups


def differences(found, right):
    assert right.keys() == found.keys()
    return {key: wrong for key in right if (wrong := plain.different(found[key], right[key]))}


def test_a_week_in_random_pieces_is_the_week_at_once():
    """200 batches in 23 and 24 hours' days, a tenth of the readings twice, delays of up to a day."""
    dice = random.Random(1)
    truth = the_truth(dice)
    windows, rollups = expected(truth)
    river, nights = SmallRiver(), Counter()

    stale = set()
    for horizon, batch in batches(dice, truth, 200):
        river.ingest(batch)
        stale |= {day for part in touched_by(batch) for day in part.widened(BEFORE, SLOWEST).local_days(ZONE)}
        over = {day for day in stale if Window.local_day(day, ZONE).end <= horizon}
        if over - nights.keys() or horizon.hour == 3:
            nights.update(over)
            stale -= over
            for day in over:
                river.settle(day)
    for day in stale:
        river.settle(day)

    assert max(nights.values()) > 1
    assert {} == differences(river.live, windows)
    by_day = {(row["device"], row["end"]): row for rows, _ in river.settled.values() for row in rows}
    assert river.live == by_day
    found = [row for _, rows in river.settled.values() for row in rows]
    assert len(found) == len(rollups)
    assert {} == differences({(row["device"], row["period"], row["start"]): row for row in found}, rollups)


def test_a_history_at_once_has_the_rollups_of_its_days():
    """Backfill hands over years in one table; the nightly settle one day at a time."""
    truth = the_truth(random.Random(5))
    river = SmallRiver()
    for _, batch in batches(random.Random(5), truth, 2):
        river.record = pa.concat_tables([river.record, batch])
    for day in WEEK.local_days(ZONE):
        river.settle(day)

    at_once = rollups_of(refined(river.record, [WEEK]), ZONE, SHIPPED).to_pylist()

    key = ("period", "device", "start")
    by_day = [row for _, rows in river.settled.values() for row in rows]
    assert sorted(at_once, key=lambda row: [row[name] for name in key]) == sorted(
        by_day, key=lambda row: [row[name] for name in key]
    )
