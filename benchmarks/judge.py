"""What judging costs: minutes of a fleet against many rules, and what is remembered of it.

    .venv/bin/python benchmarks/judge.py [--devices 10000] [--rules 20] [--cadence 60] [--minutes 6]

Every device says one metric; a tenth of the devices is warm at any time. The rules are limits with holds, levels and
hysteresis, and one each of the kinds that remember something of every point. Prints the CPU seconds that a minute takes
for folding, and for going back two minutes as every batch does, and the bytes of the state. From the fourth minute on
all should cost the same.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import tracemalloc

from barograph.registry import Device, Site
from barograph.rules.book import Rules
from barograph.rules.history import rewound, touched_keys
from barograph.rules.judge import judge, judge_on
from barograph.rules.readings import Judged
from barograph.rules.state import State, packed
from barograph.rules.watches import Watches

SECOND = 1_000_000
START = 1_795_348_800 * SECOND
KINDS = (
    {"kind": "missing", "cadences": 10},
    {"kind": "rate", "metric": "temperature", "outside": [-5, 5]},
    {"kind": "quality", "metric": "temperature", "least": 0.5},
    {"kind": "cumulative", "metric": "temperature", "above": 8, "least": 1800, "period": 86_400},
)
WORSE = {"above": 20, "severity": "critical"}


def a_fleet(devices: int, rules: int, cadence: float) -> Watches:
    site = Site(
        site="fleet", name="Fleet",
        devices=[Device(device=f"d{n:05d}", zone=f"z{n // 20}", cadence=cadence) for n in range(devices)],
    )  # fmt: skip
    limits = [
        {"metric": "temperature", "above": 8 + n / 10, "clear": 7, "hold": 60 * n, "levels": [WORSE]}
        for n in range(max(0, rules - len(KINDS)))
    ]  # fmt: skip
    told = [{"rule": f"r{n}", **rule} for n, rule in enumerate([*KINDS[:rules], *limits])]
    return Watches([site], {"fleet": Rules.model_validate({"rules": told})}, "fleet", cadence, START)


def a_minute(number: int, devices: int, cadence: float, chance: random.Random) -> list[Judged]:
    times = [START + number * 60 * SECOND + round(n * cadence * SECOND) for n in range(max(1, round(60 / cadence)))]
    return [
        Judged(at + device, f"d{device:05d}", "temperature", 9.5 if chance.random() < 0.1 else 4.0, 1, False, None)
        for at in times
        for device in range(devices)
    ]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rules", type=int, default=20)
    parser.add_argument("--cadence", type=float, default=60.0)
    parser.add_argument("--minutes", type=int, default=6)
    asked = parser.parse_args()
    chance = random.Random(7)  # noqa: S311
    started = time.process_time()
    rules = a_fleet(asked.devices, asked.rules, asked.cadence)
    say(f"{asked.devices} devices x {asked.rules} rules, read in {time.process_time() - started:.2f} s")
    states: list[tuple[int, State]] = []
    record: list[Judged] = []
    for minute in range(asked.minutes):
        readings = a_minute(minute, asked.devices, asked.cadence, chance)
        record += readings
        began = time.process_time()
        earliest = {(r.device, r.metric, r.port): r.time - 120 * SECOND for r in reversed(readings)}
        touched = touched_keys(earliest, states[0][1] if states else None, rules)
        back = rewound(states, touched, rules)
        rewinding = time.process_time() - began
        since = min((-1 if at is None else at for at in back.since.values()), default=0)
        again = [reading for reading in record if reading.time > since]
        began = time.process_time()
        kept, state, events = judge_on(
            back.state, again, rules, min(earliest.values()), START + (minute + 1) * 60 * SECOND
        )
        folding = time.process_time() - began
        states.insert(0, (minute, kept))
        steps = len(again) * asked.rules
        say(
            f"minute {minute}: {len(readings)} readings, folded {len(again)}; going back {rewinding:.2f} s, "
            f"folding {folding:.2f} s ({folding / steps * 1e6:.1f} us a rule and reading), {len(events)} events"
        )
    began = time.process_time()
    stored = len(json.dumps(packed(state)))
    say(f"state: {len(state.memories)} memories, stored {stored:,} bytes in {time.process_time() - began:.2f} s")
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    state, _ = judge(State(), a_minute(0, asked.devices, asked.cadence, chance), rules, START + 60 * SECOND)
    grown = sum(each.size_diff for each in tracemalloc.take_snapshot().compare_to(before, "filename"))
    say(f"state in memory: {grown / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
