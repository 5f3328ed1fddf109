"""What refining costs per reading, without Spark: readings judged, windows, rollups; against a bare mean per window.

python benchmarks/refine.py [--most 1000000] [--turns 5]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
from collections.abc import Callable
from math import log
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "include"), str(CHECKOUT)]

from tests.unit.transforms.tables import RECORD  # noqa: E402

from barograph.registry import Device  # noqa: E402
from barograph.testing import a_site  # noqa: E402
from barograph.transforms import cleaning  # noqa: E402
from barograph.transforms.places import Places  # noqa: E402
from barograph.transforms.stretches import sliding  # noqa: E402
from barograph.transforms.summing import SHIPPED  # noqa: E402
from barograph.transforms.windowing import rollups_of, windows_of  # noqa: E402

BEGIN = 1_795_334_400_000_000
SECOND = 1_000_000
ZONE = "Europe/Berlin"
STAGES = ("refine", "windows", "rollups")


def records(readings: int, devices: int, cadence: float) -> list[pa.Table]:
    """As the record has them, a table a device: jitter, a value in a hundred missing or impossible."""
    dice, each = np.random.default_rng(7), readings // devices
    times = BEGIN + (np.arange(each) * cadence * SECOND).astype(np.int64)
    tables = []
    for device in range(devices):
        values = np.round(dice.normal(4, 1, each), 1)
        values[dice.random(each) < 0.01] = np.nan
        values[dice.random(each) < 0.01] = 500
        same = {
            "device": f"device-{device:04d}", "metric": "level", "boot": "b", "port": None, "historical": False,
            "skew": None, "batch": 1, "topic": "readings", "partition": 0, "frame": 0,
        }  # fmt: skip
        columns = {name: pa.repeat(pa.scalar(fact, RECORD.field(name).type), each) for name, fact in same.items()}
        columns |= {"time": pa.array(times + dice.integers(0, SECOND, each), RECORD.field("time").type)}
        columns |= {
            "value": pa.array(values, from_pandas=True),
            "seq": pa.array(np.arange(each)),
            "offset": np.arange(each),
        }
        columns["published"] = columns["time"]
        tables.append(pa.table(columns).select(RECORD.names))
    return tables


def places(devices: int, cadence: float) -> Places:
    known = (Device(device=f"device-{device:04d}", zone="wall", cadence=cadence) for device in range(devices))
    return Places.of_sites([a_site(*known)], None, 10.0)


def bare_means(tables: list[pa.Table], cadence: float) -> Callable[[], None]:
    """The limit: a mean of every window from running sums, for columns that are sorted and ready. No flags, no rows."""
    ready = [
        (table["time"].cast(pa.int64()).to_numpy(), np.nan_to_num(table["value"].to_numpy())) for table in tables
    ]  # fmt: skip
    shape = [np.array([seconds * SECOND]) for seconds in SHIPPED.shape(cadence)]

    def work() -> None:
        for times, values in ready:
            windows = sliding(np.zeros(len(times), np.int64), times, *shape)
            low, high = np.searchsorted(times, windows.start), np.searchsorted(times, windows.end)
            sums = np.concatenate(([0.0], np.cumsum(values)))
            _ = (sums[high] - sums[low]) / (high - low)

    return work


def stages(readings: int, devices: int, cadence: float) -> dict[str, Callable[[], object]]:
    tables, where = records(readings, devices, cadence), places(devices, cadence)
    record = pa.concat_tables(tables)
    refined = cleaning.judged(record, where)
    return {
        "refine": lambda: cleaning.judged(record, where),
        "windows": lambda: windows_of(refined, SHIPPED),
        "rollups": lambda: rollups_of(refined, ZONE, SHIPPED),
        "bare": bare_means(tables, cadence),
    }


def measured(readings: int, devices: int, cadence: float, turns: int) -> dict[str, float]:
    """CPU seconds of each stage, the median of `turns` in turn."""
    works = stages(readings, devices, cadence)
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(turns):
        for name, work in works.items():
            started = process_time()
            work()
            found[name].append(process_time() - started)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def memory(readings: int, devices: int, cadence: float) -> tuple[float, float]:
    """Megabytes that a process takes: with the refined readings alone, and at most while it sums them up."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peaks, (readings, devices, cadence))


def _peaks(readings: int, devices: int, cadence: float) -> tuple[float, float]:
    works = stages(readings, devices, cadence)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name in STAGES[1:]:
        works[name]()
    return before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def told(title: str, readings: int, found: dict[str, float]) -> None:
    whole = sum(found[name] for name in STAGES)
    each = "  ".join(f"{name} {found[name] / readings * 1e6:5.2f}" for name in STAGES)
    say(f"  {title:34} {each}  µs a reading; windows {found['windows'] / found['bare']:4.1f} x a bare mean,"
          f" all {whole / found['bare']:4.1f} x")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    for cadence in (10.0, 1.0):
        say(f"cadence {cadence:g} s, windows of 60 s every 5 s, 10 devices")
        sizes = [size for size in (10_000, 100_000, 1_000_000, 10_000_000) if size <= options.most]
        by_size = {size: measured(size, 10, cadence, options.turns) for size in sizes}
        for size, found in by_size.items():
            told(f"{size:,} readings", size, found)
        for name in (*STAGES, "bare"):
            growth = log(by_size[sizes[-1]][name] / by_size[sizes[0]][name]) / log(sizes[-1] / sizes[0])
            say(f"    {name}: cost grows with readings to the power of {growth:.2f}")
        say(f"cadence {cadence:g} s, {options.most:,} readings of more and more devices")
        by_count = {count: measured(options.most, count, cadence, options.turns) for count in (10, 100, 1000)}
        for count, found in by_count.items():
            told(f"{count:,} devices", options.most, found)
        for name in STAGES:
            say(f"    {name}: 1,000 devices cost {by_count[1000][name] / by_count[10][name]:.2f} x what 10 cost")
        before, peak = memory(options.most, 10, cadence)
        say(f"memory: {before:.0f} MB with {options.most:,} refined readings, at most {peak:.0f} MB while summing up")


if __name__ == "__main__":
    main()
