"""Builders for tests and for people who try things out: a site, readings, and a settled day without Spark."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from barograph.errors import WriterBusy
from barograph.readings import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN
from barograph.registry import Device, Point, Site
from barograph.windows import Window

if TYPE_CHECKING:
    from barograph.reports.catalogue import Entry
    from barograph.reports.data import Alarm
    from barograph.state.signoffs import Signoff
    from barograph.state.stale import Stale

Row = dict[str, Any]
Curve = Callable[[datetime], float | None]

TIME = pa.timestamp("us", "UTC")

REFINED = pa.schema(
    [
        ("site", pa.string()), ("day", pa.date32()), ("device", pa.string()), ("zone", pa.string()),
        ("metric", pa.string()), ("time", TIME), ("value", pa.float64()), ("raw", pa.float64()), ("flag", pa.int32()),
        ("reasons", pa.list_(pa.string())), ("historical", pa.bool_()), ("batch", pa.int64()),
    ]
)  # fmt: skip

ROLLUPS = pa.schema(
    [
        ("site", pa.string()), ("day", pa.date32()),
        *((name, pa.string()) for name in ("device", "zone", "metric")),
        ("period", pa.string()), ("start", TIME), ("end", TIME),
        *((name, pa.int64()) for name in ("count", "good", "unknown", "suspect", "fail", "missing")),
        *((name, pa.float64()) for name in ("expected", "completeness", "min", "max", "mean", "median", "stddev")),
        *((name, pa.float64()) for name in ("first", "last", "slope", "p05", "p95")),
    ]
)  # fmt: skip

DAYS = pa.schema(
    [
        ("site", pa.string()), ("day", pa.date32()), ("start", TIME), ("end", TIME), ("batches", pa.list_(pa.int64())),
        ("devices", pa.int32()), ("read", pa.int64()), ("stored", pa.int64()), ("duplicate", pa.int64()),
        ("rejected", pa.int64()), ("inputs", pa.string()),
    ]
)  # fmt: skip


def a_site(*devices: Device, site: str = "shop", timezone: str = "Europe/Berlin", **facts: Any) -> Site:
    """A shop with a dairy fridge, unless other devices are given."""
    fridge = Device(
        device="fridge-1", name="Dairy fridge", zone="cold-wall", points={"temperature": Point(low=0, high=8)}
    )
    known = {"name": "Corner shop", "devices": list(devices or [fridge]), **facts}
    return Site(site=site, timezone=timezone, **known)


def a_curve(mean: float, swing: float = 1.0, cycle: float = 1800.0, noise: float = 0.1, seed: int = 1) -> Curve:
    """A compressor's saw-tooth upon the day's rhythm, in steps of a tenth; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311, weather is no secret

    def value(at: datetime) -> float:
        seconds = at.timestamp() + seed * 977
        saw = abs((seconds % cycle) / cycle * 2 - 1) - 0.5
        rhythm = math.sin((seconds % 86_400) / 86_400 * 2 * math.pi - 2.2)
        return round(mean + swing * (saw + 0.25 * rhythm) + dice.gauss(0, noise), 1)

    return value


def readings(
    device: str, metric: str, window: Window, value: Curve | float | None = 5.0, cadence: float = 30.0, flag: int = GOOD
) -> list[Row]:
    """One reading each cadence of the window, as `settled_day` takes them."""
    step, rows, time = timedelta(seconds=cadence), [], window.start
    while time < window.end:
        measured = value(time) if callable(value) else value
        rows.append({"device": device, "metric": metric, "time": time, "value": measured,
                     "flag": flag if measured is not None else MISSING})  # fmt: skip
        time += step
    return rows


