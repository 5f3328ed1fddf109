"""How an alarm came about: the readings that its rule heard, folded again, and every step that led to a transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from barograph import documents, registry
from barograph.archive import Archive
from barograph.errors import AlarmError
from barograph.hindsight import readings
from barograph.hindsight.backtest import memory_of
from barograph.hindsight.suggest import watches_of
from barograph.registry import Site
from barograph.rules import explain as fold
from barograph.rules.book import FILE, Rules, read_rules
from barograph.rules.explain import Explanation
from barograph.rules.readings import FRAMES, Judged, Key, moment
from barograph.settings import Settings
from barograph.state import books
from barograph.windows import Window, microseconds

BEFORE = timedelta(hours=1)
"""So long before it began, or as long as its rule remembers."""
AFTER = timedelta(seconds=1)
MOST = timedelta(days=14)
"""Of an alarm that lasts longer, the end is not looked at."""


@dataclass(frozen=True)
class Explained:
    rules: str
    """Which rules were folded, and since when they are in force."""
    same_version: bool
    """Whether the rule is the one that the alarm was judged by."""
    window: Window
    readings: int
    transitions: list[Explanation]
    """Those of this alarm."""


def explain(settings: Settings, engine: Engine, alarm: Mapping[str, Any], at: datetime) -> Explained:
    """Raises AlarmError for alarms that no rule asks for, ServiceUnavailable where Spark is needed and away."""
    site = _site(settings, alarm)
    key: Key = (alarm["rule"], alarm["device"], alarm["metric"])
    name, rules = _rules(settings, engine, site, alarm)
    rule = next((each for each in rules.rules if each.rule == key[0]), None)
    if rule is None:
        raise AlarmError(
            f"No rule {key[0]} in {name}: {alarm['message'] or 'its message says why the alarm was raised'}"
        )  # fmt: skip
    start = alarm["started"] - max(BEFORE, memory_of(rule))
    end = min(at, (alarm["cleared"] or at) + AFTER, alarm["started"] + MOST)
    window = Window(start, max(end, start + AFTER))
    watches = watches_of(site, rules, microseconds(start))
    heard = _heard(settings, site, window, fold.inputs(watches, key))
    found = fold.explain(heard, watches, key, microseconds(window.end))
    ours = [each for each in found if _of_alarm(each, alarm)]
    watch = watches.find(key)
    bound = watch.at(microseconds(alarm["opened"])) if watch else None
    same = bound is not None and bound.rule.version == alarm["rule_version"]
    return Explained(name, same, window, len(heard), ours)


def _site(settings: Settings, alarm: Mapping[str, Any]) -> Site:
    if not alarm["site"]:
        raise AlarmError(f"Alarm {alarm['alarm']} is of no site and of no rule: {alarm['message']}")
    return registry.choose_site(settings.sites_folder, alarm["site"])


def _rules(settings: Settings, engine: Engine, site: Site, alarm: Mapping[str, Any]) -> tuple[str, Rules]:
    """The rules that were in force when it opened, as they are kept; else those of the site's file."""
    book = books.newest(engine, site.site, alarm["opened"]) or books.newest(engine, site.site)
    path = settings.sites_folder / site.site / FILE
    if book is None:
        return str(path), read_rules(path.parent)
    name = f"the rules since {book.since:%Y-%m-%d %H:%M} UTC, version {book.version}"
    return name, documents.validated(documents.parse(path, book.text), Rules)


def _heard(settings: Settings, site: Site, window: Window, inputs: frozenset[tuple[str, str]]) -> list[Judged]:
    """What the rule hears: of settled days from the archive, of others refined from the record now."""
    everything = ("", "") in inputs
    whole = {device for device, metric in inputs if metric == FRAMES}

    def wanted(device: str, metric: str) -> bool:
        return everything or device in whole or (device, metric) in inputs

    archive = Archive.of(settings).pinned("refined", "days", "readings")
    settled, unsettled = readings.days(archive, site, window)
    heard = [each for day in settled for each in readings.of_day(archive, site, day, wanted)]
    for stretch in readings.stretches(unsettled):
        part = Window(
            Window.local_day(stretch[0], site.timezone).start, Window.local_day(stretch[-1], site.timezone).end
        ).clipped(window)
        devices = [] if everything else sorted({device for device, _ in inputs})
        if part is not None:
            heard += readings.of_record(settings, site, part, devices)
    start, end = microseconds(window.start), microseconds(window.end)
    return sorted(each for each in heard if start <= each.time < end and wanted(each.device, each.metric))


def _of_alarm(each: Explanation, alarm: Mapping[str, Any]) -> bool:
    return bool(alarm["opened"] <= each.event.time and (not alarm["cleared"] or each.event.time <= alarm["cleared"]))


def told(explained: Explained) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "rules": explained.rules,
        "same_version": explained.same_version,
        "from": explained.window.start,
        "to": explained.window.end,
        "readings": explained.readings,
        "transitions": [
            {
                "transition": each.event.transition,
                "time": each.event.time,
                "value": each.event.value,
                "limit": each.event.limit,
                "severity": each.event.severity,
                "version": each.event.version,
                "details": each.event.details,
                "steps": _steps(each),
            }
            for each in explained.transitions
        ],
    }


def _steps(each: Explanation) -> Sequence[dict[str, Any]]:
    return [
        {
            "time": moment(step.time),
            "device": step.reading.device if step.reading else None,
            "metric": step.reading.metric if step.reading else None,
            "value": step.reading.value if step.reading else None,
            "flag": step.reading.flag if step.reading else None,
            "measure": step.measure,
            "note": step.note,
            "version": step.rule.rule.version if step.rule else None,
            "beyond_since": _since(step.after.life.holds),
        }
        for step in each.steps
    ]


def _since(holds: Sequence[Any]) -> datetime | None:
    begun = [hold.since for hold in holds if hold.since is not None]
    return moment(min(begun)) if begun else None
