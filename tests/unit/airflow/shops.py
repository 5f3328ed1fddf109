"""Snapshots of shops that do not exist, as the pages would have seen them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request

from barograph.live.now import OpenAlarm, Place, Snapshot
from barograph.metrics import metric
from barograph.stack.health import Answer
from barograph_airflow.ui.health import Health


class Pressed:
    """Buttons that only remember who pressed what."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def make_day(self, request: Request, *what: Any) -> str:
        self.asked.append(("make", *what))
        return "manual__1"

    def backfill(self, request: Request, *what: Any) -> int:
        self.asked.append(("backfill", *what))
        return 1


def a_health(at: datetime, *answers: Answer, **facts: Any) -> Health:
    usual: dict[str, Any] = {
        "versions": {"Airflow": "3"}, "disk": (40 * 10**9, 100 * 10**9), "spool": (10**6, 512 * 10**6),
        "backup": at - timedelta(hours=5), "proven": None, "lag": 7,
    }  # fmt: skip
    return Health(at=at, answers=answers, **(usual | facts))


def a_place(at: datetime, device: str = "fridge", name: str = "temperature", **facts: Any) -> Place:
    usual: dict[str, Any] = {
        "site": "demo", "zone": "wall", "label": device, "value": 4.2, "flag": 1, "time": at - timedelta(seconds=20),
        "low": 1.0, "high": 8.0, "course": (4.0, 4.1, None, 4.2), "alarm": None, "state": "fine",
    }  # fmt: skip
    return Place(device=device, metric=metric(name), **(usual | facts))


def seen(at: datetime, *places: Place, **facts: Any) -> Snapshot:
    return Snapshot(at, places, **({"names": {"demo": "Demo shop"}, "timezone": "Europe/Berlin"} | facts))


def a_shop(devices: int, at: datetime, spoke: Callable[[int], bool] = lambda _: True) -> Snapshot:
    """Forty devices a zone, two metrics each, one alarm in a hundred. Who did not speak just now did a minute ago."""
    places = []
    for device in range(devices):
        ago = timedelta(seconds=5 if spoke(device) else 60)
        alarm = OpenAlarm("major", "too warm", at - timedelta(hours=1)) if device % 100 == 7 else None
        for name, level in (("temperature", 5.0), ("humidity", 60.0)):
            course = tuple(round(level + math.sin(device + step / 5), 3) for step in range(48))
            facts: dict[str, Any] = {
                "zone": f"zone-{device // 40:03}", "course": course, "alarm": alarm,
                "value": round(level + math.sin(device + at.second), 1), "time": at.replace(microsecond=0) - ago,
                "state": "alarm" if alarm else "fine",
            }  # fmt: skip
            places.append(a_place(at, f"device-{device:05}", name, **facts))
    return seen(at, *places)
