"""rules.yaml: the rules of a site, its hours, holidays and maintenance; read and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from barograph import documents
from barograph.registry import Slug, Strict
from barograph.rules.hours import Calendar, Hours, parsed
from barograph.rules.kinds import KINDS, AnyRule
from barograph.rules.model import Rule

FILE = "rules.yaml"


def _of_its_kind(told: Any, _: Any) -> Rule:
    """By the field `kind`, so that what is wrong is told about the kind that was meant."""
    if isinstance(told, Rule):
        return told
    kind = told.get("kind", "limit") if isinstance(told, dict) else "limit"
    if kind not in KINDS:
        raise PydanticCustomError(
            "kind", "there is no kind {kind}. There are {kinds}", {"kind": str(kind), "kinds": ", ".join(KINDS)}
        )
    return KINDS[kind].model_validate(told)


class Maintenance(Strict):
    """Somebody works there: no rule counts what these devices say meanwhile, nor their silence."""

    devices: list[str] = Field(default=["*"], min_length=1)
    when: Hours
    why: str = Field(default="", max_length=500)

    def concerns(self, device: str) -> bool:
        return any(fnmatchcase(device, pattern) for pattern in self.devices)


class Rules(Strict):
    rules: list[Annotated[AnyRule, WrapValidator(_of_its_kind)]] = []
    hours: dict[Slug, list[Hours]] = {}
    """Named, to stand in `active` and `pauses`: `opening: ["mon-sat 08:00-20:00"]`."""
    holidays: list[date] = []
    maintenance: list[Maintenance] = []

    @model_validator(mode="after")
    def _unique(self) -> Rules:
        names = [rule.rule for rule in self.rules]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"rule {', '.join(sorted(twice))} is defined twice")
        return self

    def unknown_hours(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """(field, what is wrong) where a rule names hours that nobody defined."""
        for field in ("active", "pauses"):
            told: list[str] = getattr(rule, field)
            for text in told:
                name = text.removeprefix("not ")
                if name in self.hours:
                    if text != name and len(told) > 1:
                        yield field, f"`{text}` must stand alone"
                    continue
                try:
                    parsed(text)
                except ValueError as error:
                    names = f"; or a name of `hours`: {', '.join(self.hours)}" if self.hours else ""
                    yield field, f"{error}{names}"

    def calendars(self, rule: Rule, device: str, zone: str) -> tuple[Calendar | None, Calendar | None]:
        """When a rule looks at a device, and when what it says does not count; None: always, never."""
        maintained = [each.when for each in self.maintenance if each.concerns(device)]
        return self._calendar(rule.active, zone), self._calendar([*rule.pauses, *maintained], zone)

    def _calendar(self, told: Sequence[str], zone: str) -> Calendar | None:
        if not told:
            return None
        inverse = [name.removeprefix("not ") for name in told if name.startswith("not ")]
        if inverse:
            return Calendar.of(zone, self.hours[inverse[0]], self.holidays, outside=True)
        hours = [text for name in told for text in self.hours.get(name, [name])]
        return Calendar.of(zone, hours, self.holidays)


def those_that_stand(data: Any) -> tuple[Rules, list[int]]:
    """The rules of a file with mistakes that have none, and where each stands: there may be more to say about them."""
    told = data.get("rules") if isinstance(data, dict) else None
    stand: list[Rule] = []
    places: list[int] = []
    for place, each in enumerate(told if isinstance(told, list) else []):
        try:
            found = Rules.model_validate({**data, "rules": [each]}).rules[0]
        except ValidationError:
            continue
        if all(found.rule != other.rule for other in stand):
            stand.append(found)
            places.append(place)
    hours = data.get("hours") if isinstance(data, dict) else None
    return Rules.model_construct(rules=stand, hours=hours if isinstance(hours, dict) else {}), places


def read_rules(folder: Path) -> Rules:
    """The rules of a site's folder; none where it has no rules.yaml. Raises DocumentError."""
    path = folder / FILE
    return documents.read(path, Rules) if path.exists() else Rules()
