"""What was true in a simulated store, from the simulator's ledger alone: nothing here is shared with the judge.

A patient person goes through what each device said, and writes down when which rule was broken and when it was well
again, by the words of docs/alarms.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from barograph.windows import utc

LIES = {"spike", "power_on"}
"""Faults of a single value: nobody should believe it. What is stuck or drifts nobody can know at once."""
FLAT = 2400.0
"""Seconds after which a sensor that says the same counts as stuck (docs/quality.md)."""
SOONER = {"port": 0.6, "collector": 0.5}
"""The share of a device's time after which a port, or a whole collector, is silent (docs/alarms.md)."""

Series = list[tuple[datetime, float]]


class Spell(NamedTuple):
    """A rule was broken, from one moment to another."""

    begins: datetime
    rule: str
    device: str
    ends: datetime | None

    def line(self) -> str:
        ends = f"{self.ends:%H:%M:%S}" if self.ends else "goes on"
        return f"{self.begins:%H:%M:%S}  {ends:<8}  {self.rule} {self.device}"


def truth(
    ledger: list[dict[str, Any]], rules: list[dict[str, Any]], devices: list[dict[str, Any]], end: datetime
) -> list[Spell]:
    """All true events until `end`, in their order. `rules` and `devices` as they stand in the files."""
    heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in ledger:
        if line.get("fate") in ("whole", "exposed"):
            heard[line["device"]].append({**line, "at": utc(line["at"])})
    found: list[Spell] = []
    for rule in rules:
        name = rule["rule"]
        if rule.get("kind") == "missing":
            allowed = {device["device"]: rule["cadences"] * device["cadence"] for device in devices}
            found += _silences(name, allowed, heard, end)
            continue
        for device in devices:
            if device["kind"] in rule.get("kinds", [device["kind"]]):
                spells = _stuck if rule.get("kind") == "quality" else _beyond
                lines = heard[device["device"]]
                found += [Spell(since, name, device["device"], until) for since, until in spells(rule, lines)]
    return sorted(found)


def _beyond(rule: dict[str, Any], lines: list[dict[str, Any]]) -> Iterator[tuple[datetime, datetime | None]]:
    sign = -1.0 if "below" in rule else 1.0
    limit = sign * rule.get("above", rule.get("below"))
    clear = sign * rule.get("clear", sign * limit)
    hold, back_for = (timedelta(seconds=rule.get(name, 0)) for name in ("hold", "clear_hold"))
    since = opened = back = None
    for line in lines:
        at, value = line["at"], line["values"][rule["metric"]]
        if LIES & set(line.get("faults", ())):
            continue
        if opened is None:
            since = (since or at) if sign * value > limit else None
            opened = at if since is not None and at - since >= hold else None
        elif sign * value > clear:
            back = None
        else:
            back = back or at
            if at - back >= back_for:
                yield opened, at
                since = opened = back = None
    if opened is not None:
        yield opened, None


def _stuck(rule: dict[str, Any], lines: list[dict[str, Any]]) -> Iterator[tuple[datetime, datetime | None]]:
    """As large a share of the last `period` as `least` came from a sensor that had been stuck for long."""
    hangs, opened = None, None
    last: list[tuple[datetime, bool]] = []
    for before, line in pairwise(lines):
        same = line["values"][rule["metric"]] == before["values"][rule["metric"]]
        hangs = (hangs or before["at"]) if same else None
        bad = hangs is not None and (line["at"] - hangs).total_seconds() >= FLAT
        last = [each for each in last if line["at"] - each[0] < timedelta(seconds=rule["period"])]
        last.append((line["at"], bad))
        many = len(last) >= rule.get("readings", 10) and sum(each[1] for each in last) >= rule["least"] * len(last)
        if many and opened is None:
            opened = line["at"]
        elif opened is not None and not many:
            yield opened, line["at"]
            opened = None
    if opened is not None:
        yield opened, None


def _silences(
    name: str, allowed: dict[str, float], heard: dict[str, list[dict[str, Any]]], end: datetime
) -> Iterator[Spell]:
    """Of devices; of ports with several of them; and of the whole store. `allowed`: seconds, of each device."""
    among: dict[str, list[datetime]] = {}
    ports: dict[str, set[str]] = defaultdict(set)
    for device, lines in heard.items():
        among[device] = [line["at"] for line in lines]
        ports[lines[0]["port"]].add(device)
    allowed = dict(allowed)
    roots = {f"port:{port}": those for port, those in ports.items()} | {"collector:store": set(heard)}
    for root, those in roots.items():
        if len(those) > 1:
            among[root] = sorted(at for device in those for at in among[device])
            allowed[root] = max(allowed[device] for device in those) * SOONER[root.partition(":")[0]]
    for who, moments in among.items():
        patience = timedelta(seconds=allowed[who])
        for last, following in pairwise([*moments, end]):
            if following - last > patience:
                yield Spell(last + patience, name, who, following if following < end else None)
