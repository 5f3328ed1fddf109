"""What rules say about each other and about the registry, and cannot all be meant.

A mistake is what would not work: such a file does not come into force. A note is what works and is probably not meant.
"""

from __future__ import annotations

import contextlib
import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from barograph import documents
from barograph.documents import Document, Place
from barograph.errors import DocumentError
from barograph.metrics import BY_NAME, known, metric
from barograph.registry import Point, Site
from barograph.rules.book import Rules, those_that_stand
from barograph.rules.levels import INF
from barograph.rules.model import Rule
from barograph.rules.readings import FRAMES

GLOB = "*?["
Problem = tuple[Place, str]
"""A place in the file, and what is wrong there."""


class Said(NamedTuple):
    mistakes: list[Problem]
    notes: list[Problem]


def told(rules: Rules, site: Site, measured: Collection[str] = ()) -> Said:
    """All that is wrong with rules that are each for itself as they should be. `measured`: metrics of its formats."""
    said = Said([], [])
    for number, rule in enumerate(rules.rules):
        place = ("rules", number)
        _devices(said, place, rule, site)
        watched = [device for device in site.devices if rule.selects(device.device, device.kind)]
        points = {name for device in site.devices for name in device.points}
        said.mistakes.extend(((*place, field), what) for field, what in rules.unknown_hours(rule))
        if _metric(said, place, rule, {*points, *measured}):
            continue
        pointed = [device for device in watched if device.points]
        if rule.metric != FRAMES and pointed and len(pointed) == len(watched):
            names = list(dict.fromkeys(name for device in pointed for name in device.points))
            if rule.metric not in names:
                what = f"{rule.metric} is no point of {few(device.device for device in pointed)}; they have "
                said.mistakes.append(((*place, "metric"), f"{what}{', '.join(names)}.{near(rule.metric, names)}"))
        if rule.kind == "limit":
            _possible(said, place, rule, [device.points.get(rule.metric, Point()) for device in watched] or [Point()])
    said.mistakes.extend(_contradictions(rules, site))
    return said


def _devices(said: Said, place: Place, rule: Rule, site: Site) -> None:
    names = [device.device for device in site.devices]
    for where, patterns in _patterns(rule):
        for number, pattern in enumerate(patterns):
            if any(fnmatchcase(name, pattern) for name in names):
                continue
            here = (*place, *where, number)
            if any(letter in pattern for letter in GLOB):
                said.notes.append((here, f"no registered device is like {pattern}; others may be."))
            else:
                said.mistakes.append((here, f"{pattern} is no device of site {site.site}.{near(pattern, names)}"))
    kinds = list(dict.fromkeys(device.kind for device in site.devices))
    for number, kind in enumerate(rule.kinds):
        if kind not in kinds:
            what = f"no device of site {site.site} is a {kind}.{near(kind, kinds)}"
            said.mistakes.append(((*place, "kinds", number), what))


def _patterns(rule: Rule) -> Iterator[tuple[Place, list[str]]]:
    yield ("devices",), rule.devices
    for number, override in enumerate(rule.overrides):
        yield ("overrides", number, "devices"), override.devices


def _metric(said: Said, place: Place, rule: Rule, there: Collection[str]) -> bool:
    """Whether one of its metrics is measured nowhere."""
    before = len(said.mistakes)
    graced = [((*place, "grace", n, "after"), each.after) for n, each in enumerate(rule.grace)]
    for where, name in [((*place, "metric"), rule.metric), *graced]:
        if name not in there and name not in (FRAMES, "power_on") and known(name) is None and rule.kind != "score":
            hint = near(name, [*there, *BY_NAME])
            what = f"{name} is measured nowhere: it is no known metric, no point and in no format.{hint}"
            # A name like no other may be of somebody who sends to Kafka by himself.
            (said.mistakes if hint else said.notes).append((where, what))
    return len(said.mistakes) > before


def _possible(said: Said, place: Place, rule: Rule, points: list[Point]) -> None:
    low = min(valid(rule.metric, point)[0] for point in points)
    high = max(valid(rule.metric, point)[1] for point in points)
    for where, threshold in (((), rule), *((("levels", n), level) for n, level in enumerate(rule.levels))):
        for sense in threshold.senses:
            limit = getattr(threshold, sense)
            for value in limit if isinstance(limit, tuple) else (limit,):
                if not low <= value <= high:
                    what = outside(value, rule.metric, low, high, "It can never be right.")
                    said.mistakes.append(((*place, *where, sense), what))


