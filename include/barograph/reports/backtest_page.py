"""A back-test as a page and as JSON, published below the reports: reports/backtests/<key>/."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from barograph.hindsight.backtest import Backtested
from barograph.hindsight.suggest import worded
from barograph.reports.backtest_shelf import FOLDER, MANIFEST, PAGE, Published
from barograph.rules.backtest import Fired
from barograph.settings import Settings
from barograph.windows import iso

SHOWN = 200
"""Alarms of one list on the page; the JSON has all."""
WIDTH, HEIGHT, LEFT, FOOT = 720, 150, 34, 18


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    which: str
    told: str


@dataclass(frozen=True)
class Chart:
    """Alarms by day: with the rules in force, and with those that were tried."""

    bars: list[Bar]
    most: int
    marks: list[tuple[float, str]]

    width, height, left, foot = WIDTH, HEIGHT, LEFT, FOOT


def publish(settings: Settings, found: Backtested, asked: datetime) -> Published:
    """Write page and result; the same question, asked again, takes the place of the first answer."""
    folder = settings.reports_folder / FOLDER / found.key
    folder.mkdir(parents=True, exist_ok=True)
    facts = {**told(found), "asked": iso(asked)}
    # The result comes last: without it, the folder is not on the shelf.
    _write(folder / PAGE, page(found, asked))
    _write(folder / MANIFEST, json.dumps(facts, indent=1, ensure_ascii=False))
    return Published(found.key, folder, facts)


def told(found: Backtested) -> dict[str, Any]:
    """The result for scripts."""
    difference = found.difference
    return {
        "key": found.key,
        "site": found.asked.site.site,
        "from": iso(found.asked.window.start),
        "to": iso(found.asked.window.end),
        "days": [str(day) for day in found.settled],
        "not_settled": [str(day) for day in found.unsettled],
        "readings": found.readings,
        "before": len(found.before),
        "after": len(found.after),
        "per_day_before": round(found.per_day(found.before), 4),
        "per_day": round(found.per_day(found.after), 4),
        "same": difference.same,
        "gained": [alarm(each) for each in difference.gained],
        "lost": [alarm(each) for each in difference.lost],
        "shifted": [{"before": alarm(pair.before), "after": alarm(pair.after)} for pair in difference.shifted],
        "alarms": [alarm(each) for each in found.after],
        "rules": [asdict(line) for line in found.lines],
        "wanted_per_day": found.asked.per_day,
        "too_many_readings": found.unlooked,
    }


def alarm(fired: Fired) -> dict[str, Any]:
    rule, device, metric = fired.key
    return {
        "rule": rule,
        "device": device,
        "metric": metric,
        "opened": iso(fired.opened),
        "cleared": iso(fired.cleared) if fired.cleared else None,
        "severity": fired.severity,
        "value": fired.value,
    }


def page(found: Backtested, asked: datetime) -> str:
    zone = ZoneInfo(found.asked.site.timezone)

    def moment(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else "still open"

    environment = Environment(
        loader=PackageLoader("barograph.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"moment": moment, "number": lambda value: f"{value:.4g}", "limit": worded}
    return environment.get_template("backtest.html").render(
        found=found, asked=asked, zone=zone.key, shown=SHOWN, chart=chart_of(found.by_day())
    )


def chart_of(days: Sequence[tuple[date, int, int]]) -> Chart:
    most = max((max(before, after) for _, before, after in days), default=0)
    slot = (WIDTH - LEFT) / max(len(days), 1)

    def bars() -> Iterator[Bar]:
        for place, (day, *counts) in enumerate(days):
            for which, count in enumerate(counts):
                tall = (HEIGHT - FOOT - 8) * count / max(most, 1)
                x = LEFT + slot * (place + 0.1 + 0.4 * which)
                name = ("before", "after")[which]
                yield Bar(
                    round(x, 1),
                    round(HEIGHT - FOOT - tall, 1),
                    round(slot * 0.38, 1),
                    round(tall, 1),
                    name,
                    f"{day}: {count}",
                )

    every = max(1, len(days) // 8)
    marks = [(round(LEFT + slot * (place + 0.5), 1), f"{day.day}.{day.month}.") for place, (day, *_) in enumerate(days)]
    return Chart(list(bars()), most, marks[::every])


def _write(path: Path, text: str) -> None:
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_text(text, encoding="utf-8")
    half.replace(path)
