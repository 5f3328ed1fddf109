"""What a report costs: 1,000 devices in one day, and a chart against the loop that everybody writes first.

    .venv/bin/python benchmarks/report.py [--devices 1000] [--cadence 10] [--charts 60]

Prints wall and CPU time, the most memory, and CPU per chart (SVG and PNG) as a share of the naive loop's.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from barograph.archive import Archive
from barograph.registry import Device, Point, Site
from barograph.reports import canvas
from barograph.reports.data import micros
from barograph.reports.gallery import CHARTS, Job, jobs
from barograph.reports.gather import gather
from barograph.reports.periods import Period
from barograph.reports.publish import report
from barograph.settings import Settings
from barograph.testing import DAYS, REFINED, ROLLUPS, MemoryCatalogue
from barograph.windows import Window

DAY = date(2026, 6, 17)
ZONES = 20


def a_site(devices: int, cadence: float) -> Site:
    point = Point(low=1, high=8)
    members = [
        Device(
            device=f"fridge-{place:05}", zone=f"hall-{place % ZONES:02}", cadence=cadence, points={"temperature": point}
        )
        for place in range(devices)
    ]
    return Site(site="bench", name="Benchmark", timezone="Europe/Berlin", devices=members)


def settle(root: Path, site: Site, cadence: float) -> None:
    """Derived tables as `settle` leaves them, from numpy: a saw-tooth upon a slow wave, a gap, a few bad readings."""
    window = Window.local_day(DAY, site.timezone)
    size = int(window.length.total_seconds() // cadence)
    times = micros(window.start) + (np.arange(size) * cadence * 1e6).astype(np.int64)
    dice = np.random.default_rng(1)
    rollups = []
    for start in range(0, len(site.devices), 100):
        some = site.devices[start : start + 100]
        values = np.round(4 + np.sin(np.arange(size) * cadence / 900 + dice.random((len(some), 1)) * 6)
                          + dice.normal(0, 0.15, (len(some), size)), 1)  # fmt: skip
        flags = np.where(dice.random(values.shape) < 1e-4, 4, 1).astype(np.int32)
        whole = len(some) * size
        table = pa.table(
            {
                "site": pa.repeat(site.site, whole),
                "day": pa.repeat(pa.scalar(DAY), whole),
                "device": np.repeat([device.device for device in some], size),
                "zone": np.repeat([device.zone for device in some], size),
                "metric": pa.repeat("temperature", whole),
                "time": pa.array(np.tile(times, len(some)), pa.timestamp("us", "UTC")),
                "value": values.ravel(),
                "raw": values.ravel(),
                "flag": flags.ravel(),
                "reasons": pa.array([[]] * whole, pa.list_(pa.string())),
                "historical": pa.repeat(False, whole),
                "batch": pa.repeat(1, whole),
            }
        ).cast(REFINED)
        write_deltalake(f"{root}/derived/refined", table, mode="append", partition_by=["site", "day"])
        for row, device in enumerate(some):
            good = values[row][flags[row] == 1]
            rollups.append(
                {
                    "site": site.site, "day": DAY, "device": device.device, "zone": device.zone,
                    "metric": "temperature",
                    "period": "day", "start": window.start, "end": window.end, "count": size, "good": len(good),
                    "expected": float(size), "completeness": len(good) / size, "min": good.min(), "max": good.max(),
                    "mean": good.mean(), "median": float(np.median(good)),
                }
            )  # fmt: skip
    write_deltalake(f"{root}/derived/rollups", pa.Table.from_pylist(rollups, ROLLUPS), partition_by=["site", "day"])
    rows = len(site.devices) * size
    ledger = {"site": site.site, "day": DAY, "start": window.start, "end": window.end, "batches": [1], "read": rows,
              "stored": rows, "duplicate": 0, "rejected": 0, "devices": len(site.devices)}  # fmt: skip
    write_deltalake(f"{root}/derived/days", pa.Table.from_pylist([ledger], DAYS), partition_by=["site", "day"])


def ours(todo: list[Job]) -> float:
    """CPU seconds a chart, as SVG and PNG."""
    draw = CHARTS["line"].draw
    with canvas.style():
        for job in todo[:3]:
            canvas.svg(draw(job.view)), canvas.png(draw(job.view))
        start = time.process_time()
        for job in todo:
            figure = draw(job.view)
            canvas.svg(figure), canvas.png(figure)
        return (time.process_time() - start) / len(todo)


def naive(todo: list[Job]) -> float:
    """The same chart as the loop that everybody writes first: all points, pyplot, its own dates, tight_layout."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.dates import DateFormatter, HourLocator

    start = time.process_time()
    for job in todo:
        (member,) = job.view.members
        series = member.series
        figure, axes = plt.subplots(figsize=(canvas.WIDTH, canvas.HEIGHT))
        times = series.times.astype("datetime64[us]")
        axes.plot(times, np.where(series.usable, series.values, np.nan), linewidth=1.1)
        axes.plot(times[series.bad], series.values[series.bad], "x")
        axes.set_ylim(*job.view.extent)
        for limit, edge in zip((series.low, series.high), job.view.extent, strict=True):
            axes.axhspan(limit, edge, color=canvas.BEYOND)
            axes.axhline(limit, linestyle="--", color=canvas.LIMIT)
        axes.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 6)))
        axes.xaxis.set_minor_locator(HourLocator())
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
        axes.grid(axis="y")
        axes.set_title(member.label, loc="left")
        axes.set_title(job.view.title, loc="right")
        figure.tight_layout()
        for format_ in ("svg", "png"):
            figure.savefig(BytesIO(), format=format_, dpi=canvas.PIXELS_PER_INCH)
        plt.close(figure)
    return (time.process_time() - start) / len(todo)


def most_memory() -> Iterator[float]:
    """Megabytes, of us and of the largest process that drew for us."""
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        yield resource.getrusage(who).ru_maxrss / 1024


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--cadence", type=float, default=10.0)
    parser.add_argument("--charts", type=int, default=60)
    said = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="report-benchmark-"))
    try:
        site = a_site(said.devices, said.cadence)
        settle(root, site, said.cadence)
        data = gather(Archive(str(root)), site, Period.of("day", DAY))
        todo = [job for job in jobs(data, CHARTS) if job.chart == "line"][: said.charts]
        mine, theirs = ours(todo), naive(todo)
        say(f"a chart: {mine * 1000:.1f} ms of CPU, the naive loop {theirs * 1000:.1f} ms: 1/{theirs / mine:.1f}")
        rows, todo, data = data.rows, [], None
        start, cpu = time.perf_counter(), sum(os.times()[:4])
        made = report(Settings(home=root), site, DAY, MemoryCatalogue())
        took = timedelta(seconds=time.perf_counter() - start).total_seconds()
        used = sum(os.times()[:4]) - cpu
        files = sum(1 for _ in made.folder.rglob("*.svg"))
        own, worker = most_memory()
        say(f"{said.devices} devices, {rows:,} readings, {files} charts: {took:.1f} s, {used:.1f} s of CPU on "
              f"{len(os.sched_getaffinity(0))} cores: {took / 30:.2f} of 30 s")  # fmt: skip
        say(f"memory: {own:.0f} MB, a worker {worker:.0f} MB; page {made.page.stat().st_size / 1e6:.1f} MB, "
              f"paper {(made.folder / 'report.pdf').stat().st_size / 1e6:.1f} MB")  # fmt: skip
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