def readings_table(site: Site, day: date, rows: Iterable[Row], batch: int = 1) -> pa.Table:
    """Rows of `readings` as derived/refined has them."""
    zones = {device.device: device.zone for device in site.devices}
    reasons: dict[int, list[str]] = {FAIL: ["out_of_range"], SUSPECT: ["same_time"], MISSING: ["no_value"]}
    complete = [
        {
            "site": site.site, "day": day, "zone": zones.get(row["device"], "unregistered"),
            "raw": row["value"], "reasons": reasons.get(row["flag"], []), "historical": False, "batch": batch, **row,
        }
        for row in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(complete, REFINED)


def settled_day(
    root: Path | str, site: Site, day: date, rows: Iterable[Row], *, batches: Iterable[int] = (1,),
    cadence: float = 10.0, duplicate: int = 0, rejected: int = 0, unaccounted: int = 0,
) -> None:  # fmt: skip
    """Write the derived tables of a day below `root`, as settle would; a day that was there is replaced."""
    rows = list(rows)
    window = Window.local_day(day, site.timezone)
    summed = [
        {"site": site.site, "day": day, "period": period, "start": part.start, "end": part.end, **each}
        for period, part, some in _parts(window, rows)
        for each in _statistics(site, part, some, cadence)
    ]
    ledger = {
        "site": site.site, "day": day, "start": window.start, "end": window.end, "batches": list(batches),
        "devices": len({row["device"] for row in rows}), "read": len(rows) + duplicate + rejected + unaccounted,
        "stored": len(rows), "duplicate": duplicate, "rejected": rejected,
    }  # fmt: skip
    _replace(root, "refined", site, day, readings_table(site, day, rows))
    _replace(root, "rollups", site, day, pa.Table.from_pylist(summed, ROLLUPS))
    _replace(root, "days", site, day, pa.Table.from_pylist([ledger], DAYS))


class MemoryCatalogue:
    """Stands in for the SQL of the reports: what was published, and the alarms that it was handed."""

    def __init__(self, alarms: Iterable[Alarm] = ()) -> None:
        self.known = list(alarms)
        self.entries: list[Entry] = []
        self.signed: list[Signoff] = []
        self._locked: set[tuple[str, str]] = set()
        self._door = threading.Lock()

    @contextmanager
    def lock(self, site: str, key: str) -> Iterator[None]:
        with self._door:
            if (site, key) in self._locked:
                raise WriterBusy(f"Another copy is making the report of {site}, {key}.")
            self._locked.add((site, key))
        try:
            yield
        finally:
            self._locked.discard((site, key))

    def alarms(self, site: str, window: Window) -> list[Alarm]:
        return self.known

    def latest(self, site: str, key: str) -> Entry | None:
        ours = [entry for entry in self.entries if (entry.site, entry.key) == (site, key)]
        return max(ours, key=lambda entry: entry.revision, default=None)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def signoffs(self, site: str, day: date) -> list[Signoff]:
        return [signoff for signoff in self.signed if (signoff.site, signoff.day) == (site, day)]

    def stale(self, site: str, day: date) -> list[Stale]:
        return []

    def answered(self, marks: list[Stale]) -> None:
        pass


def an_alarm(started: datetime, cleared: datetime | None = None, **facts: Any) -> Alarm:
    """The dairy fridge above 8 °C, unless said otherwise."""
    from barograph.reports.data import Alarm

    known: dict[str, Any] = {
        "rule": "fridge-warm", "severity": "major", "device": "fridge-1", "metric": "temperature", "limit": 8.0,
        "value": None, "above": True, "historical": False, "message": "",
    }  # fmt: skip
    return Alarm(**{**known, "started": started, "cleared": cleared, **facts})


def _replace(root: Path | str, table: str, site: Site, day: date, rows: pa.Table) -> None:
    from deltalake import DeltaTable, write_deltalake

    path = f"{root}/derived/{table}"
    there = {"predicate": f"site = '{site.site}' AND day = '{day}'"} if DeltaTable.is_deltatable(path) else {}
    write_deltalake(path, rows, mode="overwrite", partition_by=["site", "day"], **there)


def _parts(window: Window, rows: list[Row]) -> Iterator[tuple[str, Window, list[Row]]]:
    """The day and its hours, with their rows."""
    yield "day", window, rows
    by_hour: dict[int, list[Row]] = {}
    for row in rows:
        by_hour.setdefault((row["time"] - window.start) // timedelta(hours=1), []).append(row)
    for hour, some in sorted(by_hour.items()):
        start = window.start + timedelta(hours=hour)
        yield "hour", Window(start, start + timedelta(hours=1)), some


def _statistics(site: Site, window: Window, rows: list[Row], cadence: float) -> Iterator[Row]:
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        series.setdefault((row["device"], row["metric"]), []).append(row)
    registered = {device.device: device for device in site.devices}
    for (device, metric), members in series.items():
        known = registered.get(device)
        expected = window.length.total_seconds() / (known.cadence if known else cadence)
        good = [row["value"] for row in sorted(members, key=lambda row: row["time"]) if row["flag"] == GOOD]
        bad = {"unknown": UNKNOWN, "suspect": SUSPECT, "fail": FAIL, "missing": MISSING}
        counts = {name: sum(row["flag"] == flag for row in members) for name, flag in bad.items()}
        yield {
            "device": device, "metric": metric, "zone": known.zone if known else "unregistered",
            "count": len(members), "good": len(good), **counts,
            "expected": expected, "completeness": min(1.0, len(good) / expected),
            "min": min(good, default=None), "max": max(good, default=None),
            "mean": fmean(good) if good else None, "median": median(good) if good else None, "stddev": None,
            "first": good[0] if good else None, "last": good[-1] if good else None,
        }  # fmt: skip
