"""Plays a script on ptys, in real time or faster: the only part of a simulation that waits."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic as system_monotonic

import structlog

from barograph.collector.simulation.ledger import Ledger
from barograph.collector.simulation.ptys import VirtualPort
from barograph.collector.simulation.script import Act, Script
from barograph.collector.simulation.voices import Voice

log = structlog.get_logger()

LONGEST_WAIT = 1.0
"""Simulated seconds; a clock that is set back or forth is noticed within them."""
BREATH = 0.25
"""Real seconds after which it is looked whether to stop."""
HEARD = 1024
"""Bytes of requests that are remembered."""


class Pace:
    """A clock that begins at a moment and runs so many times faster. It stands still while the machine sleeps."""

    def __init__(self, start: datetime, speed: float, monotonic: Callable[[], float] = system_monotonic) -> None:
        self._start = start
        self._speed = speed
        self._monotonic = monotonic
        self._began = monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._began) * self._speed)


class Player:
    def __init__(
        self,
        script: Script,
        ports: Mapping[str, VirtualPort],
        clock: Callable[[], datetime],
        *,
        speed: float = 1.0,
        ledger: Ledger | None = None,
        late: float | None = None,
    ) -> None:
        """`late`: seconds after which a frame is no longer said, because the machine slept; None says all."""
        self._script = script
        self._ports = ports
        self._clock = clock
        self._speed = speed
        self._late = late
        self.ledger = ledger or Ledger()
        self._asked: dict[str, bytes] = {}
        self._polled = [voice for voice in script.voices if voice.request is not None]

    def run(self, stop: threading.Event) -> None:
        """Until the script ends, or `stop` is set; where devices are asked, until then. The ports stay as they are."""
        for act in self._script.acts():
            if not self._wait(act.at, stop):
                return
            self._do(act)
        end = self._script.end
        while self._polled and not stop.is_set() and (end is None or self._clock() < end):
            self._listen(BREATH)

    def _wait(self, moment: datetime, stop: threading.Event) -> bool:
        """False if it was stopped meanwhile."""
        while not stop.is_set():
            left = (moment - self._clock()).total_seconds()
            if left <= 0:
                return True
            left = min(left, LONGEST_WAIT) / self._speed
            if self._polled:
                self._listen(min(left, BREATH))
            else:
                stop.wait(left)
        return False

    def _do(self, act: Act) -> None:
        port = self._ports[act.port]
        if act.do == "unplug":
            port.unplug()
        elif act.do == "plug":
            port.plug(act.link)
        elif self._late is not None and (self._clock() - act.at).total_seconds() >= self._late:
            self.ledger.note(act, fate="dropped", faults=["late"])
            return
        elif act.said and not port.say(act.said):
            # Nobody has the port open, or whoever has does not read it.
            self.ledger.note(act, fate="dropped", faults=[*act.faults, "unheard"])
            return
        if act.do != "say":
            log.info({"plug": "plugged", "unplug": "unplugged"}[act.do], port=act.port, tty=port.name)
        self.ledger.note(act)

    def _listen(self, seconds: float) -> None:
        """Wait for requests, and answer them."""
        near = {port.listener: name for name, port in self._ports.items() if port.listener is not None}
        ready, _, _ = select.select([each for each in near if each is not None], [], [], seconds)
        for descriptor in ready:
            name = near[descriptor]
            heard = (self._asked.get(name, b"") + self._ports[name].heard())[-HEARD:]
            for voice in self._polled:
                if voice.port.port == name and (where := heard.find(voice.request or b"")) >= 0:
                    heard = heard[where + len(voice.request or b"") :]
                    self._answer(voice)
            self._asked[name] = heard

    def _answer(self, voice: Voice) -> None:
        for act in self._script.answers(voice, self._clock()):
            self._do(act)
