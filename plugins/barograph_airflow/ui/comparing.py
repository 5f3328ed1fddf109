"""Two days beside each other: each figure of both, and how far apart they are. From the reports' own figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from barograph_airflow.ui.shelf import Card

FIGURES = ("min", "mean", "max")


@dataclass(frozen=True)
class Row:
    """One metric of one device on both days; a day without it has none."""

    device: str
    metric: str
    unit: str
    a: Mapping[str, float | None]
    b: Mapping[str, float | None]

    @property
    def change(self) -> float | None:
        """Of the mean, from a to b."""
        one, other = self.a.get("mean"), self.b.get("mean")
        return None if one is None or other is None else other - one


def compare(a: Card, b: Card) -> list[Row]:
    one, other = _figures(a), _figures(b)
    keys = list(dict.fromkeys([*one, *other]))
    rows = []
    for key in keys:
        facts = one.get(key) or other[key]
        device = str(facts.get("label") or facts.get("device", ""))
        figures = [_numbers(day.get(key, {})) for day in (one, other)]
        rows.append(Row(device, str(facts.get("metric", "")).replace("_", " "), str(facts.get("unit") or ""), *figures))
    return rows


def _figures(card: Card) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(str(one.get("device")), str(one.get("metric"))): one for one in card.series}


def _numbers(facts: Mapping[str, Any]) -> dict[str, float | None]:
    """Figures as numbers; report.json comes from a folder that people can write to."""
    found = {name: facts.get(name) for name in (*FIGURES, "completeness", "outside_seconds")}
    return {
        name: float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        for name, value in found.items()
    }
