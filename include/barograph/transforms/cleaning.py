"""What the record holds becomes what we believe: every frame once, every reading with a flag and the reasons for it.

Spark brings together the rows of some devices; numpy goes through all of them at once, in order of device and time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from barograph.readings import FAIL, GOOD, SUSPECT
from barograph.transforms.calibration import Correction, in_force
from barograph.transforms.originals import ORDER, Record, apart, changes, in_order, known, originals, packed
from barograph.transforms.places import Place, Places
from barograph.transforms.quality import moments
from barograph.transforms.quality.limits import LONGEST_GAP, Limits
from barograph.transforms.quality.neighbours import unlike
from barograph.transforms.quality.ranges import ranges
from barograph.transforms.quality.timeline import timeline
from barograph.transforms.quality.verdict import Readings, Verdict, judge
from barograph.windows import Window

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEEDED = (
    "device", "metric", "time", "value", "seq", "boot", "port", "historical", "skew", "published", "topic", *ORDER,
)  # fmt: skip

ORIGINAL = "device string, metric string, time timestamp, value double, historical boolean, batch bigint, came bigint"
REFINED = (
    f"{ORIGINAL}, port string, boot string, raw double, site string, zone string, cadence double, size int, slide int, "
    "flag int, reasons array<string>"
)

ORIGIN = ("historical", "batch", "port", "boot")
"""What a reading keeps of the record's row."""

BUCKETS = 64
"""Groups that Spark makes of all devices: handing over a group costs milliseconds, and it must fit into memory."""
BLOCK = 1 << 15
"""Readings that are judged at once, and what the last point has more: so many stay in a processor's cache."""
EVER = np.iinfo(np.int64)
TIME = pa.timestamp("us", tz="UTC")


def once(readings: DataFrame, counted: Window | None = None) -> DataFrame:
    """The original of each reading; duplicates go. What is original does not depend on the order of the rows.

    `came` counts the copies of each, the original too; with `counted`, only those of them with a time in that window.
    """
    return _in_buckets(readings, F.col("device"), lambda rows: _once(rows, counted), ORIGINAL)


def refined(readings: DataFrame, places: Places, counted: Window | None = None) -> DataFrame:
    """Readings once each as by `once`, none at the time of another, in their place, with a flag and its reasons."""
    return _in_buckets(readings, _together(places), lambda rows: judged(rows, places, counted), REFINED)


def judged(rows: pa.Table, places: Places, counted: Window | None = None) -> pa.Table:
    """The same for rows as the record has them: of any devices, and of all those whose neighbours are compared."""
    rows = rows.select(NEEDED).combine_chunks()
    record = Record.of(rows)
    found = originals(record, counted)
    moved = apart(record, found.rows)
    kept = found.rows[moved.order]
    refining = _Refining.of(record, kept, moved.times, places)
    verdict = refining.verdict
    verdict.note("no_value", np.isnan(refining.values))
    verdict.note("other_copy", found.other_copy[moved.order], SUSPECT)
    verdict.note("same_time", moved.same_time, SUSPECT)
    verdict.note("clock_off", known(rows["skew"])[kept])
    refining.judge()
    if places.compared:
        refining.compare_neighbours(places)
    return refining.table(rows.select(["value", *ORIGIN]).take(kept), found.came[moved.order])


def _once(rows: pa.Table, counted: Window | None) -> pa.Table:
    found = originals(Record.of(rows), counted)
    kept = rows.select([name for name in _names(ORIGINAL) if name != "came"]).take(found.rows)
    return kept.append_column("came", pa.array(found.came))


def _in_buckets(
    readings: DataFrame, together: Column, function: Callable[[pa.Table], pa.Table], columns: str
) -> DataFrame:
    bucket = F.pmod(F.xxhash64(together), F.lit(BUCKETS))
    return readings.select(*NEEDED).groupBy(bucket).applyInArrow(function, columns)


