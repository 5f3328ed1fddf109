"""Where published reports lie, and finding them: reports/<site>/<day>/r<N>, and `latest` beside it. No SQL.

A page asks for a report by site, day and revision, never by path; what is found is checked to lie below the folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from barograph.errors import ReportError
from barograph.reports.periods import Period
from barograph.settings import Settings

LATEST = "latest"
MANIFEST = "report.json"
REVISION = re.compile(r"r([1-9][0-9]{0,8})")
KEY = re.compile(r"[A-Za-z0-9-]{4,40}(\.[a-z0-9-]{1,80})?")
SITE = re.compile(r"[a-z0-9][a-z0-9_\-]{0,49}")


@dataclass(frozen=True)
class Published:
    """One revision of one day's report, as it lies on the disk."""

    site: str
    day: date
    revision: int
    folder: Path

    @property
    def key(self) -> str:
        """Of its time and its part of the site: `2026-06-17`, `week-2026-W25`."""
        return self.folder.parent.name

    @property
    def page(self) -> Path:
        return self.folder / "index.html"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Its report.json. Raises ReportError if that was damaged."""
        try:
            content = json.loads(self.file(MANIFEST).read_bytes())
        except ValueError as error:
            raise ReportError(f"{self.folder / MANIFEST} is damaged. {_again(self.site, self.day)}") from error
        if not isinstance(content, dict):
            raise ReportError(f"{self.folder / MANIFEST} is damaged. {_again(self.site, self.day)}")
        return content

    @property
    def revisions(self) -> list[int]:
        return revisions(self.folder.parent)

    def file(self, name: str) -> Path:
        """One of its files, such as `charts/overview.svg`. Raises ReportError for anything else."""
        path = _below(self.folder, name)
        try:
            if path.is_file():
                return path
        except OSError:
            pass  # longer than any name
        raise ReportError(f"The report of {self.site}, {self.day} has no file {name!r}.")

    def intact(self, manifest: str) -> bool:
        """Whether every file is as it was written; `manifest` is the sha256 that report.json had."""
        try:
            content = (self.folder / MANIFEST).read_bytes()
            if digest(content) != manifest:
                return False
            return all(digest((self.folder / name).read_bytes()) == sha for name, sha in self.summary["files"].items())
        except OSError:
            return False


def find(settings: Settings, site: str, day: date, revision: int | None = None, key: str | None = None) -> Published:
    """The published report of a day, its latest revision unless said. Raises ReportError.

    `key` is that of a report of another time or of a part of the site, which begins on `day`.
    """
    root = settings.reports_folder
    if not SITE.fullmatch(site):
        raise ReportError(f"{site!r} is not a site's name.")
    key = day.isoformat() if key is None else key
    if not KEY.fullmatch(key):
        raise ReportError(f"{key!r} is not the name of a report.")
    folder = _below(root, f"{site}/{key}")
    found = revision if revision is not None else _latest(folder)
    if found is None or not (folder / f"r{found}" / "index.html").is_file():
        which = f"revision {revision} of the report" if revision is not None else "report"
        raise ReportError(f"There is no {which} of {site}, {day}. {_again(site, day)}")
    return Published(site, day, found, _below(root, f"{site}/{key}/r{found}"))


def listing(settings: Settings) -> list[Published]:
    """The latest report of each site and day, newest day first."""
    found = []
    for folder in settings.reports_folder.glob("*/*"):
        try:
            day = date.fromisoformat(folder.name)
            if folder.name != day.isoformat():
                continue
            found.append(find(settings, folder.parent.name, day))
        except (ValueError, ReportError):
            continue  # not ours, or not published yet
    return sorted(found, key=lambda report: (-report.day.toordinal(), report.site))


def longer(settings: Settings) -> list[Published]:
    """The latest report of each week, month and year of a whole site, newest first."""
    found = []
    for folder in settings.reports_folder.glob("*/*-*"):
        try:
            first = Period.named(folder.name).first
            found.append(find(settings, folder.parent.name, first, key=folder.name))
        except (ValueError, ReportError):
            continue  # a day's, a part's, not ours, or not published yet
    return sorted(found, key=lambda report: (-report.day.toordinal(), report.key, report.site))


def around(settings: Settings, site: str, day: date, today: date) -> list[Period]:
    """The weeks and months with a report of the site that a day lies in; those that are over."""
    named = [Period.named(report.key) for report in longer(settings) if report.site == site]
    return [each for each in named if each.kind != "year" and each.first <= day <= each.last < today]


def revisions(folder: Path) -> list[int]:
    """The revisions that lie in the folder of a day, in order."""
    matches = (REVISION.fullmatch(path.name) for path in folder.glob("r*"))
    return sorted(int(match[1]) for match in matches if match)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _latest(folder: Path) -> int | None:
    """What the link says; where it's lost, the highest revision."""
    link = folder / LATEST
    match = REVISION.fullmatch(link.readlink().name) if link.is_symlink() else None
    if match and (folder / match[0]).is_dir():
        return int(match[1])
    return max(revisions(folder), default=None)


def _below(root: Path, name: str) -> Path:
    """`root`/`name` with every link followed. Raises ReportError if that leads out of `root`."""
    try:
        base = root.resolve()
        path = (base / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ReportError(f"{name!r} is not the name of a file.") from error
    if not path.is_relative_to(base):
        raise ReportError(f"{name!r} leads out of the reports folder.")
    return path


def _again(site: str, day: date) -> str:
    return f"Make it with: barograph report make {site} --day {day}"
