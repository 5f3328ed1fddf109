"""The published reports as the pages show them: cards by day, found by opaque id."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from barograph.errors import ReportError
from barograph.reports import shelf
from barograph.reports.periods import Period
from barograph.reports.shelf import Published
from barograph.reports.words import Voice
from barograph.settings import Settings
from barograph_airflow.links import page_id

KEPT = 5.0
"""Seconds that a look at the disk is good for: ten sites with a year of reports each take more than one to list."""

WORDS = {"fine": "Fine", "events": "Events", "incomplete": "Incomplete", "empty": "No data"}


@dataclass(frozen=True)
class Card:
    """One report as its card shows it. What comes from report.json is outside text."""

    published: Published

    @property
    def key(self) -> str:
        return page_id(self.published.site, self.published.key)

    @property
    def period(self) -> Period:
        """The day, week, month or year that it is about."""
        key = self.published.key
        return Period.named(key) if key[:1].isalpha() else Period.of("day", self.published.day)

    @property
    def daily(self) -> bool:
        """Whether it can be signed off, and made anew from here."""
        return self.period.kind == "day"

    @property
    def when(self) -> str:
        """The same as people say it."""
        return Voice(self.period, "UTC").named(self.period)

    @cached_property
    def _summary(self) -> Mapping[str, Any]:
        try:
            return self.published.summary
        except ReportError as error:
            return {"headline": str(error)}

    @property
    def site(self) -> str:
        return str(self._summary.get("name") or self.published.site)

    @property
    def day(self) -> date:
        return self.published.day

    @property
    def revision(self) -> int:
        return self.published.revision

    @property
    def revisions(self) -> list[int]:
        return self.published.revisions

    @property
    def headline(self) -> str:
        return str(self._summary.get("headline", ""))

    @property
    def verdict(self) -> str:
        """One of ours, so that it may stand in a class attribute."""
        verdict = self._summary.get("verdict")
        return verdict if verdict in WORDS else "empty"

    @property
    def word(self) -> str:
        return WORDS[self.verdict]

    @property
    def series(self) -> list[Mapping[str, Any]]:
        """The day's figures by device and metric."""
        found = self._summary.get("series")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def downloads(self) -> list[str]:
        """Its files for people: what is not a chart, which the page has."""
        found = self._summary.get("files")
        names = [str(name) for name in found] if isinstance(found, dict) else []
        return sorted(name for name in (*names, "report.json") if not name.startswith("charts/"))

    @property
    def thumbnail(self) -> str | None:
        name = "charts/overview.png"
        return name if (self.published.folder / name).is_file() else None


class Shelf:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places: dict[str, tuple[str, date, str]] = {}
        self._longer: list[Published] = []
        self._seen: tuple[float, list[Published]] | None = None

    def sites(self) -> dict[str, str]:
        """Site -> what its latest report calls it."""
        latest = {report.site: report for report in reversed(self._listing())}
        return {name: Card(latest[name]).site for name in sorted(latest)}

    def by_day(self, site: str, kept: float = KEPT) -> dict[date, Card]:
        """The reports of a site; `kept`: how many seconds old a look at the disk may be."""
        return {report.day: Card(report) for report in self._listing(kept) if report.site == site}

    def find(self, key: str, revision: int | None = None) -> Published:
        """Raises ReportError."""
        if key not in self._places:
            self._listing(kept=0)
        if key not in self._places:
            raise ReportError("There is no such report. It may have been moved away with its data folder.")
        site, day, name = self._places[key]
        return shelf.find(self._settings, site, day, revision, name)

    def longer(self, site: str) -> list[Card]:
        """The reports of a site's weeks, months and years, newest first."""
        self._listing()
        return [Card(report) for report in self._longer if report.site == site]

    def card(self, key: str, revision: int | None = None) -> Card:
        return Card(self.find(key, revision))

    def beside(self, key: str) -> tuple[Card | None, Card | None]:
        """The reports of the same site before and after this one."""
        here = self.find(key)
        days = [Card(report) for report in self._listing() if report.site == here.site]
        place = next((place for place, card in enumerate(days) if card.published.key == here.key), None)
        if place is None:
            return None, None
        return (days[place + 1] if place + 1 < len(days) else None), (days[place - 1] if place else None)

    def cards_of(self, made: Iterable[Mapping[str, Any]]) -> list[Card]:
        """The reports that a run published and that are still there."""
        cards = []
        for facts in made:
            try:
                day = date.fromisoformat(str(facts["day"]))
                key = str(facts.get("key", day))
                cards.append(Card(shelf.find(self._settings, str(facts["site"]), day, int(facts["revision"]), key)))
            except (KeyError, ValueError, ReportError):
                continue  # not a report, or gone since
        return cards

    def _listing(self, kept: float = KEPT) -> list[Published]:
        if self._seen and time.monotonic() - self._seen[0] < kept:
            return self._seen[1]
        found = shelf.listing(self._settings)
        self._longer = shelf.longer(self._settings)
        everything = (*found, *self._longer)
        self._places = {page_id(one.site, one.key): (one.site, one.day, one.key) for one in everything}
        self._seen = time.monotonic(), found
        return found