def _together(places: Places) -> Column:
    """The device; one word for all devices of a zone where somebody asked to compare them."""
    zones = {device: f"\n{site}\n{zone}" for (site, zone, _), devices in places.compared.items() for device in devices}
    if not zones:
        return F.col("device")
    zone_of = F.create_map(*(F.lit(word) for pair in zones.items() for word in pair))
    return F.coalesce(zone_of[F.col("device")], F.col("device"))


@dataclass(frozen=True)
class _Point:
    """A metric of a device, and where its readings stand."""

    device: str
    metric: str
    place: Place
    rows: slice

    @property
    def corrections(self) -> Sequence[Correction]:
        return self.place.corrections.get(self.metric, ())


@dataclass(frozen=True)
class _Refining:
    """Readings once each, in the order of device, metric and time, and what was found about them."""

    record: Record
    rows: Whole
    """Where each stands in the record."""
    times: Whole
    points: Sequence[_Point]
    limits: Sequence[Limits]
    """Of each point."""
    point: Whole
    """Whose each reading is."""
    values: Floats
    """Raw until they are judged, then calibrated."""
    verdict: Verdict
    asked: Bools
    """Whether there is any test of a value."""

    @classmethod
    def of(cls, record: Record, rows: Whole, times: Whole, places: Places) -> _Refining:
        device, metric = record["device"][rows], record["metric"][rows]
        begins = changes(device, metric)
        first = np.flatnonzero(begins)
        named = zip(record.texts("device", device[first]), record.texts("metric", metric[first]), strict=True)
        edges = pairwise([*first.tolist(), len(rows)])
        points = [
            _Point(name, of, places.of(name), slice(start, end))
            for (name, of), (start, end) in zip(named, edges, strict=True)
        ]
        limits = [each.place.limits_of(each.metric) for each in points]
        asked = np.array([each.asked for each in limits], bool)
        point = np.cumsum(begins) - 1
        verdict = Verdict.none_yet(len(rows))
        return cls(record, rows, times, points, limits, point, record.values[rows], verdict, asked[point])

    @property
    def flags(self) -> NDArray[np.int8]:
        return self.verdict.flags(self.asked)

    def judge(self) -> None:
        """Put the readings to the tests of their points, at once those of all points of which the same is asked."""
        places, published = [each.place for each in self.points], self.record["published"][self.rows]
        since = np.array([EVER.min if each.since is None else each.since for each in places], np.int64)[self.point]
        until = np.array([EVER.max if each.until is None else each.until for each in places], np.int64)[self.point]
        impossible = moments.impossible(self.times, published, since, until)
        self.verdict.note("impossible_date", impossible, FAIL)
        started = self._seconds_since_start()
        valid, expected = ranges(each.valid for each in self.limits), ranges(each.expected for each in self.limits)
        for limits, points, rows in self._alike():
            verdict, point = self.verdict.part(rows), self.point[rows]
            readings = Readings(
                timeline(self.times[rows], changes(point), limits.looks_around),
                self.values[rows],
                (valid[0][point], valid[1][point]),
                (expected[0][point], expected[1][point]),
                *self._corrections(points, point),
            )
            self.values[rows] = judge(readings, limits, verdict)
            if limits.warm_up:
                verdict.mark("warming_up", started[rows] < limits.warm_up, SUSPECT)
            self.verdict.put(verdict, rows)

    def _alike(self) -> Iterable[tuple[Limits, list[int], slice | Whole]]:
        """Points of which the same is asked but for ranges, calibrated ones by themselves, and their readings."""
        groups: dict[tuple[Limits, bool], list[int]] = defaultdict(list)
        for place, (point, limits) in enumerate(zip(self.points, self.limits, strict=True)):
            groups[limits.of_any_range, bool(point.corrections)].append(place)
        for (limits, _), alike in groups.items():
            for points in self._blocks(alike):
                rows = [self.points[place].rows for place in points]
                if points[-1] - points[0] < len(points):
                    yield limits, points, slice(rows[0].start, rows[-1].stop)
                else:
                    yield limits, points, np.concatenate([np.arange(each.start, each.stop) for each in rows])

    def _blocks(self, points: list[int]) -> Iterable[list[int]]:
        """These points, a BLOCK of readings at a time."""
        rows = [self.points[place].rows for place in points]
        before = np.cumsum([0, *(each.stop - each.start for each in rows[:-1])])
        edges = [*np.flatnonzero(changes(before // BLOCK)).tolist(), len(points)]
        return (points[first:end] for first, end in pairwise(edges))

    def _corrections(self, points: list[int], point: Whole) -> tuple[Whole, Whole, Sequence[Sequence[Correction]]]:
        """Each reading's point, as its place among these, and how many corrections have begun; and those of each."""
        these = [self.points[place] for place in points]
        if not these[0].corrections:
            return point, point[:0], ()
        begun = [in_force(self.times[each.rows], each.corrections) for each in these]
        return np.searchsorted(points, point), np.concatenate(begun), [each.corrections for each in these]

    def _seconds_since_start(self) -> Floats:
        """Of the readings of devices that need to warm up; inf of others."""
        started = np.full(len(self.times), np.inf)
        asked = [each.warm_up or 0.0 for each in self.limits]
        if not any(asked):
            return started
        record, device = self.record, self.record["device"][self.rows]
        needy = [device[point.rows.start] for point, seconds in zip(self.points, asked, strict=True) if seconds]
        here = np.flatnonzero(np.isin(device, needy))
        rows = self.rows[here]
        order = in_order(*packed(device[here], self.times[here], *(record[name][rows] for name in ORDER)))
        here, rows = here[order], rows[order]
        line = timeline(self.times[here], changes(device[here]), LONGEST_GAP + max(asked) + 1)
        started[here] = moments.seconds_since_start(
            line, record["boot"][rows], record["seq"][rows], record.numbered[rows]
        )  # fmt: skip
        return started

    def compare_neighbours(self, places: Places) -> None:
        """Each device with what the good readings of its zone say; all are judged by what was found before."""
        good = self.flags == GOOD
        zones = defaultdict(list)
        for point, limits in zip(self.points, self.limits, strict=True):
            key = (point.place.site, point.place.zone, point.metric)
            if key in places.compared and point.device in places.registered:
                here = good[point.rows]
                said = self.times[point.rows][here], self.values[point.rows][here]
                zones[key].append((point.rows, limits.neighbours, said))
        for members in zones.values():
            for rows, asked, own in members:
                if asked:
                    others = [said for _, _, said in members if said is not own]
                    flags = unlike(self.times[rows], self.values[rows], others, asked)
                    self.verdict.part(rows).add("unlike_neighbours", flags)

    def table(self, rows: pa.Table, came: Whole) -> pa.Table:
        """Columns of REFINED. The raw value stays, so a fault stays visible."""
        columns = {name: rows[name] for name in ORIGIN}
        columns |= {"time": pa.array(self.times, TIME), "came": pa.array(came), "raw": rows["value"]}
        columns["value"] = rows["value"]
        calibrated = np.array([bool(each.place.corrections) for each in self.points], bool)[self.point]
        if calibrated.any():
            unknown = np.isnan(self.values) & (calibrated | ~known(rows["value"]))
            columns["value"] = pa.array(self.values, mask=unknown)
        columns |= {name: fact.take(pa.array(self.point)) for name, fact in self._facts().items()}
        columns |= {"flag": pa.array(self.flags, pa.int32()), "reasons": self.verdict.reasons()}
        return pa.table({name: columns[name] for name in _names(REFINED)})

    def _facts(self) -> dict[str, pa.Array]:
        """Of each point."""
        places = [each.place for each in self.points]
        sizes, slides = ([each.shape[which] for each in places] for which in (0, 1))
        return {
            "device": pa.array([each.device for each in self.points], pa.string()),
            "metric": pa.array([each.metric for each in self.points], pa.string()),
            "site": pa.array([each.site for each in places], pa.string()),
            "zone": pa.array([each.zone for each in places], pa.string()),
            "cadence": pa.array([each.cadence for each in places], pa.float64()),
            "size": pa.array(sizes, pa.int32()),
            "slide": pa.array(slides, pa.int32()),
        }


def _names(columns: str) -> list[str]:
    return [column.split()[0] for column in columns.split(", ")]
