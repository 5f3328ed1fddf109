"""From a scenario to what happens at its ports, moment by moment. Pure: the same seed and start give the same bytes.

devices --their values--> faults of values --their format--> bytes --faults of the wire--> acts, in the order of time
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal

from barograph.collector.rendering import Unrenderable
from barograph.collector.simulation.climate import Dice
from barograph.collector.simulation.faults import (
    Absence,
    Babble,
    ByteFault,
    ClockFault,
    Duplicate,
    Reorder,
    Spells,
    Stuck,
    Unplug,
    ValueFault,
)
from barograph.collector.simulation.speech import Said
from barograph.collector.simulation.voices import Voice
from barograph.errors import DocumentError
from barograph.readings import Value
from barograph.windows import iso

EVENTS = {"unplug": "unplugged", "plug": "plugged"}
Fate = Literal["whole", "exposed", "damaged", "dropped"]
UNSAYABLE = "unsayable"
"""What is noted of a frame that the format has no room for, such as -5 °C in a byte without a sign."""
END = 2
"""So many bytes of a damaged frame must be right at its end, or the one behind it may be taken for its rest."""


@dataclass(frozen=True)
class Act:
    """What happens at a port at one moment, and what the ledger says about it."""

    at: datetime
    port: str
    do: Literal["say", "unplug", "plug"] = "say"
    said: bytes = b""
    """What goes on the wire: all of the frame, what is left of it, or nothing."""
    link: str | None = None
    """Of a port that is plugged in: the name of its link from now on."""
    device: str = ""
    number: int = 0
    """Of the device's frames, from 0."""
    values: dict[str, Value] = field(default_factory=dict)
    """What the frame says, were it whole."""
    measured: dict[str, Value] = field(default_factory=dict)
    """What is true."""
    time: datetime | None = None
    """What the device's own clock says in it."""
    fate: Fate = "whole"
    faults: tuple[str, ...] = ()
    open_end: bool = False
    """Whether the frame behind it may be taken for its rest."""

    def facts(self) -> dict[str, Any]:
        """A line of the ledger."""
        if self.do != "say":
            link = {"as": self.link} if self.link else {}
            return {"at": iso(self.at), "port": self.port, "event": EVENTS[self.do], **link}
        told: dict[str, Any] = {
            "at": iso(self.at),
            "port": self.port,
            "device": self.device,
            "number": self.number,
            "fate": self.fate,
            "values": self.values,
        }
        true = {name: value for name, value in self.measured.items() if value != self.values[name]}
        if true:
            told["measured"] = true
        if self.time is not None:
            told["time"] = iso(self.time)
        if self.faults:
            told["faults"] = list(self.faults)
        return {**told, "hex": self.said.hex()}


