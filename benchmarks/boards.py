"""Boards on ptys for benchmarks: a process that says frames of 20 bytes on many ports, at the pace of a wire."""

from __future__ import annotations

import multiprocessing
import os
import time
import tty
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

BAUD = 115_200
WIRE = BAUD // 10
"""Bytes a second, at ten bits each."""
SIZE = 20
TICK = 0.01
FORMAT = """
kind: delimited
separator: ","
frame: {cut: between, start: "$", end: "\\r\\n", checksum: {kind: xor8, between: ["$", "*"], after: "*", as: hex}}
columns: [{metric: temperature}, {metric: humidity}]
"""


def frame(number: int) -> bytes:
    """$021.57,0055.31*6A and a line's end; the first 1,000 begin anew after 1,000."""
    body = b"%06.2f,%07.2f" % (15 + number % 1000 / 100, 40 + number * 7 % 1000 / 50)
    return b"$%s*%02X\r\n" % (body, reduce(xor, body))


STREAM = b"".join(map(frame, range(1000)))


@dataclass(frozen=True)
class Said:
    """What the boards said: bytes, the most that had to wait for room at one port, and when the last port said each."""

    sent: int
    waited: int
    seconds: float
    times: Sequence[float]


class Boards:
    """One on each of the links `names` in `folder`."""

    def __init__(self, folder: Path, names: Sequence[str], core: int | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_speak, args=(folder, names, core, far), daemon=True)
        self._process.start()
        self._pipe.recv()

    def say(self, seconds: float, *, streaming: int | None = None, rate: float = WIRE, every: float = 1.0) -> None:
        """The first so many, or all, say `rate` bytes a second, the others a frame each `every` seconds, in turn."""
        self._pipe.send((seconds, streaming, rate, every))

    def said(self, timeout: float | None = None) -> Said | None:
        """When all is said, or None if that takes longer than `timeout`."""
        if timeout is not None and not self._pipe.poll(timeout):
            return None
        told: Said = self._pipe.recv()
        return told

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def _speak(folder: Path, names: Sequence[str], core: int | None, pipe: Any) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    ports = [_plug_in(folder / name) for name in names]
    pipe.send("ready")
    while True:
        seconds, streaming, rate, every = pipe.recv()
        pipe.send(_say(ports[:streaming], ports[streaming:] if streaming is not None else [], seconds, rate, every))


def _plug_in(link: Path) -> int:
    near, far = os.openpty()
    tty.setraw(far)
    os.set_blocking(near, False)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.ttyname(far))
    return near


def _say(streaming: Sequence[int], single: Sequence[int], seconds: float, rate: float, every: float) -> Said:
    """Each tick what is due by then. What finds no room waits for the next, so that nothing is left out."""
    total = int(seconds * rate) // SIZE * SIZE
    sent = dict.fromkeys(streaming, 0)
    turns = [
        (every * (number + turn * len(single)) / len(single), port)
        for turn in range(int(seconds / every))
        for number, port in enumerate(single)
    ]
    turns.reverse()
    times: list[float] = []
    waited = 0
    begun = time.monotonic()
    while any(count < total for count in sent.values()) or turns:
        now = time.monotonic() - begun
        due = min(total, int(now * rate))
        for port, count in sent.items():
            while count < due:
                at = count % len(STREAM)
                try:
                    count += os.write(port, STREAM[at : at + due - count])
                except BlockingIOError:
                    waited = max(waited, due - count)
                    break
            sent[port] = count
        while turns and turns[-1][0] <= now:
            _, port = turns.pop()
            if port == single[-1]:
                times.append(time.monotonic())
            os.write(port, frame(len(times)))
        soon = min(now + TICK, turns[-1][0] if turns else now + TICK)
        time.sleep(max(0.0, soon - (time.monotonic() - begun)))
    seconds = max(seconds, time.monotonic() - begun)
    return Said(sum(sent.values()) + int(seconds / every) * len(single) * SIZE, waited, seconds, times)