def _contradictions(rules: Rules, site: Site) -> Iterator[Problem]:
    """Two limits that leave one point no value at which nothing is wrong."""
    limits: list[tuple[int, Rule]] = [
        (place, rule) for place, rule in enumerate(rules.rules) if rule.kind == "limit" and not rule.overrides
    ]
    devices = [(device.device, device.kind) for device in site.devices]
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for (first, one), (second, other) in combinations(limits, 2):
        if one.metric == other.metric and _nothing_left(one, other):
            both = [name for name, kind in devices if one.selects(name, kind) and other.selects(name, kind)]
            found[first, second] += both
    for (first, second), names in found.items():
        one, other = dict(limits)[first], dict(limits)[second]
        if names:
            yield (
                ("rules", second, *other.senses[:1]),
                f"together with rule {one.rule} ({one.sentence}) no value of {one.metric} is left at which "
                f"{few(names)} would be well. Is one of the limits wrong, or of other devices?",
            )


def _nothing_left(one: Rule, other: Rule) -> bool:
    """Whether every value is beyond the mildest level of one of them; rules that look at hours may take turns."""
    if one.active or other.active or any(band.within for band in (*one.bands, *other.bands)):
        return False
    low = max(min((band.low for band in rule.bands if band.low > -INF), default=-INF) for rule in (one, other))
    high = min(max((band.high for band in rule.bands if band.high < INF), default=INF) for rule in (one, other))
    return low >= high


def read_checked(path: Path, site: Site) -> tuple[Rules, str]:
    """The rules of a file, and its text; no file has none. Raises DocumentError that lists every mistake."""
    if not path.exists():
        return Rules(), ""
    document = documents.load(path)
    rules, said = looked_through(document, site)
    if said.mistakes or rules is None:
        raise DocumentError("\n".join(said.mistakes))
    return rules, path.read_text(encoding="utf-8")


def in_force_instead(path: Path, last: str | None) -> tuple[Rules, str]:
    """What judges while a file has mistakes, and its name: the text that was good last, else what stands of it."""
    with contextlib.suppress(DocumentError):
        if last is not None:
            return documents.validated(documents.parse(path, last), Rules), "the last good rules"
    try:
        rules, _ = those_that_stand(documents.load(path).data)
    except DocumentError:
        return Rules(), "none"
    whole = [rule for rule in rules.rules if not list(rules.unknown_hours(rule))]
    return rules.model_copy(update={"rules": whole}), f"the {len(whole)} rules that have no mistake of their own"


class Listing(NamedTuple):
    """Lines, each with file, line and field."""

    mistakes: list[str]
    notes: list[str]


def looked_through(
    document: Document, site: Site | None, measured: Collection[str] = ()
) -> tuple[Rules | None, Listing]:
    """The rules of a file, None if they cannot be read; and all that is wrong, with those too that can be read."""
    listing = Listing([], [])
    rules: Rules | None = None
    try:
        rules = documents.validated(document, Rules)
        stand, places = rules, list(range(len(rules.rules)))
    except DocumentError as error:
        listing.mistakes.extend(str(error).splitlines())
        stand, places = those_that_stand(document.data)
    if site is not None:
        said = told(stand, site, measured)
        for found, lines in ((said.mistakes, listing.mistakes), (said.notes, listing.notes)):
            for (first, number, *rest), what in found:
                lines.append(document.problem((first, places[int(number)], *rest), what))
    return rules, listing


# Words


def valid(name: str, point: Point) -> tuple[float, float]:
    """What a metric can be at a point."""
    low, high = metric(name).valid
    return (
        point.valid_min if point.valid_min is not None else low,
        point.valid_max if point.valid_max is not None else high,
    )


def outside(value: float, name: str, low: float, high: float, hint: str) -> str:
    unit = f" {metric(name).unit}".rstrip()
    return f"{value:g}{unit} is not within {low:g} … {high:g}{unit}, what {name} can be. Is it in another unit? {hint}"


def near(name: str, names: Iterable[str]) -> str:
    """A hint at names that are spelled nearly so."""
    folded = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), folded, n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(folded[each] for each in close)}?" if close else ""


def few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
