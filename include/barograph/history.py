"""What the record holds, day by day: for rebuilding what was made from it, and for proving that it is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from barograph import registry
from barograph.archive import Archive
from barograph.errors import SinkError
from barograph.influx import fields, view
from barograph.ingest import annotate
from barograph.ingest.drain import WRITER
from barograph.ingest.refine import kept_since, places_of
from barograph.registry import Site
from barograph.settings import Settings
from barograph.settle import settle
from barograph.state import stale
from barograph.state.engine import connect
from barograph.state.ledger import Ledger
from barograph.windows import TICK, Window

log = structlog.get_logger()

NAMED = 3
"""Fields of series that an error names."""


@dataclass(frozen=True)
class Proof:
    """What InfluxDB shows of a day, against what the archive has."""

    points: int = 0
    differ: Sequence[str] = field(default=())
    """Fields of series that are others there than here, as `bucket metric device zone field`."""


def days_of_record(settings: Settings) -> Iterator[tuple[Site, date]]:
    """Every (site, local day) that a UTC day of the record touches, oldest first."""
    days = Archive.of(settings).days()
    for site in registry.read_sites(settings.sites_folder):
        local = {here for day in days for here in Window.local_day(day, "UTC").local_days(site.timezone)}
        for day in sorted(local):
            yield site, day


def mark_changed(settings: Settings) -> list[tuple[str, date]]:
    """Mark the settled days stale that registry or settings would refine otherwise now; says which they are.

    A corrected calibration reaches the days from its date on, another zone all of its device, and no others.
    """
    archive = Archive.of(settings)
    sites = registry.read_sites(settings.sites_folder)
    places = places_of(settings, sites)
    known = {site.site for site in sites}
    points: dict[tuple[str, date], list[tuple[str, str]]] = {}
    of_day = pc.field("period") == "day"
    for row in archive.over_days("rollups", ["site", "day", "device", "metric"], of_day):
        points.setdefault((row["site"], row["day"]), []).append((row["device"], row["metric"]))
    changed = []
    for row in archive.over_days("days", ["site", "day", "start", "end", "inputs"]):
        local = row["site"], row["day"]
        now = places.inputs(points.get(local, []), Window(row["start"], row["end"]))
        if row["site"] in known and row["inputs"] != now:
            changed.append(local)
    newest = Ledger(connect(settings), WRITER).latest()
    stale.mark(connect(settings), changed, stale.REGISTRY, newest.batch if newest else 0)
    return changed


def rebuild(settings: Settings, site: Site, day: date) -> Proof | None:
    """Make a day in InfluxDB anew from the record, and prove it; None for a day that is not over: it goes on changing.

    Its alarms are shown again as SQL has them.

    Points that are there and in no table, such as those of a zone in which a device no longer is, are deleted.
    Raises SinkError if InfluxDB shows something else all the same.
    """
    settle(settings, site, day)
    newest = Ledger(connect(settings), WRITER).latest()
    window = Window.local_day(day, site.timezone)
    annotate.rebuild(settings, connect(settings), site.site, window)
    if newest is None or newest.horizon < window.end:
        return None
    proof = prove(settings, site, day, kept_since(settings, newest))
    if proof.differ:
        log.warning("rebuilt_differs", site=site.site, day=day.isoformat(), fields=len(proof.differ))
        view.remove_day(settings, site.site, window)
        settle(settings, site, day)
        annotate.rebuild(settings, connect(settings), site.site, window)
        proof = prove(settings, site, day, kept_since(settings, newest))
    if proof.differ:
        raise SinkError(
            f"InfluxDB does not show {day} of {site.site} as the archive has it: {len(proof.differ)} fields of series "
            f"differ, such as {'; '.join(proof.differ[:NAMED])}. `barograph influx refused` shows the lines that it "
            "refused."
        )
    return proof


@dataclass(frozen=True)
class _Kind:
    """Points of one kind, and where the archive has what they show."""

    table: str
    bucket: str
    """As the settings call it."""
    time: str
    keys: Sequence[str]
    fields: Sequence[str]

    def rows(self, archive: Archive, site: str, day: date, where: Window) -> pa.Table:
        """The settled day's, each with the fields that its point has."""
        rows = archive.derived(self.table, site, day, [*self.keys, self.time, *self.fields])
        if self.table == "refined":
            return _as_points(rows)
        return rows.filter((pc.field(self.time) >= where.start) & (pc.field(self.time) < where.end))


_KEYS = ("metric", "device", "zone")
_READINGS = _Kind("refined", "readings", "time", _KEYS, fields.OF_READINGS)
_ROLLUPS = _Kind("rollups", "rollups", "start", (*_KEYS, "period"), fields.OF_ROLLUPS)
_WINDOWS = _Kind("windows", "windows", "end", _KEYS, fields.OF_WINDOWS)


def prove(settings: Settings, site: Site, day: date, windows_since: datetime) -> Proof:
    """Compare a settled day with its points: how many of every field of every series, and a hash of them."""
    window = Window.local_day(day, site.timezone)
    ends = Window(window.start + TICK, window.end + TICK)
    kept = ends.clipped(Window(max(windows_since + TICK, ends.start), max(windows_since + TICK, ends.end)))
    points, differ = 0, []
    for kind in (_READINGS, _ROLLUPS, _WINDOWS):
        where = kept if kind is _WINDOWS else window
        if where is None:
            continue
        bucket = getattr(settings.influx, kind.bucket)
        rows = kind.rows(Archive.of(settings), site.site, day, where)
        for name in kind.fields:
            ours = view.prints(rows, kind.keys, kind.time, name)
            theirs = view.shown(settings, bucket, name, site.site, where, "period" in kind.keys)
            differ += [f"{bucket} {' '.join(series)} {name}" for series in _differing(ours, theirs)]
            points += sum(count for count, _ in ours.values()) if name == kind.fields[0] else 0
    return Proof(points, differ)


def _as_points(refined: pa.Table) -> pa.Table:
    """As lines.reading_lines says it: reasons as one text, and the raw value only where it is another."""
    same = pc.fill_null(pc.equal(refined["raw"], refined["value"]), False)
    raw = pc.if_else(same, pa.scalar(None, pa.float64()), refined["raw"])
    reasons = pc.binary_join(refined["reasons"], ",")
    names = refined.column_names
    return refined.set_column(names.index("raw"), "raw", raw).set_column(names.index("reasons"), "reasons", reasons)


def _differing(ours: view.Prints, theirs: view.Prints) -> list[view.Series]:
    return sorted(series for series in ours.keys() | theirs.keys() if ours.get(series) != theirs.get(series))
