"""Simulated stores, replayed without waiting: a scenario's bytes through the collector's line into both lanes.

scenario ─► script ─► ledger                                     what was sent: `truth` makes true events of it
              └─► bytes ─► Line ─┬─► FastLane                    at every frame, and whenever somebody's time is up
                                 └─► record ─► flags ─► judge    in batches, as `ingest` does
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from tests.unit.rules.told import Chronicle
from tests.unit.rules.truth import Spell, truth
from tests.unit.transforms.quality.drawn import a_record

from barograph.collector.alarm_store import AlarmStore
from barograph.collector.fast import FastLane
from barograph.collector.line import Line, Numbers
from barograph.collector.publisher import Topics
from barograph.collector.simulation.live import script_of
from barograph.collector.simulation.scenario import Prepared
from barograph.collector.simulation.script import Act
from barograph.readings import Frame, decoded
from barograph.registry import Device, Point, Site
from barograph.rules.book import Rules
from barograph.rules.history import RECENT
from barograph.rules.readings import Judged
from barograph.rules.watches import Watches
from barograph.transforms import cleaning
from barograph.transforms.places import Places
from barograph.windows import microseconds, utc

CASES = Path(__file__).resolve().parents[2] / "cases" / "stores"
RULES = yaml.safe_load((CASES / "rules.yaml").read_text())
WINDOW = timedelta(seconds=60)
"""From batch to batch: `ingest` runs every minute."""
MICROSECOND = timedelta(microseconds=1)


class Raised(NamedTuple):
    """An alarm of a lane, and when the lane knew: that it opened, that it cleared."""

    opened: datetime
    rule: str
    device: str
    cleared: datetime | None
    known: tuple[datetime, datetime | None]


@dataclass
class Notes:
    """What a lane says, as it says it: (rule, device, transition, time) -> when it was known."""

    known: dict[tuple[str, str, str, datetime], datetime] = field(default_factory=dict)

    def alarms(self) -> list[Raised]:
        found: list[Raised] = []
        for (rule, device, transition, time), known in sorted(self.known.items(), key=lambda each: each[0][3]):
            if transition == "opened":
                found.append(Raised(time, rule, device, None, (known, None)))
            elif transition == "cleared":
                last = next(n for n in range(len(found) - 1, -1, -1) if found[n][1:3] == (rule, device))
                found[last] = found[last]._replace(cleared=time, known=(found[last].known[0], known))
        return sorted(found)


class Fast:
    """The fast lane of a store, which takes its turns when a collector's loop would."""

    def __init__(self, site: Site, rules: Rules, home: Path, start: datetime) -> None:
        self._store = AlarmStore(home / "alarms.db")
        self.lane = FastLane([site], {site.site: rules}, self._store, "till", start)
        self.notes = Notes()

    def until(self, at: datetime) -> None:
        """All turns before a moment that are wanted though nothing comes; a loop comes round four times a second."""
        while (due := self.lane.due_in(self._at)) < (at - self._at).total_seconds():
            self.turn(self._at + max(timedelta(seconds=due), MICROSECOND))

    def turn(self, at: datetime) -> None:
        self._at = at
        if self.lane.turn(at):
            waiting = self._store.waiting(1000)
            for event in (json.loads(content) for _, content in waiting):
                self.notes.known[event["rule"], event["device"], event["transition"], utc(event["time"])] = at
            self._store.sent([number for number, _ in waiting])

    def close(self) -> None:
        self._store.close()


class Batches(Chronicle):
    """The batch lane: record, quality flags, judge, with all that is judged again because of a later reading."""

    def __init__(self, site: Site, rules: Rules, start: datetime) -> None:
        super().__init__(Watches([site], {site.site: rules}, site.site, begins=microseconds(start)))
        self.notes = Notes()
        self._places = Places.of_sites([site], None, 10.0)
        self._rows = a_record([])

    def ingest(self, frames: list[Frame], horizon: datetime) -> None:
        new = [row for frame in frames for row in _rows(frame, horizon)]
        reach, earliest = self._places.reach, {}
        for row in new:
            source = row["device"], row["metric"], row["port"]
            since = microseconds(row["time"] - reach.ahead)
            earliest[source] = min(since, earliest.get(source, since))
        if new:
            changed = min(row["time"] for row in new) - reach.ahead
            self._rows = pa.concat_tables([self._rows, a_record(new)]).combine_chunks()
            around = _since(self._rows, changed - reach.back)
            since = microseconds(changed)
            self.record = [each for each in self.record if each.time < since]
            self.record += _judged(_since(cleaning.judged(around, self._places), changed))
        recent = [since for since in earliest.values() if since >= microseconds(horizon) - RECENT]
        settled = min(recent, default=microseconds(horizon - reach.ahead))
        self.fold(earliest, microseconds(horizon), settled=settled)
        for told in self.standing:
            self.notes.known.setdefault((told.rule, told.device, told.transition, told.time), horizon)


