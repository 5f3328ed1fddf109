"""rules.yaml: the rules of a site, its hours, holidays and maintenance; read and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, WrapValidator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

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

    @model_validator(mode="after")
    def _hours_known(self) -> Rules:
        wrong: list[InitErrorDetails] = [
            {
                "type": PydanticCustomError("hours", "{what}", {"what": what}),
                "loc": ("rules", place, field),
                "input": {},
            }
            for place, rule in enumerate(self.rules)
            for field in ("active", "pauses")
            for what in self._unknown(getattr(rule, field))
        ]
        if wrong:
            raise ValidationError.from_exception_data("Rules", wrong)
        return self

    def _unknown(self, told: Sequence[str]) -> Iterator[str]:
        for text in told:
            name = text.removeprefix("not ")
            if name in self.hours:
                if text != name and len(told) > 1:
                    yield f"`{text}` must stand alone"
                continue
            try:
                parsed(text)
            except ValueError as error:
                yield f"{error}{'; or a name of `hours`: ' + ', '.join(self.hours) if self.hours else ''}"

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


def read_rules(folder: Path) -> Rules:
    """The rules of a site's folder; none where it has no rules.yaml. Raises DocumentError."""
    path = folder / FILE
    return documents.read(path, Rules) if path.exists() else Rules()
