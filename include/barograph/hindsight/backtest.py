"""Run any rules over any past days: what would have fired, and how that differs from the rules in force.

Both are folded over the same readings, day by day, with the judge that `ingest` has. A suggestion looks for the limit
at which a rule fires at most so often a day.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from barograph import documents
from barograph.archive import Archive
from barograph.errors import DocumentError, QuestionError
from barograph.hindsight import readings
from barograph.hindsight.suggest import Limit, Sample, limit_of, watches_of
from barograph.registry import Site
from barograph.rules import checking
from barograph.rules.backtest import Difference, Fired, compared, fired
from barograph.rules.book import Rules
from barograph.rules.judge import judge
from barograph.rules.model import Rule
from barograph.rules.readings import Event, Judged
from barograph.rules.state import State
from barograph.rules.watches import Watches
from barograph.windows import Window, microseconds

LEAD = timedelta(days=1)
"""Before the range, so that what a rule remembers is there when it begins; longer for a rule with a longer period."""
Progress = Callable[[int, int], None]
"""Called with days done and days in all."""


@dataclass(frozen=True)
class Asked:
    """What is back-tested."""

    site: Site
    window: Window
    rules: Rules
    present: Rules
    """The rules in force, for comparison."""
    per_day: float | None = None
    """How many alarms a day each rule may give: limits are suggested for it."""


@dataclass(frozen=True)
class RuleLine:
    """One rule of either file."""

    rule: str
    before: int
    """Alarms with the rules in force."""
    after: int
    gained: int
    lost: int
    shifted: int
    suggested: Limit | None = None
    """The limit that would give at most the wanted alarms a day."""
    limit: Limit | None = None


@dataclass(frozen=True)
class Backtested:
    asked: Asked
    before: list[Fired]
    after: list[Fired]
    difference: Difference
    lines: list[RuleLine]
    readings: int
    settled: list[date]
    unsettled: list[date]
    """Days with readings that are not in it."""
    unlooked: list[str]
    """Rules for which no limit was looked for: they have too many readings in this range."""

    @property
    def days(self) -> float:
        """The length of what was looked at."""
        return len(self.settled)

    def per_day(self, found: Sequence[Fired]) -> float:
        return len(found) / self.days if self.days else 0.0

    def by_day(self) -> list[tuple[date, int, int]]:
        """Of each local day, how many alarms opened: with the rules in force, and with these."""
        zone = self.asked.site.timezone
        counts = [Counter(_local(each.opened, zone) for each in found) for found in (self.before, self.after)]
        return [(day, counts[0][day], counts[1][day]) for day in self.settled]

    @property
    def key(self) -> str:
        """Of the question and the days it was asked of: asked again, the answer takes the place of the first."""
        asked = self.asked
        said = [asked.site.site, str(asked.window), asked.rules.model_dump_json(), asked.present.model_dump_json(),
                str(asked.per_day), *map(str, self.settled)]  # fmt: skip
        return hashlib.sha256("\0".join(said).encode()).hexdigest()[:20]


def backtest(archive: Archive, asked: Asked, progress: Progress | None = None) -> Backtested:
    """Raises QuestionError where no day of the range is settled."""
    archive = archive.pinned("refined", "days", "readings")
    ahead = asked.window.widened(
        max([LEAD, *(memory_of(rule) for book in (asked.rules, asked.present) for rule in book.rules)])
    )
    known, unsettled = readings.days(archive, asked.site, ahead)
    settled = [day for day in known if Window.local_day(day, asked.site.timezone).clipped(asked.window)]
    if not settled:
        raise QuestionError(
            f"{asked.site.site} has no settled day in {asked.window}. `barograph archive show` says which there are."
        )
    sample = Sample(asked.site, asked.rules, asked.window, asked.per_day)
    events: tuple[list[Event], list[Event]] = ([], [])
    count = done = 0
    for stretch in readings.stretches(known):
        begins = microseconds(Window.local_day(stretch[0], asked.site.timezone).start)
        books = [watches_of(asked.site, book, begins) for book in (asked.present, asked.rules)]
        states = [State(), State()]
        for day in stretch:
            heard = readings.of_day(archive, asked.site, day, lambda device, metric: _heard(books, device, metric))  # noqa: B023
            horizon = microseconds(Window.local_day(day, asked.site.timezone).end)
            for place, watches in enumerate(books):
                states[place], found = judge(states[place], heard, watches, horizon)
                events[place].extend(found)
            if day in settled:
                sample.keep(heard)
                count += len(heard)
            done += 1
            if progress:
                progress(done, len(known))
    before, after = (_opened_in(fired(found), asked.window) for found in events)
    suggested = sample.suggested()
    return Backtested(
        asked,
        before,
        after,
        difference := compared(before, after),
        _lines(before, after, difference, suggested, asked.rules),
        count,
        settled,
        [day for day in unsettled if Window.local_day(day, asked.site.timezone).clipped(asked.window)],
        sample.unlooked,
    )


def read(path: Path, text: str, site: Site) -> Rules:
    """Rules as they would stand in a site's file. Raises DocumentError that lists every mistake."""
    document = documents.parse(path, text)
    rules = documents.validated(document, Rules)
    wrong = [document.problem(place, what) for place, what in checking.told(rules, site).mistakes]
    if wrong:
        raise DocumentError("\n".join(wrong))
    return rules


def days_of(site: Site, first: date, last: date) -> Window:
    """The range from a local day to another, both in it. Raises QuestionError."""
    if last < first:
        raise QuestionError(f"{last} is before {first}.")
    return Window(Window.local_day(first, site.timezone).start, Window.local_day(last, site.timezone).end)


def _heard(books: Sequence[Watches], device: str, metric: str) -> bool:
    return any(book.hearing(Judged(0, device, metric, None)) for book in books)


def memory_of(rule: Rule) -> timedelta:
    """How far back a rule looks."""
    spans = [rule.hold, rule.gap or 0.0, *(level.hold or 0.0 for level in rule.levels), getattr(rule, "period", 0.0)]
    return timedelta(seconds=max(spans))


def _opened_in(found: Sequence[Fired], window: Window) -> list[Fired]:
    return [each for each in found if each.opened in window]


def _lines(
    before: Sequence[Fired],
    after: Sequence[Fired],
    difference: Difference,
    suggested: dict[str, Limit | None],
    rules: Rules,
) -> list[RuleLine]:
    def counts(some: Iterable[Fired]) -> Counter[str]:
        return Counter(each.key[0] for each in some)

    old, new, gained, lost = map(counts, (before, after, difference.gained, difference.lost))
    shifted = counts(pair.after for pair in difference.shifted)
    limits = {rule.rule: limit_of(rule) for rule in rules.rules}
    return [
        RuleLine(
            name, old[name], new[name], gained[name], lost[name], shifted[name], suggested.get(name), limits.get(name)
        )
        for name in dict.fromkeys([*limits, *sorted(old)])
    ]


def _local(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
