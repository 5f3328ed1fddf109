"""What the record holds becomes what we believe: every frame once, every reading with a flag and the reasons for it.

All of it is judged device by device: Spark brings a device's rows together, numpy goes through them in order of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, GroupedData
from pyspark.sql import functions as F

from barograph.readings import FAIL, GOOD, SUSPECT
from barograph.transforms.calibration import in_force
from barograph.transforms.places import Place, Places
from barograph.transforms.quality import moments
from barograph.transforms.quality.limits import COPIES
from barograph.transforms.quality.neighbours import unlike
from barograph.transforms.quality.verdict import Readings, Verdict, judge
from barograph.windows import Window, microseconds

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]

ORDER = ("batch", "partition", "offset", "frame")
"""The lowest in this order is the original; whatever has the same identity after it is a duplicate."""

NEEDED = (
    "device", "metric", "time", "value", "seq", "boot", "historical", "skew", "published", "topic", *ORDER,
)  # fmt: skip

ORIGINAL = "device string, metric string, time timestamp, value double, historical boolean, batch bigint, came bigint"
REFINED = (
    f"{ORIGINAL}, raw double, site string, zone string, cadence double, size int, slide int, "
    "flag int, reasons array<string>"
)

SECOND = 1_000_000


def once(readings: DataFrame, counted: Window | None = None) -> DataFrame:
    """The original of each reading; duplicates go. What is original does not depend on the order of the rows.

    `came` counts the copies of each, the original too; with `counted`, only those of them with a time in that window.
    """

    def of_device(rows: pa.Table) -> pa.Table:
        return _originals(rows, counted).select([column.split()[0] for column in ORIGINAL.split(", ")])

    return readings.select(*NEEDED).groupBy("device").applyInArrow(of_device, ORIGINAL)


def refined(readings: DataFrame, places: Places, counted: Window | None = None) -> DataFrame:
    """Readings once each as by `once`, none at the time of another, in their place, with a flag and its reasons."""

    def of_group(rows: pa.Table) -> pa.Table:
        return judged(rows, places, counted)

    return _together(readings, places).applyInArrow(of_group, REFINED)


def judged(rows: pa.Table, places: Places, counted: Window | None = None) -> pa.Table:
    """The same for rows as the record has them: of any devices, and of all those whose neighbours are compared."""
    faced = [_faced(_apart(_originals(part, counted)), places) for part in _by_device(rows)]
    if places.compared:
        _compare_neighbours([each for each in faced if each.device in places.registered])
    return pa.concat_tables(each.table() for each in faced)


def _together(readings: DataFrame, places: Places) -> GroupedData:
    """By device; the devices of a zone together where somebody asked to compare them."""
    zones = {device: f"\n{site}\n{zone}" for (site, zone, _), devices in places.compared.items() for device in devices}
    needed = readings.select(*NEEDED)
    if not zones:
        return needed.groupBy("device")
    zone_of = F.create_map(*(F.lit(word) for pair in zones.items() for word in pair))
    return needed.groupBy(F.coalesce(zone_of[F.col("device")], F.col("device")))


def _by_device(rows: pa.Table) -> Iterable[pa.Table]:
    device = rows["device"].combine_chunks().dictionary_encode()
    if len(device.dictionary) == 1:
        return [rows]
    return [rows.filter(pc.equal(rows["device"], name)) for name in device.dictionary]


def _originals(rows: pa.Table, counted: Window | None) -> pa.Table:
    """(boot, seq) identifies a reading, or the place in Kafka of a frame whose producer numbers nothing."""
    metric, topic, boot = (_codes(rows[name]) for name in ("metric", "topic", "boot"))
    time = _micros(rows["time"])
    numbered = (boot >= 0) & _known(rows["seq"])
    identity = [
        metric,
        np.where(numbered, boot, -1 - topic),
        np.where(numbered, _whole(rows["seq"]), _whole(rows["partition"])),
        *(np.where(numbered, 0, _whole(rows[name])) for name in ("offset", "frame")),
        # A topic that was made anew counts from 0 again; Kafka's time tells its frames from the old ones.
        np.where(numbered, 0, _micros(rows["published"])),
    ]
    order = _sorted(*identity, *(_whole(rows[name]) for name in ORDER), topic, time)
    first = np.flatnonzero(_changes([column[order] for column in identity]))
    inside = np.ones(len(time), np.int64)
    if counted:
        inside = np.asarray((time >= microseconds(counted.start)) & (time < microseconds(counted.end)), np.int64)
    return (
        rows.take(order[first])
        .append_column("came", pa.array(np.add.reduceat(inside[order], first)))
        .append_column("other_copy", pa.array(_differ(rows, order, first, time)))
    )


def _differ(rows: pa.Table, order: Whole, first: Whole, time: Whole) -> NDArray[np.bool_]:
    """For each original whether a copy of it, at nearly its time, has another value."""
    if len(first) == len(order):
        return np.zeros(len(first), bool)
    sizes = np.diff(np.append(first, len(order)))
    value, time = rows["value"].to_numpy().astype(float)[order], time[order]
    original, at = np.repeat(value[first], sizes), np.repeat(time[first], sizes)
    other = (value != original) & ~(np.isnan(value) & np.isnan(original))
    return np.logical_or.reduceat(other & (np.abs(time - at) < COPIES * SECOND), first)


def _apart(rows: pa.Table) -> pa.Table:
    """Different frames of one device that claim one time: the later ones move by a microsecond each, `same_time`.

    claimed   5   5   5   6          ..999999  ..999999
    apart     5   6   7   8          ..999998  ..999999      nobody leaves his second

    What stands in the way moves on. No window and no day begins or ends within a second, so none loses one to the next.
    """
    metric, time = _codes(rows["metric"]), _micros(rows["time"])
    order = _sorted(metric, time, *(_whole(rows[name]) for name in ORDER))
    metric, time = metric[order], time[order]
    again = ~_changes([metric, time])
    starts = _changes([metric, time // SECOND])
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(order)))
    place, second = np.arange(len(order)) - np.repeat(first, sizes), np.cumsum(starts) * (4 * SECOND)
    # Each at least a microsecond after the one before it in its second, and as early as the rest of them allow.
    forward = np.maximum.accumulate(time % SECOND - place + second) - second + place
    moved = time - time % SECOND + np.minimum(forward, SECOND - np.repeat(sizes, sizes) + place)
    return (
        rows.drop_columns(["topic", "time"])
        .take(order)
        .append_column("time", pa.array(moved, pa.timestamp("us", tz="UTC")))
        .append_column("same_time", pa.array(again))
    )


@dataclass(frozen=True)
class _Faced:
    """The readings of one device, sorted by metric and time, and what was found about them."""

    device: str
    rows: pa.Table
    place: Place
    metrics: Mapping[str, slice]
    times: Whole
    values: Floats
    verdict: Verdict
    asked: NDArray[np.bool_]

    @property
    def flags(self) -> NDArray[np.int8]:
        return self.verdict.flags(self.asked)

    def good(self, metric: str) -> tuple[Whole, Floats]:
        """Times and values of the good readings of a metric."""
        part = self.metrics[metric]
        here = self.flags[part] == GOOD
        return self.times[part][here], self.values[part][here]

    def table(self) -> pa.Table:
        """Columns of REFINED. The raw value stays, so a fault stays visible."""
        place = self.place
        size, slide = place.shape
        told = {"site": place.site, "zone": place.zone, "cadence": place.cadence, "size": size, "slide": slide}
        columns = {name: self.rows[name] for name in ("device", "metric", "time", "historical", "batch", "came")}
        columns["raw"] = columns["value"] = self.rows["value"]
        if place.corrections:
            columns["value"] = pa.array(self.values, pa.float64(), from_pandas=True)
        columns |= {name: pa.repeat(pa.scalar(fact), len(self.rows)) for name, fact in told.items()}
        columns["size"], columns["slide"] = (columns[name].cast(pa.int32()) for name in ("size", "slide"))
        columns["flag"] = pa.array(self.flags, pa.int32())
        columns["reasons"] = self.verdict.reasons()
        return pa.table(columns)


def _faced(rows: pa.Table, places: Places) -> _Faced:
    """Put the readings of one device to the tests of each of its points."""
    device = rows["device"][0].as_py()
    place = places.of(device)
    times, raw, metrics = _micros(rows["time"]), rows["value"].to_numpy().astype(float), _metrics(rows)
    limits = {metric: place.limits_of(metric) for metric in metrics}
    verdict, values, asked = Verdict.none_yet(len(rows)), np.empty(len(rows)), np.zeros(len(rows), bool)
    verdict.note("no_value", np.isnan(raw))
    verdict.note("other_copy", rows["other_copy"].to_numpy(), SUSPECT)
    verdict.note("same_time", rows["same_time"].to_numpy(), SUSPECT)
    verdict.note("clock_off", _known(rows["skew"]))
    verdict.note(
        "impossible_date", moments.impossible(times, _micros(rows["published"]), place.since, place.until), FAIL
    )  # fmt: skip
    if any(each.warm_up for each in limits.values()):
        started = _seconds_since_start(rows, times)
    for metric, part in metrics.items():
        of_point, asks = verdict.part(part), limits[metric]
        known = place.corrections.get(metric, ())
        readings = Readings(times[part], raw[part], in_force(times[part], known) if known else times[:0], known)
        values[part] = judge(readings, asks, of_point)
        if asks.warm_up:
            of_point.mark("warming_up", started[part] < asks.warm_up, SUSPECT)
        asked[part] = asks.asked
    return _Faced(device, rows, place, metrics, times, values, verdict, asked)


def _seconds_since_start(rows: pa.Table, times: Whole) -> Floats:
    boot, seq = _codes(rows["boot"]), _whole(rows["seq"])
    order = _sorted(times, *(_whole(rows[name]) for name in ORDER))
    numbered = (boot >= 0) & _known(rows["seq"])
    started = np.empty(len(times))
    started[order] = moments.seconds_since_start(times[order], boot[order], seq[order], numbered[order])
    return started


def _compare_neighbours(faced: Sequence[_Faced]) -> None:
    """Each device with what the good readings of its zone say; all are judged by what was found before."""
    said = [{metric: each.good(metric) for metric in each.metrics} for each in faced]
    for own, each in enumerate(faced):
        for metric, part in each.metrics.items():
            if asked := each.place.limits_of(metric).neighbours:
                others = [
                    values[metric]
                    for other, values in enumerate(said)
                    if other != own and metric in values and faced[other].place.neighbours(each.place)
                ]
                flags = unlike(each.times[part], each.values[part], others, asked)
                each.verdict.part(part).add("unlike_neighbours", flags)


def _metrics(rows: pa.Table) -> dict[str, slice]:
    """Where each metric stands in rows that are sorted by it."""
    encoded = rows["metric"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return {
        encoded.dictionary[codes[first].item()].as_py(): slice(first, last) for first, last in pairwise(edges)
    }  # fmt: skip


def _sorted(*keys: NDArray[Any]) -> Whole:
    """The order of the rows by these columns, the first one first."""
    return np.lexsort(keys[::-1])


def _changes(columns: list[NDArray[Any]]) -> NDArray[np.bool_]:
    """True where a row differs from the one before; the first does."""
    differs = reduce(np.logical_or, (column[1:] != column[:-1] for column in columns))
    return np.concatenate(([True], differs))


def _codes(texts: pa.ChunkedArray) -> Whole:
    """A number for each text, in the order of the texts; -1 for null."""
    encoded = texts.combine_chunks().dictionary_encode()
    rank = np.append(np.argsort(np.argsort(np.array(encoded.dictionary.to_pylist(), object))), -1)
    return np.asarray(rank[encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()], np.int64)


def _known(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(column).to_numpy(), bool)


def _whole(column: pa.ChunkedArray) -> Whole:
    return np.asarray(column.fill_null(0).to_numpy(), np.int64)


def _micros(times: pa.ChunkedArray) -> Whole:
    return np.asarray(times.cast(pa.int64()).to_numpy(), np.int64)