def _rows(frame: Frame, published: datetime) -> Iterator[dict[str, object]]:
    for metric, value in frame.values.items():
        yield {
            "device": frame.device, "metric": metric, "time": frame.time, "seq": frame.seq, "boot": frame.boot,
            "port": frame.port, "published": published, "value": None if value is None else float(value),
        }  # fmt: skip


def _since(rows: pa.Table, moment: datetime) -> pa.Table:
    return rows.filter(pc.greater_equal(rows["time"], pa.scalar(moment, rows["time"].type)))


def _judged(refined: pa.Table) -> list[Judged]:
    return [
        Judged(
            microseconds(row["time"]),
            row["device"],
            row["metric"],
            row["raw"] if row["value"] is None else row["value"],
            row["flag"],
            port=row["port"],
            boot=row["boot"],
        )
        for row in refined.to_pylist()
    ]


@dataclass
class Replayed:
    truths: list[Spell]
    fast: list[Raised]
    batch: list[Raised]
    withdrawn: int
    """Events that the batch lane took back."""
    frames: int


def a_store(prepared: Prepared) -> Site:
    """The site of a scenario's devices."""
    devices = [
        Device(
            device=each.device,
            zone=each.zone,
            kind=each.kind,
            cadence=each.cadence,
            points={"temperature": Point(flat={"seconds": 2400})},
        )
        for each in prepared.scenario.devices
    ]
    return Site(site="store", name="A store", devices=devices, ports=[each.as_port for each in prepared.scenario.ports])


def replayed(prepared: Prepared, home: Path, batch: timedelta = WINDOW, turn: timedelta = timedelta(0)) -> Replayed:
    """`batch`: from batch to batch; `turn`: from turn to turn of the fast lane, at least: for long replays."""
    script, site, rules = script_of(prepared), a_store(prepared), Rules.model_validate(RULES)
    assert script.end is not None
    lines = _lines(prepared, site)
    fast, batches = Fast(site, rules, home, script.start), Batches(site, rules, script.start)
    fast.turn(script.start)
    ledger, frames, horizon, following = [], [], script.start + batch, script.start
    for line in lines.values():
        line.listener = fast.lane.hear
        line.opened(script.start - timedelta(seconds=1))
    for act in script.acts():
        ledger.append(act.facts())
        at = _arrives(act, lines[act.port])
        while at >= horizon:
            batches.ingest(frames, horizon)
            frames, horizon = [], horizon + batch
        frames += _happens(act, lines[act.port], at)
        if at >= following:
            fast.until(at)
            fast.turn(at)
            following = at + turn
    fast.until(script.end)
    while horizon <= script.end:
        batches.ingest(frames, horizon)
        frames, horizon = [], horizon + batch
    fast.close()
    devices = [each.model_dump() for each in prepared.scenario.devices]
    truths = truth(ledger, RULES["rules"], devices, script.end)
    return Replayed(truths, fast.notes.alarms(), batches.notes.alarms(), len(batches.withdrawn), len(ledger))


def _lines(prepared: Prepared, site: Site) -> dict[str, Line]:
    numbers = Numbers(frozenset(device.device for device in site.devices))
    topics = Topics("readings", "rejects")
    return {port.port: Line(port, prepared.formats[port.port], "boot", topics, numbers) for port in site.ports}


def _arrives(act: Act, line: Line) -> datetime:
    """When the last byte of it has come."""
    return act.at + timedelta(seconds=line.on_wire(len(act.said)))


def _happens(act: Act, line: Line, at: datetime) -> list[Frame]:
    if act.do == "unplug":
        line.lost()
    elif act.do == "plug":
        line.opened(at)
    entries = line.take(act.said, at) if act.said else []
    return [frame for entry in entries if entry.topic == "readings" for frame in decoded(entry.payload)]
