"""The days of a site as a calendar: which report says what, which is stale, which is missing."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from barograph_airflow.links import page_id
from barograph_airflow.ui import words
from barograph_airflow.ui.shelf import WORDS, Card

MONTHS = 3
"""Shown at a time."""

SIGNS = {"fine": "✓", "events": "!", "incomplete": "◐", "empty": "∅", "missing": "–", "future": "", "before": ""}
"""So that a day is not told by its colour alone."""


@dataclass(frozen=True)
class Day:
    site: str
    day: date
    state: str
    """fine, events, incomplete, empty as the report says; missing; future and before: no report is expected."""
    card: Card | None = None
    stale: str = ""
    """Why its report no longer says all there is to say."""

    @property
    def key(self) -> str:
        return page_id(self.site, self.day.isoformat())

    @property
    def sign(self) -> str:
        return SIGNS[self.state]

    @property
    def said(self) -> str:
        word = (
            WORDS.get(self.state) or {"missing": "no report", "future": "not over yet", "before": "no data"}[self.state]
        )
        return f"{words.long_day(self.day)}: {word}{f', stale: {self.stale}' if self.stale else ''}"


@dataclass(frozen=True)
class Month:
    name: str
    weeks: Sequence[Sequence[Day | None]]

    @property
    def days(self) -> list[Day]:
        return [day for week in self.weeks for day in week if day]


def months(
    site: str, cards: Mapping[date, Card], stale: Mapping[date, str], first: date, today: date, last: date
) -> list[Month]:
    """The months up to the one that `last` lies in, newest first. Reports are expected from `first` to yesterday."""
    found = []
    year, number = last.year, last.month
    for _ in range(MONTHS):
        weeks = calendar.Calendar().monthdatescalendar(year, number)
        shown = [
            [_day(site, day, cards, stale, first, today) if day.month == number else None for day in week]
            for week in weeks
        ]
        found.append(Month(words.month(date(year, number, 1)), shown))
        year, number = (year, number - 1) if number > 1 else (year - 1, 12)
    return found


def missing(cards: Mapping[date, Card], first: date, today: date) -> list[date]:
    """Days that are over, had data before them, and have no report."""
    size = max(0, (today - first).days)
    return [day for day in (first + timedelta(days=place) for place in range(size)) if day not in cards]


def _day(site: str, day: date, cards: Mapping[date, Card], stale: Mapping[date, str], first: date, today: date) -> Day:
    card = cards.get(day)
    if card:
        state = card.verdict
    elif day >= today:
        state = "future"
    else:
        state = "missing" if day >= first else "before"
    return Day(site, day, state, card, stale.get(day, ""))
