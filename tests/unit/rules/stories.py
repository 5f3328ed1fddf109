"""Golden scenarios: tests/cases/alarms/<case>/{rules.yaml, readings.txt, events.txt}.

readings.txt is a story, a line each:

    # why this case is here
    from 2026-11-22T12:00                        UTC; the judging begins
    fridge-1 temperature 12:00 +30  4 4 9 - 9F   a series: every 30 s; `-` did not come, F fail, s suspect, m missing
    horizon 12:10                                a batch ends: what stands above it is judged up to then

A time of the day belongs to the last date that was said (`on 2026-11-23`). Series may stand in any order. A word behind
the metric, `boot=b` or `port=wall`, is of all readings of its series.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from tests.unit.rules.told import Chronicle, a_shop

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT
from barograph.rules.book import Rules
from barograph.rules.readings import Judged
from barograph.rules.watches import Watches
from barograph.windows import microseconds

CASES = Path(__file__).resolve().parents[2] / "cases" / "alarms"
FLAGS = {"": GOOD, "s": SUSPECT, "F": FAIL, "m": MISSING}


@dataclass
class Story:
    why: str
    begins: datetime
    batches: list[tuple[list[Judged], datetime]] = field(default_factory=list)

    @property
    def readings(self) -> list[Judged]:
        return [reading for batch, _ in self.batches for reading in batch]


def read(case: Path) -> Story:
    why, begins, day = [], None, None
    batches, waiting = [], []
    for line in (case / "readings.txt").read_text().splitlines():
        if line.startswith("#"):
            why.append(line[1:].strip())
            continue
        words = line.split()
        if not words:
            continue
        if words[0] == "from":
            begins = day = datetime.fromisoformat(words[1]).replace(tzinfo=UTC)
        elif words[0] == "on":
            day = datetime.fromisoformat(words[1]).replace(tzinfo=UTC)
        elif words[0] == "horizon":
            batches.append((waiting, _time(day, words[1])))
            waiting = []
        else:
            waiting += _series(day, words)
    assert begins is not None and not waiting, case
    return Story(" ".join(why), begins, batches)


def _series(day, words):
    device, metric, *rest = words
    facts = {}
    while "=" in rest[0]:
        name, _, fact = rest.pop(0).partition("=")
        facts[name] = fact
    start, every, *values = rest
    for place, value in enumerate(_repeated(values)):
        if value != "-":
            number, flag = re.fullmatch(r"(-?[\d.]*)([sFm]?)", value).groups()
            time = _time(day, start) + place * timedelta(seconds=float(every))
            yield Judged(microseconds(time), device, metric, float(number) if number else None, FLAGS[flag], **facts)


def _repeated(values):
    """`4*10`: ten of them."""
    for value in values:
        said, _, times = value.partition("*")
        yield from [said] * int(times or 1)


def _time(day, text):
    hour, minute, *second = text.split(":")
    return day.replace(hour=0, minute=0, second=0) + timedelta(
        hours=int(hour), minutes=int(minute), seconds=float(second[0]) if second else 0
    )


def rules_of(case: Path, story: Story) -> Watches:
    site = a_shop("fridge-1", "fridge-2", "fridge-3")
    rules = Rules.model_validate(yaml.safe_load((case / "rules.yaml").read_text()))
    return Watches([site], {site.site: rules}, site.site, 30.0, microseconds(story.begins))


def told(case: Path) -> list[str]:
    """What people hear of a story, in the order of time: `12:01:30 warm fridge-1 temperature opened major 9`."""
    story = read(case)
    chronicle = Chronicle(rules_of(case, story))
    for readings, horizon in story.batches:
        chronicle.batch(readings, microseconds(horizon))
    lines = [(each.time, _line(each, facts, "")) for each, facts in chronicle.standing.items()]
    lines += [(each.time, _line(each, facts, "withdrawn ")) for each, facts in chronicle.withdrawn.items()]
    return [line for _, line in sorted(lines)]


def _line(each, facts, mark):
    started, value, severity, _, limit, _, details = facts
    said = [f"{each.time:%m-%d %H:%M:%S}", each.rule, each.device, each.metric, f"{mark}{each.transition}", severity]
    said += [f"since {started:%H:%M:%S}", f"{value:.4g}", f"limit {limit:.4g}" if limit is not None else ""]
    return " ".join([*(word for word in said if word), details.get("reason", "")]).strip()