class Script:
    def __init__(
        self,
        voices: Sequence[Voice],
        faults: Sequence[Spells] = (),
        *,
        seed: int,
        start: datetime,
        length: float | None = None,
    ) -> None:
        """Raises DocumentError for a fault that could not show."""
        self.voices = voices
        self.start = start
        self._seed = seed
        self.end = None if length is None else start + timedelta(seconds=length)
        self._faults = list(enumerate(faults))
        self._numbers = [count() for _ in voices]
        self._open_ends: set[str] = set()
        for number, fault in self._faults:
            self._check(number, fault)

    def acts(self) -> Iterator[Act]:
        """All that happens without being asked, in the order of time; without an end unless there is a length."""
        speaking = [self._spoken(voice) for voice in self.voices if voice.request is None]
        plugs = [
            self._plugging(port, number, fault)
            for number, fault in self._faults
            if isinstance(fault, Unplug)
            for port in self._ports()
            if fault.port in (None, port)
        ]
        for act in heapq.merge(*plugs, *speaking, key=lambda act: act.at):
            if self.end is not None and act.at >= self.end:
                return
            yield self._exposed(act)

    def answers(self, voice: Voice, moment: datetime) -> list[Act]:
        """What a device says to a request, now."""
        number = next(self._numbers[self.voices.index(voice)])
        return [self._exposed(act) for act in self._frame(voice, voice.source.step(moment), moment, number)]

    def _spoken(self, voice: Voice) -> Iterator[Act]:
        held: list[Act] = []
        first = voice.source.step(self.start)
        for step in count(first):
            moment = voice.source.time(step)
            if moment is None:
                break
            acts = self._frame(voice, step, moment, step - first)
            if not held and any("reorder" in act.faults for act in acts):
                held = acts
                continue
            # One is held back at a time.
            yield from (_without_reorder(act) for act in acts) if held else acts
            yield from (replace(act, at=moment) for act in held)
            held = []
        yield from held

    def _frame(self, voice: Voice, step: int, moment: datetime, number: int) -> list[Act]:
        """One step of a device: what it says, and what becomes of that."""
        measured = voice.source.values(step)
        if measured is None:
            return []
        t = (moment - self.start).total_seconds()
        faults = [
            (place, fault, begun)
            for place, fault in self._faults
            if fault.concerns(voice.device, voice.port.port) and (begun := fault.begun(t)) is not None
        ]
        absent = next((fault for _, fault, _ in faults if isinstance(fault, Absence)), None)
        values, bent = self._bent(voice, measured, faults, t, step)
        clock = sum(fault.ahead(t - begun) for _, fault, begun in faults if isinstance(fault, ClockFault))
        shifted = tuple(_name(fault) for _, fault, _ in faults if isinstance(fault, ClockFault) and clock)
        said, bent = self._say(voice, measured, values, bent, moment + timedelta(seconds=clock))
        acts = []
        for place, each in enumerate(said):
            act = Act(
                moment,
                voice.port.port,
                said=each.content,
                device=voice.device,
                number=number,
                values=each.values,
                measured={name: measured[name] for name in each.values if name in measured},
                time=each.time,
                faults=bent + shifted,
            )
            if UNSAYABLE in act.faults:
                acts.append(replace(act, fate="dropped"))
                continue
            if absent is not None:
                acts.append(self._absent(act, absent, step))
                continue
            acts += self._sent(act, voice.port.baud, faults, step, place)
        return acts

    def _bent(
        self,
        voice: Voice,
        measured: dict[str, Value],
        faults: Iterable[tuple[int, Spells, float]],
        t: float,
        step: int,
    ) -> tuple[dict[str, Value], tuple[str, ...]]:
        values, names = dict(measured), []
        for place, fault, begun in faults:
            if not isinstance(fault, ValueFault) or (metric := fault.chosen(values)) is None:
                continue
            value = values[metric]
            if isinstance(fault, Stuck):
                beginning = voice.source.step(self.start + timedelta(seconds=begun))
                value = (voice.source.values(beginning) or values).get(metric)
            if value is None:
                continue
            throw = Dice(self._seed, voice.device, place).throw(step)
            bent = round(fault.bent(float(value), t - begun, throw), 6)
            if bent != values[metric]:
                names.append(_name(fault))
                values[metric] = bent
        return values, tuple(names)

    def _say(
        self, voice: Voice, measured: dict[str, Value], values: dict[str, Value], bent: tuple[str, ...], clock: datetime
    ) -> tuple[list[Said], tuple[str, ...]]:  # fmt: skip
        # A value that does not fit into its field: no board of this kind could say it.
        for told, names in ((values, bent), (measured, ())):
            try:
                return voice.speech.say(told, clock), names
            except Unrenderable:
                continue
        return [Said(b"", measured)], (UNSAYABLE,)

    def _sent(
        self, act: Act, baud: int, faults: Iterable[tuple[int, Spells, float]], step: int, place: int
    ) -> list[Act]:  # fmt: skip
        whole, twice = act.said, False
        for number, fault, _ in faults:
            dice = Dice(self._seed, act.device, number, step, place)
            if isinstance(fault, ByteFault):
                damaged = fault.damaged(act.said, dice, baud)
                if damaged != act.said:
                    open_end = damaged[-END:] != whole[-END:]
                    names = (*act.faults, _name(fault))
                    act = replace(act, said=damaged, fate="damaged", faults=names, open_end=open_end)
            elif isinstance(fault, Reorder) and dice.throw(0) < fault.chance:
                act = replace(act, faults=(*act.faults, "reorder"))
            elif isinstance(fault, Duplicate) and dice.throw(0) < fault.chance:
                twice = True
        return [act, replace(act, faults=(*act.faults, "duplicate"))] if twice else [act]

    def _absent(self, act: Act, fault: Absence, step: int) -> Act:
        said = b""
        if isinstance(fault, Babble):
            dice = Dice(self._seed, act.device, "babble", step)
            said = bytes(int(dice.throw(n) * 256) for n in range(1, 2 + int(dice.throw(0) * fault.longest)))
        return replace(act, said=said, fate="dropped", faults=(*act.faults, _name(fault)), open_end=bool(said))

    def _plugging(self, port: str, number: int, fault: Unplug) -> Iterator[Act]:
        for spell in count():
            begin = self.start + timedelta(seconds=fault.at + spell * (fault.every or 0))
            yield Act(begin, port, "unplug")
            yield Act(begin + timedelta(seconds=fault.length or 0), port, "plug", link=fault.name)
            if fault.every is None:
                return

    def _exposed(self, act: Act) -> Act:
        """A whole frame right behind bytes without an end may be taken for the rest of them."""
        open_end = act.port in self._open_ends
        if act.do != "say":
            self._open_ends.discard(act.port)
        elif act.said:
            self._open_ends.discard(act.port)
            if act.open_end:
                self._open_ends.add(act.port)
            elif act.fate == "whole" and open_end:
                return replace(act, fate="exposed")
        return act

    def _ports(self) -> list[str]:
        return list(dict.fromkeys(voice.port.port for voice in self.voices))

    def _check(self, number: int, fault: Spells) -> None:
        if not isinstance(fault, ClockFault):
            return
        mine = [voice for voice in self.voices if fault.concerns(voice.device, voice.port.port)]
        if not any(voice.speech.knows_time for voice in mine):
            names = ", ".join(voice.device for voice in mine)
            raise DocumentError(
                f"Fault {number + 1} ({_name(fault)}) could not show: frames of {names} do not say the time. "
                "Take another format, or leave the fault out."
            )


def _without_reorder(act: Act) -> Act:
    return replace(act, faults=tuple(name for name in act.faults if name != "reorder"))


def _name(fault: Spells) -> str:
    return str(getattr(fault, "fault", ""))
