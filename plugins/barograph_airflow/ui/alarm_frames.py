"""When each device was heard around an alarm about silence, as places for a template.

fridge-1   ████████████████░░░░░░░░░░░░░░░██████      heard, silent, heard again
fridge-2   ████████████████░░░░░░░░░░░░░░░░░░░░░      the alarm's own time lies behind all rows
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from barograph.registry import Site
from barograph.rules.readings import moment
from barograph.windows import Window, microseconds
from barograph_airflow.ui.alarm_chart import RIGHT, WIDTH, Box, Mark, moments

LEFT, TOP, ROW, BAR, FOOT = 150, 10, 22, 12, 26
MOST = 40
"""Devices that are drawn; the others are counted."""
COLUMNS = 360
"""Steps of time in which it is looked whether anything came."""


@dataclass(frozen=True)
class Row:
    device: str
    y: float
    heard: list[Box]
    last: str
    """When it was heard last, on the local clock, to the step; empty if not at all."""


@dataclass(frozen=True)
class Frames:
    rows: list[Row]
    more: int
    alarm: Box
    times: list[Mark]
    height: float

    width = WIDTH
    left = LEFT
    right = WIDTH - RIGHT

    @property
    def bottom(self) -> float:
        return self.height - FOOT


def devices_of(alarm: Mapping[str, Any], sites: Iterable[Site], folded: Sequence[str]) -> list[str]:
    """Of a silent device itself; of a port or a collector those that are known to be behind it."""
    kind, _, name = str(alarm["device"]).partition(":")
    if kind not in ("port", "collector") or not name:
        return [alarm["device"]]
    found = [*((alarm["thresholds"] or {}).get("heard") or ()), *folded]
    for site in sites:
        if (kind, name) == ("collector", site.site):
            found += [device.device for device in site.devices]
        for port in site.ports:
            if (kind, name) == ("port", port.port):
                found += [*([port.device] if port.device else []), *(port.poll.devices if port.poll else ())]
    return sorted({device for device in found if ":" not in device})


def step_of(window: Window) -> timedelta:
    return max(timedelta(seconds=10), timedelta(seconds=round(window.length.total_seconds() / COLUMNS)))


def frames_of(
    alarm: Mapping[str, Any], devices: Sequence[str], heard: Mapping[str, Sequence[int]], window: Window, zone: str
) -> Frames:
    """`heard`: of each device the beginnings of the steps in which something came, in microseconds and in order."""
    start, length = microseconds(window.start), microseconds(window.end) - microseconds(window.start)
    step = microseconds(window.start + step_of(window)) - start
    shown = list(devices)[:MOST]
    height = TOP + ROW * len(shown) + FOOT

    def across(at: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max((at - start) / length, 0.0), 1.0), 1)

    def place(at: datetime) -> float:
        return across(microseconds(at))

    rows = []
    for number, device in enumerate(shown):
        top = TOP + ROW * number + (ROW - BAR) / 2
        spans = _joined(heard.get(device, ()), step)
        boxes = [Box(across(a), top, max(1.0, round(across(b) - across(a), 1)), BAR) for a, b in spans]
        rows.append(Row(device, top + BAR - 2, boxes, _clock(spans[-1][1], zone) if spans else ""))
    begins, ends = place(alarm["started"]), place(alarm["cleared"] or window.end)
    return Frames(
        rows,
        len(devices) - len(shown),
        Box(begins, TOP, max(2.0, round(ends - begins, 1)), ROW * len(shown)),
        [Mark(place(at), text) for at, text in moments(window, zone)],
        height,
    )


def _joined(starts: Sequence[int], step: int) -> list[tuple[int, int]]:
    """Steps that follow each other are one stretch."""
    found: list[tuple[int, int]] = []
    for start in starts:
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], start + step
        else:
            found.append((start, start + step))
    return found


def _clock(at: int, zone: str) -> str:
    return f"{moment(at).astimezone(ZoneInfo(zone)):%H:%M}"
