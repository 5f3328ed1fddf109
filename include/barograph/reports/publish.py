"""Publish a report: nothing half-written is ever seen, the same data never gives another revision.

reports/<site>/<day>/r<N>/   index.html report.pdf charts/ readings.csv summary.csv report.json
reports/<site>/<day>/latest  -> r<N>

<day> is `2026-06-17`, `week-2026-W25`, `month-2026-06` and the like, with `.zone-...` or `.device-...` behind it where
it is of a part of the site. A revision is written to a hidden sibling, synced, renamed, registered, and then `latest`
is turned to it. Whatever is interrupted in between, the previous revision can be read, and the next run ends the work.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from barograph.archive import Archive
from barograph.errors import ReportError
from barograph.registry import Site
from barograph.reports import canvas, sheets
from barograph.reports.catalogue import Catalogue, Entry, SqlCatalogue
from barograph.reports.changes import Since, since
from barograph.reports.contents import contents
from barograph.reports.data import Quality, ReportData
from barograph.reports.drawing import Picture, pictures
from barograph.reports.findings import Findings, judge
from barograph.reports.gallery import charts, jobs, look
from barograph.reports.gather import gather
from barograph.reports.overview import NARROW, WIDE, overview
from barograph.reports.page import page
from barograph.reports.pdf import pdf
from barograph.reports.periods import SITE, Period, Scope
from barograph.reports.shelf import LATEST, MANIFEST, Published, digest, find, listing, revisions
from barograph.rules.book import read_rules
from barograph.settings import Settings
from barograph.state.signoffs import Signoff

__all__ = ["Published", "Report", "find", "listing", "report"]

MOST_READINGS = 2_000_000
"""Readings of a day up to which they lie beside its report as CSV; `barograph export` writes any number."""


@dataclass(frozen=True)
class Report:
    site: str
    day: date
    """The first of its period."""
    revision: int
    folder: Path
    fingerprint: str
    changed: bool
    """Whether this run published a new revision."""
    verdict: str
    headline: str
    unwritten: bool = False
    """Whether this machine had not all the letters it needs."""

    @property
    def key(self) -> str:
        """Of its time and its part of the site: `2026-06-17`, `week-2026-W25`."""
        return self.folder.parent.name

    @property
    def page(self) -> Path:
        return self.folder / "index.html"


@dataclass(frozen=True, eq=False)
class _Made:
    """What one revision is written from."""

    data: ReportData
    findings: Findings
    own: Path | None
    """The user's folder with templates and charts, if there is one."""
    processes: int = 0
    signoffs: list[Signoff] = field(default_factory=list)


def report(
    settings: Settings, site: Site, about: Period | date, catalogue: Catalogue | None = None, scope: Scope = SITE
) -> Report:
    """Make and publish the report of settled days. Raises WriterBusy, LedgerError, ServiceUnavailable, ReportError.

    The same data as the latest revision's is nothing new: its files are checked, and rebuilt where damaged.
    """
    period = about if isinstance(about, Period) else Period.of("day", about)
    catalogue = catalogue or SqlCatalogue.of(settings)
    archive = Archive.of(settings)
    key = period.key + scope.key
    daily = period.kind == "day" and scope == SITE
    with catalogue.lock(site.site, key):
        # Gathered under the lock: a slower copy must not publish an older view as the newer revision.
        marks = catalogue.stale(site.site, period.first) if daily else []
        signoffs = catalogue.signoffs(site.site, period.first) if daily else []
        made = _made(settings, site, period, scope, archive, catalogue, signoffs)
        folder = settings.reports_folder / site.site / key
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        latest = catalogue.latest(site.site, key)
        kept = latest and _kept(folder, latest, made)
        entry = latest if latest and kept else _new(folder, latest, made, archive, catalogue)
        _turn(folder, entry.revision)
        catalogue.answered(marks)
    return Report(
        site=site.site,
        day=period.first,
        revision=entry.revision,
        folder=folder / f"r{entry.revision}",
        fingerprint=entry.fingerprint,
        changed=not kept,
        verdict=made.findings.verdict,
        headline=made.findings.headline,
        unwritten=made.data.unwritten,
    )


def _made(
    settings: Settings, site: Site, period: Period, scope: Scope, archive: Archive, catalogue: Catalogue,
    signoffs: list[Signoff],
) -> _Made:  # fmt: skip
    said = settings.reports
    written = canvas.writes(said.language)
    legible = _legible(site)
    own = settings.own_report_folder if settings.own_report_folder.is_dir() else None
    data = gather(
        archive,
        legible,
        period,
        scope,
        alarms=catalogue.alarms(site.site, period.window(site.timezone)),
        rules=read_rules(settings.sites_folder / site.site).rules,
        default_cadence=settings.ingest.default_cadence,
        quality=Quality(promise=said.promise, late_after=said.grace or 900),
        language=said.language if written else "en",
        look=look(own),
        units=said.units,
    )
    if not written or legible is not site:
        data = replace(data, unwritten=True)
    return _Made(data, judge(data), own, said.processes, signoffs)


