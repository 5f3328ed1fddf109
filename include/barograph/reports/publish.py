"""Publish a day's report: nothing half-written is ever seen, the same data never gives another revision.

reports/<site>/<day>/r<N>/   index.html charts/ readings.csv summary.csv report.json
reports/<site>/<day>/latest  -> r<N>

A revision is written to a hidden sibling, synced, renamed, registered, and then `latest` is turned to it. Whatever is
interrupted in between, the previous revision can be read, and the next run ends the work.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from barograph.archive import Archive
from barograph.errors import ReportError
from barograph.registry import Site
from barograph.reports import charts, sheets
from barograph.reports.catalogue import Catalogue, Entry, SqlCatalogue
from barograph.reports.data import ReportData, gather
from barograph.reports.findings import Findings, judge
from barograph.reports.overview import NARROW, WIDE, overview
from barograph.reports.page import chart_name, page
from barograph.reports.shelf import LATEST, MANIFEST, Published, digest, find, listing, revisions
from barograph.settings import Settings
from barograph.windows import Window

__all__ = ["Published", "Report", "find", "listing", "report"]


@dataclass(frozen=True)
class Report:
    site: str
    day: date
    revision: int
    folder: Path
    fingerprint: str
    changed: bool
    """Whether this run published a new revision."""
    verdict: str
    headline: str

    @property
    def page(self) -> Path:
        return self.folder / "index.html"


def report(settings: Settings, site: Site, day: date, catalogue: Catalogue | None = None) -> Report:
    """Make and publish the report of a settled day. Raises WriterBusy, LedgerError, ServiceUnavailable.

    The same data as the latest revision's is nothing new: its files are checked, and rebuilt where damaged.
    """
    catalogue = catalogue or SqlCatalogue.of(settings)
    archive = Archive.of(settings)
    with catalogue.lock(site.site, day):
        # Gathered under the lock: a slower copy must not publish an older view as the newer revision.
        marks = catalogue.stale(site.site, day)
        alarms = catalogue.alarms(site.site, Window.local_day(day, site.timezone))
        data = gather(archive, site, day, alarms, settings.ingest.default_cadence)
        findings = judge(data)
        folder = settings.reports_folder / site.site / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        latest = catalogue.latest(site.site, day)
        kept = latest and _kept(folder, latest, data, findings)
        entry = latest if latest and kept else _new(folder, latest, data, findings, archive, catalogue)
        _turn(folder, entry.revision)
        catalogue.answered(marks)
    return Report(
        site=site.site,
        day=day,
        revision=entry.revision,
        folder=folder / f"r{entry.revision}",
        fingerprint=entry.fingerprint,
        changed=not kept,
        verdict=findings.verdict,
        headline=findings.headline,
    )


def files(data: ReportData, findings: Findings, revision: int) -> Iterator[tuple[str, bytes]]:
    """Every file of a report, one after the other; report.json comes last and vouches for the others."""
    sums: dict[str, str] = {}
    for name, content in _contents(data, findings, revision):
        sums[name] = digest(content)
        yield name, content
    yield MANIFEST, sheets.report_json(data, findings, revision, sums)


def _contents(data: ReportData, findings: Findings, revision: int) -> Iterator[tuple[str, bytes]]:
    yield "readings.csv", sheets.readings_csv(data)
    yield "summary.csv", sheets.summary_csv(data)
    if data.rows:
        with charts.style():
            yield from _charts(data)
    yield "index.html", page(data, findings, revision)


def _charts(data: ReportData) -> Iterator[tuple[str, bytes]]:
    wide = overview(data, WIDE)
    yield "charts/overview.svg", charts.svg(wide)
    yield "charts/overview.png", charts.png(wide)
    yield "charts/overview-narrow.svg", charts.svg(overview(data, NARROW))
    for device in data.devices:
        for series in device.series:
            place = (device.device, series.metric.name)
            alarms = [alarm for alarm in data.alarms if (alarm.device, alarm.metric) == place]
            figure = charts.curve(series, device.label, alarms, data.window, data.timezone)
            yield f"{chart_name(series)}.svg", charts.svg(figure)
            yield f"{chart_name(series)}.png", charts.png(figure)


def _kept(folder: Path, latest: Entry, data: ReportData, findings: Findings) -> bool:
    """Whether the latest revision still says all there is to say; its damaged files are rebuilt in place.

    False too where they can't be rebuilt byte for byte (another version draws otherwise): a revision never changes.
    """
    if latest.fingerprint != data.fingerprint:
        return False
    manifest = latest.inputs["manifest"]
    target = folder / f"r{latest.revision}"
    if Published(latest.site, latest.day, latest.revision, target).intact(manifest):
        return True
    draft, again = _draft(folder, data, findings, latest.revision)
    if again != manifest:
        shutil.rmtree(draft)
        return False
    if target.is_dir():
        _mend(draft, target)
    else:
        draft.rename(target)
    _sync(folder)
    return True


def _new(
    folder: Path, latest: Entry | None, data: ReportData, findings: Findings, archive: Archive, catalogue: Catalogue
) -> Entry:
    last = latest.revision if latest else 0
    revision, manifest = _orphan(folder, last, data)
    if not manifest:
        revision = max([last, *revisions(folder)]) + 1
        draft, manifest = _draft(folder, data, findings, revision)
        draft.rename(folder / f"r{revision}")
        _sync(folder)
    inputs = {
        **sheets.inputs(data),
        "manifest": manifest,
        "archive": {table: archive.version(table) for table in ("readings", "refined", "rollups", "days")},
    }
    target = f"{data.site}/{data.day}/r{revision}"
    entry = Entry(data.site, data.day, revision, data.fingerprint, inputs, target)
    catalogue.add(entry)
    return entry


def _orphan(folder: Path, last: int, data: ReportData) -> tuple[int, str]:
    """The revision and manifest of what a run published and could not register, or a restored database forgot."""
    highest = max(revisions(folder), default=0)
    if highest <= last:
        return 0, ""
    found = Published(data.site, data.day, highest, folder / f"r{highest}")
    try:
        manifest = digest(found.file(MANIFEST).read_bytes())
        same = found.summary.get("fingerprint") == data.fingerprint
    except ReportError:
        return 0, ""
    return (highest, manifest) if same and found.intact(manifest) else (0, "")


def _draft(folder: Path, data: ReportData, findings: Findings, revision: int) -> tuple[Path, str]:
    """Write a revision to a hidden sibling, safe on the disk; returns it and its manifest."""
    draft = folder / f".r{revision}"
    manifest = ""
    (draft / "charts").mkdir(parents=True)
    for name, content in files(data, findings, revision):
        (draft / name).write_bytes(content)
        manifest = digest(content)  # report.json is the last one
    for path in draft.rglob("*"):
        _sync(path)
    _sync(draft)
    return draft, manifest


def _mend(draft: Path, target: Path) -> None:
    """Put the files of the draft where those of the target are damaged or gone."""
    for path in sorted(path for path in draft.rglob("*") if path.is_file()):
        place = target / path.relative_to(draft)
        if not place.is_file() or place.is_symlink() or digest(place.read_bytes()) != digest(path.read_bytes()):
            place.parent.mkdir(exist_ok=True)
            path.replace(place)
            _sync(place.parent)
    shutil.rmtree(draft)


def _turn(folder: Path, revision: int) -> None:
    """Let `latest` point to a revision, in one step."""
    link, target = folder / LATEST, f"r{revision}"
    if link.is_symlink() and str(link.readlink()) == target:
        return
    fresh = folder / f".{LATEST}"
    fresh.symlink_to(target)
    fresh.replace(link)
    _sync(folder)


def _sweep(folder: Path) -> None:
    """Remove what an interrupted run left; we hold the lock, so nobody is at it."""
    for path in [*folder.glob(".r*"), *folder.glob(f".{LATEST}")]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
