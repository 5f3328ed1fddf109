"""Where rooms and devices of a site are drawn, in pixels: as its plan says, and in tidy rows where it says nothing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from barograph.registry import Room, Site, Spot

GAP = 10
"""Between rooms that the plan does not have."""
HEAD = 28
"""Of a room, for its name."""
EDGE = 8
HIGHEST, LEAST = 620, 430
"""Of a drawn plan. On a wide screen it is made wider, on a telephone higher than it is, so that values have room."""
WIDER, HIGHER = 1.4, 1.8
"""At most so much."""
ROOM = 290
"""The least width of a room that the plan does not have."""
CELLS = ((12, 116, 68), (math.inf, 26, 26))
"""Up to so many devices in a row each have so much room there: for a value and a name, or for a mark alone."""
TEXTS = (("named", 58, 44), ("valued", 28, 28))
"""What is written beneath a mark that has so much room to both sides and so much below it: value and name, or value."""
BETWEEN = 8
"""Pixels from what is written to the mark below it."""
CROWDED = 60
"""Devices of a room in which nothing is written."""

Zones = tuple[tuple[str, tuple[str, ...]], ...]
"""Each zone with its devices, in the order in which they are drawn."""


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    width: int
    height: int
    rooms: dict[str, Box]
    marks: dict[str, tuple[float, float, str]]
    """Device -> x, y, and what is written beneath it: named, valued, or nothing."""

    @cached_property
    def edition(self) -> str:
        """The same for the same drawing, in every process."""
        return hashlib.sha256(repr((self.rooms, self.marks)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def layout(site: Site | None, zones: Zones, width: int) -> Layout:
    """`width`: the pixels that there are."""
    rooms = tuple(sorted(site.plan.items())) if site else ()
    spots = tuple((device.device, device.spot) for device in site.devices if device.spot) if site else ()
    return _laid(rooms, spots, zones, width)


@lru_cache(maxsize=64)
def _laid(plan: tuple[tuple[str, Room], ...], spots: tuple[tuple[str, Spot], ...], zones: Zones, width: int) -> Layout:
    scale = _scale([room for _, room in plan], width)
    boxes = {zone: scale.box(room) for zone, room in plan}
    top = max((box.y + box.height + GAP for box in boxes.values()), default=1.0)
    boxes |= dict(_beneath([(zone, len(devices)) for zone, devices in zones if zone not in boxes], width, top))
    hung = {device: scale.place(spot) for device, spot in spots}
    marks: dict[str, tuple[float, float, str]] = {}
    for zone, devices in zones:
        rest = [device for device in devices if device not in hung]
        places = {device: hung[device] for device in devices if device in hung} | dict(_rows(rest, boxes[zone]))
        marks |= dict(_written(places, boxes[zone]))
    used = max((box.x + box.width for box in boxes.values()), default=0.0)
    height = max((box.y + box.height for box in boxes.values()), default=0.0)
    return Layout(math.ceil(used) + 1, math.ceil(height) + 1, boxes, marks)


class Scale(NamedTuple):
    """From the plan's unit to pixels: its upper left corner, and pixels a unit."""

    left: float
    top: float
    across: float
    down: float

    def place(self, spot: Spot) -> tuple[float, float]:
        return (spot.x - self.left) * self.across + 1, (spot.y - self.top) * self.down + 1

    def box(self, room: Room) -> Box:
        return Box(*self.place(room), room.width * self.across, room.height * self.down)


def _scale(rooms: Sequence[Room], width: int) -> Scale:
    if not rooms:
        return Scale(0, 0, 1, 1)
    left, top = min(room.x for room in rooms), min(room.y for room in rooms)
    wide = max(room.x + room.width for room in rooms) - left
    high = max(room.y + room.height for room in rooms) - top
    across = min((width - 2) / wide, WIDER * HIGHEST / high)
    return Scale(left, top, across, min(max(across, LEAST / high), HIGHER * across, HIGHEST / high))


def _beneath(zones: Sequence[tuple[str, int]], width: int, top: float) -> Iterator[tuple[str, Box]]:
    """Rooms of one width in rows, each row as high as its fullest room."""
    columns = max(1, min(len(zones), (width + GAP) // (ROOM + GAP)))
    wide = min(2 * ROOM, (width - 2 - GAP * (columns - 1)) / columns)
    for row in (zones[first : first + columns] for first in range(0, len(zones), columns)):
        high = max(_needed(size, wide) for _, size in row)
        for place, (zone, _) in enumerate(row):
            yield zone, Box(1 + place * (wide + GAP), top, wide, high)
        top += high + GAP


def _needed(devices: int, wide: float) -> float:
    _, cell, high = next(each for each in CELLS if devices <= each[0])
    return HEAD + EDGE + high * math.ceil(devices / max(1, (wide - 2 * EDGE) // cell))


def _rows(devices: Sequence[str], box: Box) -> Iterator[tuple[str, tuple[float, float]]]:
    """Evenly over a room, in cells that are rather wide than high."""
    if not devices:
        return
    wide, high = max(1.0, box.width - 2 * EDGE), max(1.0, box.height - HEAD - EDGE)
    columns, rows = max(_grids(len(devices)), key=lambda grid: _pleasing(wide / grid[0], high / grid[1]))
    lift = 16 if high / rows > 60 else 8 if high / rows > 40 else 0
    for place, device in enumerate(devices):
        row, column = divmod(place, columns)
        x, y = (column + 0.5) * wide / columns, (row + 0.5) * high / rows - lift
        yield device, (box.x + EDGE + x, box.y + HEAD + y)


def _grids(devices: int) -> Iterator[tuple[int, int]]:
    """(columns, rows), with as few columns as so many rows need: no row is much emptier than another."""
    for rows in range(1, devices + 1):
        columns = math.ceil(devices / rows)
        yield columns, math.ceil(devices / columns)


def _pleasing(wide: float, high: float) -> tuple[int, float]:
    """Of a cell: first that there is room to write in it, then that it is rather wide than high."""
    room = sum(wide >= 2 * half and high >= deep + BETWEEN for _, half, deep in TEXTS)
    return room, -abs(math.log(wide / high / 1.5))


def _written(places: dict[str, tuple[float, float]], box: Box) -> Iterator[tuple[str, tuple[float, float, str]]]:
    for device, (x, y) in places.items():
        others = [place for other, place in places.items() if other != device] if len(places) <= CROWDED else None
        fits = (name for name, half, deep in TEXTS if others is not None and _free(x, y, half, deep, box, others))
        yield device, (round(x), round(y), next(fits, ""))


def _free(x: float, y: float, half: float, deep: float, box: Box, others: Sequence[tuple[float, float]]) -> bool:
    inside = box.x <= x - half and x + half <= box.x + box.width and y + deep <= box.y + box.height
    return inside and not any(abs(x - left) < 2 * half and abs(y - top) < deep + BETWEEN for left, top in others)
