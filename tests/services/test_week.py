"""The real river agrees with plain sums: a week that came in pieces, late and twice, in the archive and in InfluxDB.

What is equal is said in tests/unit/transforms/plain.py, and attacked with many more batches in its test_week.py.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from tests.services.river import NOW, River, opened
from tests.unit.transforms import plain

from barograph.registry import choose_site
from barograph.settle import settle
from barograph.windows import EPOCH, Window

ZONE = "Asia/Kolkata"
"""Its hours begin at half past those of UTC."""

SITE = """\
site: {name}
name: A shop far away
timezone: Asia/Kolkata
devices:
  - {{device: {name}-slow, zone: wall, cadence: 600, points: {{level: {{valid_min: -50, valid_max: 50}}}}}}
  - {{device: {name}-fast, zone: room, cadence: 1}}
"""

TODAY = NOW.astimezone(plain.ZoneInfo(ZONE)).date()
DAYS = [TODAY - timedelta(days=n) for n in range(7, 0, -1)]
SETTLED = [DAYS[-2], DAYS[-1]]
"""Each takes seconds; test_week.py of the unit tests settles all of them."""

SHAPES = {"slow": (600, 600), "fast": (60, 5)}


@pytest.fixture
def river(services):
    with opened(services.settings) as own:
        (own.settings.sites_folder / own.name / "site.yaml").write_text(SITE.format(name=own.name))
        yield own


def the_truth(dice):
    """By device (time, value), a week every ten minutes and an hour of yesterday by the second, with holes."""
    week = Window(Window.local_day(DAYS[0], ZONE).start, NOW)
    yesterday = Window.local_day(DAYS[-1], ZONE).start
    at = {
        "slow": [
            week.start + timedelta(seconds=600 * n + dice.randrange(500))
            for n in range(week.length // timedelta(minutes=10))
        ],
        "fast": [
            yesterday - timedelta(minutes=20) + timedelta(seconds=n, milliseconds=7 * (n % 100)) for n in range(3600)
        ],
    }
    return {
        device: [(time, a_value(dice, device)) for time in sorted(times) if time < NOW and dice.random() < 0.9]
        for device, times in at.items()
    }


def a_value(dice, device):
    if device == "slow" and (chance := dice.random()) < 0.05:
        return None if chance < 0.02 else 99.0
    return round(dice.gauss(4, 2), 2)


def pieces(dice, river, truth):
    """Three batches of messages: most readings, then what came late, then late ones and many a second time."""
    batches = [[], [], []]
    for device, readings in truth.items():
        frames = [
            {
                "device": f"{river.name}-{device}",
                "boot": "b",
                "seq": seq,
                "time": time.isoformat(),
                "values": {"level": value},
            }
            for seq, (time, value) in enumerate(readings)
        ]
        late = [dice.random() < 0.15 for _ in frames]
        first = [frame for frame, is_late in zip(frames, late, strict=True) if not is_late]
        rest = [frame for frame, is_late in zip(frames, late, strict=True) if is_late]
        dice.shuffle(rest)
        again = dice.sample(first, len(first) // 10)
        for place, part in enumerate((first, rest[::2], [*rest[1::2], *again])):
            dice.shuffle(part)
            batches[place] += [part[n : n + 400] for n in range(0, len(part), 400)]
    return batches


def expected(river, truth):
    windows, rollups = {}, {}
    for device, readings in truth.items():
        name, cadence = f"{river.name}-{device}", SHAPES[device][0] if device == "slow" else 1
        times = [time for time, _ in readings]
        rows = [(time, value, 9 if value is None else 4 if abs(value) > 50 else 1) for time, value in readings]
        for bounds, places in plain.sliding(times, *SHAPES[device]).items():
            windows[name, bounds[1]] = plain.summary([rows[at] for at in places], *bounds, cadence)
        for period in ("hour", "day") if device == "slow" else ("minute", "hour", "day"):
            for bounds, places in plain.rolled(times, period, ZONE).items():
                facts = plain.summary([rows[at] for at in places], *bounds, cadence, percentiles=True)
                rollups[name, period, bounds[0]] = facts
    return windows, rollups


def differences(found, right, but=()):
    assert right.keys() == found.keys()
    told = {key: {name: fact for name, fact in facts.items() if name not in but} for key, facts in right.items()}
    return {key: wrong for key in told if (wrong := plain.different(found[key], told[key]))}


def derived(river: River, table: str):
    return [row for day in SETTLED for row in river.archive.derived(table, river.name, day).to_pylist()]


def moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def test_a_week_in_pieces_is_the_week_at_once(river):
    """Yesterday was settled before its late readings came; all that people see is right when the last one is in."""
    dice = random.Random(11)
    truth = the_truth(dice)
    site = choose_site(river.settings.sites_folder, None)
    for run, messages in enumerate(pieces(dice, river, truth)):
        river.send(*messages)
        river.ingest(f"run-{run}")
        if not run:
            settle(river.settings, site, DAYS[-1])
    for day in SETTLED:
        settle(river.settings, site, day)

    windows, rollups = expected(river, truth)
    settled = [Window.local_day(day, ZONE) for day in SETTLED]
    ended = {key: facts for key, facts in windows.items() if any(day.start < key[1] <= day.end for day in settled)}
    over = {key: facts for key, facts in rollups.items() if any(key[2] in day for day in settled)}
    assert {} == differences({(row["device"], row["end"]): row for row in derived(river, "windows")}, ended)
    assert {} == differences(
        {(row["device"], row["period"], row["start"]): row for row in derived(river, "rollups")}, over
    )
    # From here on a settled day follows the other, and then what was live.
    since = settled[-2].start
    points = {(row["device"], moment(row["time"])): row for row in river.points("windows", "level")}
    assert {} == differences(
        {key: row for key, row in points.items() if key[1] > since},
        {key: facts for key, facts in windows.items() if key[1] > since},
        but=("expected",),
    )
    points = {(row["device"], row["period"], moment(row["time"])): row for row in river.points("rollups", "level")}
    assert {} == differences(points, over, but=("expected",))
