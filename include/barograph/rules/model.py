"""What an alarm rule is. One kind so far: a limit, exceeded for a time."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from barograph import documents
from barograph.registry import Name, Slug, Strict

Severity = Literal["warning", "minor", "major", "critical"]


class Rule(Strict):
    """`metric` of every matching device above (or below) a limit for `hold` seconds without a good reading between."""

    rule: Slug
    kind: Literal["limit"] = "limit"
    metric: Name
    devices: list[str] = Field(default=["*"], min_length=1)
    """Shell patterns: `fridge-*`."""
    above: float | None = None
    below: float | None = None
    hold: float = Field(default=0.0, ge=0, le=7 * 86_400)
    """Seconds that the limit must be exceeded before the alarm opens; counted from reading to reading."""
    severity: Severity = "major"
    message: str = ""

    @model_validator(mode="after")
    def _one_limit(self) -> Rule:
        if (self.above is None) == (self.below is None):
            raise ValueError("give exactly one of `above` and `below`")
        return self

    @property
    def limit(self) -> float:
        return self.above if self.above is not None else self.below  # type: ignore[return-value]

    @property
    def version(self) -> str:
        """Changes whenever the rule does; stored with each alarm."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def watches(self, device: str, metric: str) -> bool:
        return metric == self.metric and any(fnmatchcase(device, pattern) for pattern in self.devices)

    def exceeded(self, value: float) -> bool:
        return value > self.limit if self.above is not None else value < self.limit


class Rules(Strict):
    rules: list[Rule] = []

    @model_validator(mode="after")
    def _unique(self) -> Rules:
        names = [rule.rule for rule in self.rules]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"rule {', '.join(sorted(twice))} is defined twice")
        return self


def read_rules(folder: Path) -> list[Rule]:
    """The rules of a site's folder; none where it has no rules.yaml. Raises DocumentError."""
    path = folder / "rules.yaml"
    return documents.read(path, Rules).rules if path.exists() else []
