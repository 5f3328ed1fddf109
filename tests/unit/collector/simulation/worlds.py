"""Scenarios played on a real pty into a real loop, and what came of them beside what the simulator says it sent."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.collector.declared import declared
from tests.unit.collector.fakes import eventually

from barograph.collector.formats import Format
from barograph.collector.line import Line, Numbers
from barograph.collector.loop import Loop
from barograph.collector.ports import open_port
from barograph.collector.publisher import Topics
from barograph.collector.simulation.ledger import Ledger, read_ledger
from barograph.collector.simulation.player import Pace, Player
from barograph.collector.simulation.ptys import PATIENCE, VirtualPort
from barograph.collector.simulation.scenario import Prepared, Scenario
from barograph.collector.simulation.script import Act, Script
from barograph.collector.simulation.voices import voices
from barograph.collector.spool import Spool
from barograph.registry import Port
from barograph.windows import utc

START = utc("2026-11-22T08:00:00Z")

SUMMED = declared(
    "delimited",
    separator=",",
    columns=[{"is": "device"}, {"metric": "count"}, {"metric": "temperature", "absent": [""]}, {"is": "time"}],
    frame={
        "cut": "between",
        "start": "$",
        "end": "\r\n",
        "checksum": {"kind": "crc16-xmodem", "between": ["$", "*"], "after": "*", "as": "hex"},
    },
)
"""$fridge,12,4.2,2026-11-22T08:00:12.000000Z*3B1C: with a start to find again, and a checksum that sees damage."""

PLAIN = declared("json", device="device", values="*")


def prepared(format_: Format = SUMMED, folder: Path = Path(), **told: Any) -> Prepared:
    """A scenario with one port, of one counter unless said."""
    scenario = {
        "start": START,
        "ports": [{"port": "p1", "format": "f", "device": "port"}],
        "devices": [{"device": "fridge", "kind": "counter"}],
        **told,
    }
    return Prepared(Scenario.model_validate(scenario), {"p1": format_}, folder)


def script(wanted: Prepared) -> Script:
    told = wanted.scenario
    return Script(voices(wanted, START), told.faults, seed=told.seed, start=START, length=told.length)


def acts(wanted: Prepared) -> list[Act]:
    return list(script(wanted).acts())


@dataclass
class Arrived:
    """What a collector made of it."""

    ledger: list[dict[str, Any]]
    frames: list[dict[str, Any]]
    line: Line
    ttys: list[str] = field(default_factory=list)

    def sent(self, *fates: str) -> list[tuple[str, dict[str, Any]]]:
        return [(each["device"], each["values"]) for each in self.ledger if each.get("fate") in fates]

    @property
    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        return [(frame["device"], frame["values"]) for frame in self.frames]

    @property
    def rejects(self) -> dict[str, int]:
        return dict(self.line.counters.rejects)


def played(home: Path, wanted: Prepared, speed: float = 200.0) -> Arrived:
    """Play a scenario to its end, with a collector listening all the time."""
    ledger = Ledger(home / "ledger.jsonl")
    port = VirtualPort(home / "run/ports/p1", PATIENCE)
    line = Line(
        Port(port="p1", url="run/ports/p1", format="f", device="port", max_skew=None),
        wanted.formats["p1"],
        "boot",
        Topics("readings", "rejects"),
        Numbers(frozenset()),
    )
    spool = Spool(home / "spool.db", quota=50_000_000, keep_acked=60.0)
    loop = Loop(
        [line],
        spool,
        open_port=partial(open_port, home=home),
        published=lambda: None,
        clock=lambda: datetime.now(UTC),
        reopen=0.1,
    )
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        assert eventually(lambda: line.counters.connected)
        time.sleep(0.25)  # what comes right behind the opening may be half a frame
        Player(script(wanted), {"p1": port}, Pace(START, speed), speed=speed, ledger=ledger).run(threading.Event())
        said = sum(len(bytes.fromhex(each.get("hex", ""))) for each in read_ledger(home / "ledger.jsonl") if _out(each))
        eventually(lambda: line.counters.bytes >= said, within=3)
    finally:
        stop.set()
        thread.join(5)
        port.close()
        ledger.close()
    frames = [json.loads(entry.payload) for entry in spool.waiting(100_000) if entry.topic == "readings"]
    spool.close()
    return Arrived(read_ledger(home / "ledger.jsonl"), frames, line)


def _out(each: dict[str, Any]) -> bool:
    return not {"unheard", "late", "unplug", "silence"} & set(each.get("faults", []))
