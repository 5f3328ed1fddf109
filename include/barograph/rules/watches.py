"""Which rules watch which points: rules of sites, bound to devices, and found by what a reading is of.

A watch is one rule at one point; its versions are what overrides make of the rule there, each from some moment to
another. Watches are made when the first reading of their point comes: nobody pays for rules that nothing asks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from barograph.registry import Device, Site
from barograph.rules.book import Rules
from barograph.rules.hours import Calendar
from barograph.rules.kinds.silence import SOONER, Missing, Silence
from barograph.rules.levels import INF, Life, fitted
from barograph.rules.model import SECOND, Override, Rule
from barograph.rules.readings import FRAMES, Judged, Key
from barograph.windows import EPOCH, microseconds

GAP = 20
"""Cadences of silence that break a hold, unless the rule says otherwise: what quality calls a gap."""
POWER_ON = "power_on"
EVER = 1 << 62


@dataclass(frozen=True)
class Bound:
    """A rule as it is in force at a point, within `[since, until)`."""

    rule: Rule
    site: str
    gap: int
    """Microseconds without a reading after which a hold begins anew."""
    since: int = -EVER
    until: int = EVER
    active: Calendar | None = None
    pauses: Calendar | None = None
    device: str = ""
    """And `neighbours`, those in its zone: of rules that compare. Others may be bound to several devices at once."""
    neighbours: tuple[str, ...] = ()
    silences: Watches | None = field(default=None, repr=False, compare=False)
    """Of ports and collectors: where it is known how long a device may be silent."""

    def looks(self, moment: int) -> bool:
        return self.active is None or self.active.covers(moment)

    def paused(self, moment: int) -> bool:
        return self.pauses is not None and self.pauses.covers(moment)

    def later(self, moment: int, seconds: float) -> int:
        """When so much time has passed in which the rule looked."""
        left = round(seconds * SECOND)
        if self.active is None and self.pauses is None:
            return moment + left
        for _ in range(10_000):
            counts, edge = self._stretch(moment)
            if counts and edge - moment >= left:
                return moment + left
            left -= edge - moment if counts else 0
            moment = edge
        return EVER

    def end(self, moment: int) -> int:
        """When it stops to look, or its version ends; EVER if that is far away."""
        if self.active is None:
            return self.until
        looks, edge = self.active.stretch(moment)
        if not looks:
            return moment
        return min(self.until, edge if not self.active.covers(edge) else EVER)

    def allowed(self, device: str) -> float | None:
        """Seconds that the rule lets a device be silent; None where it does not watch it."""
        assert self.silences is not None
        return self.silences.allowed(self.rule.rule, device)

    def _stretch(self, moment: int) -> tuple[bool, int]:
        counts, end = True, EVER
        for calendar, wanted in ((self.active, True), (self.pauses, False)):
            if calendar is not None:
                inside, edge = calendar.stretch(moment)
                counts, end = counts and inside == wanted, min(end, edge)
        return counts, end


@dataclass(frozen=True)
class Watch:
    """One rule at one point."""

    key: Key
    versions: tuple[Bound, ...]
    inputs: frozenset[tuple[str, str]]
    """(device, metric) of all readings that it hears."""

    def at(self, moment: int) -> Bound | None:
        for version in self.versions:
            if version.since <= moment < version.until:
                return version
        return None

    def after(self, moment: int) -> Bound | None:
        """The version that comes into force next."""
        return next((version for version in self.versions if version.since > moment), None)

    def concerns(self, rule: Bound, reading: Judged) -> bool:
        """Whether a reading is measured, and not only heard for the grace that it gives."""
        point = reading.device, reading.metric
        return self.key[2] == FRAMES or point == self.own or point in rule.rule.other_inputs(rule)

    @cached_property
    def own(self) -> tuple[str, str]:
        """(device, metric)"""
        return self.key[1:]

    @cached_property
    def point(self) -> tuple[str, str] | None:
        """The same, where it hears nothing else."""
        return self.own if self.inputs == {self.own} else None

    @cached_property
    def of_device(self) -> bool:
        """Whether it waits for a device: of what came at one time, one reading tells it all."""
        return self.key[2] == FRAMES and bool(self.inputs)

    @cached_property
    def forgets(self) -> bool:
        """Whether nothing need be kept of it while all is quiet."""
        rules = [version.rule for version in self.versions]
        return len(self.inputs) == 1 and not any(rule.grace or rule.waits for rule in rules)

    def quiet(self, reading: Judged) -> bool:
        """Whether a reading that nothing is remembered of before leaves nothing to remember."""
        if self.safe is None:
            return False
        low, high, heeds = self.safe
        return reading.value is None or reading.flag not in heeds or low <= reading.value <= high

    @cached_property
    def safe(self) -> tuple[float, float, frozenset[int]] | None:
        """Values that no level minds, where a rule has one version and remembers nothing; else None."""
        rules = {id(version.rule): version.rule for version in self.versions}
        if any(not rule.forgetful or rule.grace or any(b.within for b in rule.bands) for rule in rules.values()):
            return None
        bands = [band for rule in rules.values() for band in rule.bands]
        heeds = frozenset().union(*(rule.heeds for rule in rules.values()))
        return max((b.low for b in bands), default=-INF), min((b.high for b in bands), default=INF), heeds


@dataclass(frozen=True)
class Watches:
    """All rules of all sites, ready to be asked what watches a reading."""

    sites: Sequence[Site]
    rules: Mapping[str, Rules]
    """Site -> its rules."""
    default_site: str
    """Where devices stand that nobody registered."""
    default_cadence: float = 10.0
    begins: int | None = None
    """When the judging of this deployment began: nobody is missed before."""
    _known: dict[tuple[str, str, str | None], tuple[Watch, ...]] = field(default_factory=dict, repr=False)
    _own: dict[tuple[str, str], tuple[Watch, ...]] = field(default_factory=dict, repr=False)
    _versions: dict[tuple[object, ...], tuple[Bound, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, site: Site, *rules: Rule, begins: int | None = None, **more: object) -> Watches:
        """For one site, as tests and back-tests have it."""
        return cls([site], {site.site: Rules(rules=list(rules), **more)}, site.site, begins=begins)  # type: ignore[arg-type]

    def hearing(self, reading: Judged) -> tuple[Watch, ...]:
        """The watches that a reading is an input of."""
        return self.hearing_of(reading.device, reading.metric, reading.port)

    def hearing_of(self, device: str, metric: str, port: str | None = None) -> tuple[Watch, ...]:
        asked = device, metric, port
        found = self._known.get(asked)
        if found is None:
            found = self._known[asked] = tuple(self._hearing(*asked))
        return found

    def of_point(self, device: str, metric: str) -> tuple[Watch, ...]:
        """The watches of which this is the own point."""
        asked = device, metric
        if asked not in self._own:
            self._own[asked] = tuple(self._point(device, metric))
        return self._own[asked]

    def find(self, key: Key) -> Watch | None:
        """The watch of an alarm, if there still is one."""
        _, device, metric = key
        kind, _, name = device.partition(":")
        among = self._roots(kind, name) if kind in ("port", "collector") and name else self.of_point(device, metric)
        return next((watch for watch in among if watch.key == key), None)

    @cached_property
    def expected(self) -> tuple[Watch, ...]:
        """Those that wait for registered devices, whether or not these were ever heard."""
        return tuple(
            watch
            for site in self.sites
            for rule in self._book(site.site).rules
            if isinstance(rule, Missing)
            for device in site.devices
            for watch in self.of_point(device.device, rule.metric)
            if watch.key[0] == rule.rule
        )

    def allowed(self, rule: str, device: str) -> float | None:
        for watch in self.of_point(device, FRAMES):
            if watch.key[0] == rule and watch.versions:
                return watch.versions[-1].rule.least
        return None

    def site_of(self, key: Key) -> str:
        kind, _, name = key[1].partition(":")
        if kind == "collector" and name:
            return name
        if kind == "port" and name:
            return next((s.site for s in self.sites if any(p.port == name for p in s.ports)), self.default_site)
        return self._site(key[1]).site

    # What watches what

    def _hearing(self, device: str, metric: str, port: str | None) -> Iterator[Watch]:
        yield from self.of_point(device, metric)
        yield from self.of_point(device, FRAMES)
        yield from self._listening.get((device, metric), ())
        if port is not None:
            yield from self._roots("port", port)
            site = self._site_with_port.get(port)
            if site is not None:
                yield from self._roots("collector", site)

    def _point(self, device: str, metric: str) -> Iterator[Watch]:
        site, registered = self._site(device), self._devices.get(device)
        kind = registered[1].kind if registered else None
        for rule in self._by_metric[site.site].get(metric, ()):
            if rule.selects(device, kind):
                yield self._watch(site, rule, device, registered[1] if registered else None)

    def _watch(self, site: Site, rule: Rule, device: str, registered: Device | None) -> Watch:
        cadence = registered.cadence if registered else self.default_cadence
        overrides = tuple(
            place for place, each in enumerate(rule.overrides) if Rule.selects(_like(each), device, None)
        )  # fmt: skip
        there = (registered.since, registered.until) if registered else (None, None)
        maintained = tuple(n for n, each in enumerate(self._book(site.site).maintenance) if each.concerns(device))
        alone = device if rule.kind == "deviation" else ""
        asked = (site.site, rule.rule, overrides, cadence, there, maintained, alone)
        versions = self._versions.get(asked)
        if versions is None:
            versions = self._versions[asked] = tuple(
                self._bound_versions(site, rule, device, registered, cadence, [rule.overrides[n] for n in overrides])
            )
        inputs = {(device, rule.metric), *self._other_inputs(versions, device)}
        return Watch((rule.rule, device, rule.metric), versions, frozenset(inputs))

    def _other_inputs(self, versions: Iterable[Bound], device: str) -> Iterator[tuple[str, str]]:
        for version in versions:
            yield from version.rule.other_inputs(version)
            for grace in version.rule.grace:
                if grace.after != POWER_ON:
                    yield from ((near, grace.after) for near in (device, *self._zone_of(device)))

    def _bound_versions(
        self, site: Site, rule: Rule, device: str, registered: Device | None, cadence: float, overrides: list[Override]
    ) -> Iterator[Bound]:
        zone = ZoneInfo(site.timezone)
        stays = (
            _edge(registered.since if registered else None, zone, -EVER),
            _edge(registered.until if registered else None, zone, EVER, whole_day=True),
        )
        spans = [(_edge(each.since, zone, -EVER), _edge(each.until, zone, EVER), each) for each in overrides]
        start, end = max(_edge(rule.since, zone, -EVER), stays[0]), min(_edge(rule.until, zone, EVER), stays[1])
        edges = sorted({start, end, *(edge for span in spans for edge in span[:2] if start < edge < end)})
        for since, until in pairwise(edges):
            inside = [each for first, last, each in spans if first <= since and until <= last]
            if inside and not inside[-1].enabled:
                continue
            told = rule.overridden(inside[-1]) if inside else rule
            told = told.at(cadence) if isinstance(told, Missing) else told
            gap = round((told.gap if told.gap is not None else GAP * cadence) * SECOND)
            active, pauses = self._book(site.site).calendars(told, device, site.timezone)
            near = tuple(name for name in self._zone_of(device) if told.metric in self._metrics(name))
            yield Bound(told, site.site, gap, since, until, active, pauses, device, near)

    def _roots(self, kind: str, name: str) -> Iterator[Watch]:
        """Those of a port or a collector: one for each rule about silence that wants it."""
        site = next((each for each in self.sites if each.site == name), None) if kind == "collector" else None
        if kind == "port":
            site = next((each for each in self.sites if any(p.port == name for p in each.ports)), None)
        if site is None:
            return
        for rule in self._book(site.site).rules:
            if isinstance(rule, Missing) and rule.roots and rule.metric == FRAMES:
                told = {name: getattr(rule, name) for name in Missing.model_fields}
                root = Silence.model_construct(**{**told, "levels": [], "overrides": [], "sooner": SOONER[kind]})
                subject = f"{kind}:{name}"
                active, pauses = self._book(site.site).calendars(root, subject, site.timezone)
                bound = Bound(root, site.site, EVER, active=active, pauses=pauses, silences=self)
                yield Watch((rule.rule, subject, FRAMES), (bound,), frozenset())

    @cached_property
    def _listening(self) -> Mapping[tuple[str, str], tuple[Watch, ...]]:
        """Input -> watches of other points that hear it too."""
        found: dict[tuple[str, str], list[Watch]] = defaultdict(list)
        for site in self.sites:
            for rule in self._book(site.site).rules:
                if rule.grace or rule.kind == "deviation":
                    for device in site.devices:
                        for watch in self.of_point(device.device, rule.metric):
                            if watch.key[0] == rule.rule:
                                for point in watch.inputs - {(device.device, rule.metric)}:
                                    found[point].append(watch)
        return {point: tuple(watches) for point, watches in found.items()}

    # What is where

    def _book(self, site: str) -> Rules:
        return self.rules.get(site) or Rules()

    def _site(self, device: str) -> Site:
        registered = self._devices.get(device)
        return registered[0] if registered else self._home

    @cached_property
    def _home(self) -> Site:
        return next((site for site in self.sites if site.site == self.default_site), self.sites[0])

    @cached_property
    def _devices(self) -> Mapping[str, tuple[Site, Device]]:
        return {device.device: (site, device) for site in self.sites for device in site.devices}

    @cached_property
    def _site_with_port(self) -> Mapping[str, str]:
        return {port.port: site.site for site in self.sites for port in site.ports}

    @cached_property
    def _by_metric(self) -> Mapping[str, Mapping[str, list[Rule]]]:
        found: dict[str, dict[str, list[Rule]]] = {site.site: defaultdict(list) for site in self.sites}
        for site in self.sites:
            for rule in self._book(site.site).rules:
                found[site.site][rule.metric].append(rule)
        return found

    @cached_property
    def _zones(self) -> Mapping[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for site in self.sites:
            for device in site.devices:
                found[site.site, device.zone].append(device.device)
        return found

    def _zone_of(self, device: str) -> list[str]:
        """The other devices of its zone."""
        registered = self._devices.get(device)
        if registered is None:
            return []
        return [name for name in self._zones[registered[0].site, registered[1].zone] if name != device]

    def _metrics(self, device: str) -> Iterable[str]:
        return self._devices[device][1].points


def _like(override: Override) -> Rule:
    return Rule.model_construct(devices=override.devices, kinds=[])


def _edge(told: datetime | date | None, zone: ZoneInfo, otherwise: int, whole_day: bool = False) -> int:
    """A moment as people write it: a date is local midnight, a time without a zone is local too."""
    if told is None:
        return otherwise
    if not isinstance(told, datetime):
        told = datetime.combine(told, time.min)
    return microseconds((told if told.tzinfo else told.replace(tzinfo=zone)).astimezone(EPOCH.tzinfo))


def waiting(rule: Rule, life: Life) -> Sequence[float]:
    """How much those levels ask for that are not met yet, where a rule waits."""
    if not rule.waits:
        return ()
    if not life.holds and life.opened is None:
        return rule.asked
    holds = fitted(life, rule.bands)
    return [asked for asked, hold in zip(rule.asked, holds, strict=True) if not hold.met]