def _legible(site: Site) -> Site:
    """The site itself, or with ids in the place of names of which this machine has no letters."""
    name = canvas.legible(site.name, site.site)
    shown = [canvas.legible(device.name, "") for device in site.devices]
    if name == site.name and shown == [device.name for device in site.devices]:
        return site
    devices = [device.model_copy(update={"name": each}) for device, each in zip(site.devices, shown, strict=True)]
    return site.model_copy(update={"name": name, "devices": devices})


def files(made: _Made, revision: int, before: Since) -> Iterator[tuple[str, bytes]]:
    """Every file of a report, one after the other; report.json comes last and vouches for the others."""
    sums: dict[str, str] = {}
    for name, content in _contents(made, revision, before):
        sums[name] = digest(content)
        yield name, content
    yield MANIFEST, sheets.report_json(made.data, made.findings, revision, before, sums)


def _contents(made: _Made, revision: int, before: Since) -> Iterator[tuple[str, bytes]]:
    data = made.data
    if data.period.kind == "day" and data.rows <= MOST_READINGS:
        yield "readings.csv", sheets.readings_csv(data)
    yield "summary.csv", sheets.summary_csv(data)
    shown: list[Picture] = []
    glance: dict[str, tuple[bytes, bytes]] = {}
    if data.rows:
        with canvas.style():
            for name, shape in (("overview", WIDE), ("overview-narrow", NARROW)):
                svg, png = canvas.svg(overview(data, shape)), canvas.png(overview(data, shape))
                glance[f"charts/{name}"] = svg, png
                yield f"charts/{name}.svg", svg
                yield f"charts/{name}.png", png
        for picture in pictures(list(jobs(data, charts(made.own))), made.own, made.processes):
            yield f"{picture.job.name}.svg", picture.svg
            yield f"{picture.job.name}.png", picture.png
            if picture.job.detailed:
                shown.append(picture)
    said = contents(data, made.findings, shown, glance, revision, before)
    yield "index.html", page(said, made.own)
    yield "report.pdf", pdf(said)


def _kept(folder: Path, latest: Entry, made: _Made) -> bool:
    """Whether the latest revision still says all there is to say; its damaged files are rebuilt in place.

    False too where they can't be rebuilt byte for byte (another version draws otherwise): a revision never changes.
    """
    if latest.fingerprint != made.data.fingerprint:
        return False
    manifest = latest.inputs["manifest"]
    target = folder / f"r{latest.revision}"
    if Published(latest.site, made.data.day, latest.revision, target).intact(manifest):
        return True
    draft, again = _draft(folder, made, latest.revision, Since.read(latest.inputs.get("since")))
    if again != manifest:
        shutil.rmtree(draft)
        return False
    if target.is_dir():
        _mend(draft, target)
    else:
        draft.rename(target)
    _sync(folder)
    return True


def _new(folder: Path, latest: Entry | None, made: _Made, archive: Archive, catalogue: Catalogue) -> Entry:
    data = made.data
    last = latest.revision if latest else 0
    before = _since(folder, latest, made)
    revision, manifest = _orphan(folder, last, data)
    if not manifest:
        revision = max([last, *revisions(folder)]) + 1
        draft, manifest = _draft(folder, made, revision, before)
        draft.rename(folder / f"r{revision}")
        _sync(folder)
    inputs = {
        **sheets.inputs(data),
        "manifest": manifest,
        "since": before.kept(),
        "archive": {table: archive.version(table) for table in ("readings", "refined", "rollups", "days")},
    }
    target = f"{data.site}/{data.key}/r{revision}"
    entry = Entry(data.site, data.key, revision, data.fingerprint, inputs, target)
    catalogue.add(entry)
    return entry


def _since(folder: Path, latest: Entry | None, made: _Made) -> Since:
    """What the new revision says about the one before it; nothing where that is gone."""
    if latest is None:
        return Since()
    published = Published(latest.site, made.data.day, latest.revision, folder / f"r{latest.revision}")
    try:
        before = published.summary
    except (ReportError, OSError):
        before = None
    rows, alarms = sheets.summaries(made.data), sheets.alarms(made.data)
    return since(before, latest.revision, made.data, rows, alarms, made.signoffs)


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


def _draft(folder: Path, made: _Made, revision: int, before: Since) -> tuple[Path, str]:
    """Write a revision to a hidden sibling, safe on the disk; returns it and its manifest."""
    draft = folder / f".r{revision}"
    manifest = ""
    (draft / "charts").mkdir(parents=True)
    for name, content in files(made, revision, before):
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
