"""Builders for tests of rules: a shop, readings in few words, and a shop's life in batches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from barograph.readings import GOOD
from barograph.registry import Device, Port, Site
from barograph.rules.book import Rules
from barograph.rules.history import gone, rewound, touched_keys
from barograph.rules.judge import judge, judge_on
from barograph.rules.readings import Judged
from barograph.rules.state import State, packed, unpacked
from barograph.rules.watches import Watches
from barograph.windows import microseconds

NOON = microseconds(datetime(2026, 11, 22, 12, tzinfo=UTC))
SECOND = 1_000_000
LATER = NOON + 86_400 * SECOND


def a_shop(*names, cadence=30, timezone="Europe/Berlin", **facts):
    points = {"temperature": {}, "door": {}}
    devices = [
        Device(device=name, zone="wall", kind="fridge", cadence=cadence, points=points, **facts) for name in names
    ]
    ports = [Port(port=name, url="/dev/null", format="x") for name in ("wall", "floor")]
    return Site(site="shop", name="A shop", timezone=timezone, devices=devices, ports=ports)


def watches(*rules, site=None, begins=NOON, **more):
    """Rules as they would stand in YAML."""
    site = site or a_shop("fridge-1", "fridge-2", "fridge-3")
    return Watches([site], {site.site: Rules.model_validate({"rules": list(rules), **more})}, site.site, 30.0, begins)


def at(seconds):
    return NOON + round(seconds * SECOND)


def said(*values, every=30, start=0, device="fridge-1", metric="temperature", flag=GOOD, port=None):
    """Readings one after the other; None is one that did not come."""
    return [
        Judged(at(start + every * place), device, metric, value, flag, port=port)
        for place, value in enumerate(values)
        if value is not None
    ]


def events(readings, rules, horizon=LATER):
    """[(transition, seconds after noon, severity)]"""
    _, found = judge(State(), readings, rules, horizon)
    return [(each.transition, (microseconds(each.time) - NOON) / SECOND, each.severity) for each in found]


class Told(NamedTuple):
    """An event that stands."""

    rule: str
    device: str
    metric: str
    transition: str
    time: datetime


class Chronicle:
    """What `ingest` does with the judge, in memory: states of all batches, and the events that stand."""

    def __init__(self, rules):
        self.rules = rules
        self.states: list[State] = []
        self.record: list[Judged] = []
        self.standing: dict[Told, tuple] = {}
        self.withdrawn: dict[Told, tuple] = {}

    def batch(self, readings, horizon, restart=False, settled=None):
        new = [each for each in readings if each not in self.record]
        self.record += new
        earliest: dict = {}
        for each in new:
            asked = each.device, each.metric, each.port
            earliest[asked] = min(each.time, earliest.get(asked, each.time))
        self.fold(earliest, horizon, restart, settled)

    def fold(self, earliest, horizon, restart=False, settled=None):
        """Judge the record again as far as readings changed: (device, metric, port) -> from when on."""
        states = [(number, state) for number, state in enumerate(self.states)][::-1]
        back = rewound(states, touched_keys(earliest, self.states[-1] if self.states else None, self.rules), self.rules)
        self.begins = min((-1 if since is None else since for since in back.since.values()), default=horizon)
        again = [each for each in self.record if each.time > self.begins]
        state, _, events = judge_on(back.state, again, self.rules, horizon if settled is None else settled, horizon)
        for told in gone(list(self.standing), back.since, events, lambda row: microseconds(row.time)):
            self.withdrawn[told] = self.standing.pop(told)
        for event in events:
            self.withdrawn.pop(Told(*event.key, event.transition, event.time), None)
            self.standing[Told(*event.key, event.transition, event.time)] = event[5:]
        self.states.append(unpacked(packed(state)) if restart else state)

    @property
    def told(self):
        return sorted((*told, facts) for told, facts in self.standing.items())
