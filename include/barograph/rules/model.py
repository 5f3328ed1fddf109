"""What a rule is, as people write it in rules.yaml. docs/alarms.md explains it; `kinds/` has the kinds.

rules:
  - rule: fridge-too-warm          its name, which alarms carry
    kind: limit                    what is measured: one of KINDS
    metric: temperature
    kinds: [fridge]                of which devices: by kind, by name, or both
    above: 8                       a limit, and how long it must be beyond
    hold: 600
    clear: 7                       when it is over
    severity: major
    levels: [{above: 12, hold: 60, severity: critical}]
    overrides: [{devices: [fridge-meat], since: 2026-12-01, above: 5}]
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from barograph.readings import FLAGS
from barograph.registry import Name, Slug, Strict
from barograph.rules.levels import INF, SEVERITIES, Band, Severity

if TYPE_CHECKING:
    from barograph.rules.readings import Judged
    from barograph.rules.watches import Bound

Flag = Literal["good", "unknown", "suspect", "fail", "missing"]
FLAG_OF = {word: flag for flag, word in FLAGS.items()}
SECOND = 1_000_000

SENSES = ("above", "below", "outside", "inside")
Range = tuple[float, float]
Seconds = Field(default=None, ge=0, le=31 * 86_400)


class Threshold(Strict):
    """A limit: one of above, below, outside, inside; in kinds that count, `least`."""

    above: float | None = None
    below: float | None = None
    outside: Range | None = None
    inside: Range | None = None
    clear: float | Range | None = None
    """Beyond the limit until the value is here again: on the good side of it. Unless said, the limit itself."""
    least: float | None = None
    """In kinds that count: so many readings, seconds, or so large a share."""

    @property
    def senses(self) -> list[str]:
        return [name for name in SENSES if getattr(self, name) is not None]


class Level(Threshold):
    """One more step of severity. What it does not say is as the rule has it."""

    severity: Severity
    hold: float | None = Seconds


class Override(BaseModel, extra="allow", frozen=True):
    """Other words for some devices, or from some day on: any field of the rule, or `enabled: false`."""

    devices: list[str] = Field(default=["*"], min_length=1)
    since: datetime | date | None = None
    until: datetime | date | None = None
    enabled: bool = True


class Grace(Strict):
    """Readings do not count for some time after a door opened, or the device was switched on."""

    after: Name
    """A metric that is 1 while a door is open, of the same device or of one in its zone; or `power_on`."""
    seconds: float = Field(gt=0, le=86_400)


class Due(NamedTuple):
    """A moment at which something happens if nothing comes."""

    at: int
    measure: float
    since: int
    """When that which is measured began."""


class Rule(Threshold):
    """What every kind has. A kind adds its own fields, and makes a measure out of readings (`measured`)."""

    counted: ClassVar[bool] = False
    """Whether its levels are `least` so much; the limit then says what is counted."""
    forgetful: ClassVar[bool] = False
    """Whether the measure is a matter of one reading: nothing need be remembered of one that is fine."""
    waits: ClassVar[bool] = False
    """Whether it is silence that is measured: every reading is then a sign of life."""
    holds: ClassVar[bool] = True
    """Whether a level can ask for a `hold`."""
    needs_limit: ClassVar[bool] = True

    rule: Slug
    kind: str
    metric: Name
    devices: list[str] = Field(default=["*"], min_length=1)
    """Shell patterns: `fridge-*`."""
    kinds: list[Slug] = []
    """Kinds of device, as registered; unless said, of any."""
    hold: float = Field(default=0.0, ge=0, le=31 * 86_400)
    """Seconds that it must be beyond before the alarm opens; counted from reading to reading."""
    clear_hold: float = Field(default=0.0, ge=0, le=31 * 86_400)
    """Seconds that it must be back before the alarm clears."""
    severity: Severity = "major"
    levels: list[Level] = Field(default=[], max_length=8)
    gap: float | None = Field(default=None, gt=0, le=31 * 86_400)
    """Seconds without a reading that counts after which a hold begins anew; unless said, 20 cadences."""
    flags: list[Flag] | None = Field(default=None, min_length=1)
    """Which readings count. Unless said: good ones; for silence, all."""
    active: list[str] = []
    """When the rule looks: hours, or names of `hours`, or `not` such a name. Outside, an open alarm is over."""
    pauses: list[str] = []
    """When readings do not count, such as a defrost: nothing opens then, and nothing clears."""
    grace: list[Grace] = []
    since: datetime | date | None = None
    until: datetime | date | None = None
    overrides: list[Override] = []
    message: str = Field(default="", max_length=2_000)
    comment_required: bool = False
    """Whether who acknowledges must say something."""

    # What a kind does

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        """What the kind remembers after a reading that counts, and the measure; None: nothing can be said."""
        raise NotImplementedError

    def due(self, memory: Any, waiting: Iterable[float], point: Bound) -> Due | None:
        """When, without any reading, the measure is next at one of the limits `waiting`, which are not met yet."""
        return None

    def rested(self, memory: Any, at: int) -> Any:
        """What the kind remembers when the rule stops to look at a moment."""
        return memory

    def details(self, memory: Any) -> dict[str, Any]:
        """What an alarm that opens has to say beside its value."""
        return {}

    def other_inputs(self, point: Bound) -> Iterable[tuple[str, str]]:
        """(device, metric) of readings that it hears beside those of its own point."""
        return ()

    @property
    def heeds(self) -> frozenset[int]:
        """Flags of the readings that count."""
        return frozenset(FLAG_OF[word] for word in self.flags or ["good"])

    # What all share

    @cached_property
    def version(self) -> str:
        """Changes whenever the rule does; stored with each alarm."""
        said = self.model_dump_json(exclude_defaults=True)
        return hashlib.sha256(f"{self.kind} {said}".encode()).hexdigest()[:12]

    @cached_property
    def shape(self) -> str:
        """What its memory looks like: under a rule that was edited to be of another one, it says nothing."""
        told = [getattr(self, name) for name in ("period", "of", "over", "reference") if hasattr(self, name)]
        return " ".join(map(str, [self.kind, *told]))

    @property
    def limit(self) -> float | None:
        """The limit of its first level, for people."""
        for said in (self.least if self.counted else None, self.above, self.below):
            if said is not None:
                return said
        return self.outside[1] if self.outside else None

    @property
    def sentence(self) -> str:
        """What it asks, for people who gave it no message: `temperature above 8 for 600 s`."""
        limits = [f"{name} {_told(getattr(self, name))}" for name in self.senses]
        least = [f"at least {self.least:g}"] if self.counted and self.least is not None else []
        held = [f"for {self.hold:g} s"] if self.hold else []
        kind = "" if self.kind == "limit" else f"{self.kind.replace('_', ' ')}: "
        return f"{kind}{' '.join([self.metric, *limits, *least, *held])}"

    def crossed(self, band: Band, measure: float | None) -> float | None:
        """The limit of a level that a measure is beyond, as it was written."""
        if self.counted:
            return math.nextafter(band.high, INF)
        return None if measure is None else band.limit(measure)

    def watches(self, device: str, metric: str, kind: str | None = None) -> bool:
        """`kind`: of a device that is registered."""
        return metric == self.metric and self.selects(device, kind)

    def selects(self, device: str, kind: str | None) -> bool:
        return (not self.kinds or kind in self.kinds) and any(fnmatchcase(device, each) for each in self.devices)

    @property
    def every_level(self) -> list[Threshold]:
        """As they are written."""
        return [self, *self.levels]

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Its levels in the order in which they stand, the rule's own first."""
        return tuple(self._band(level) for level in self._levels())

    @cached_property
    def asked(self) -> tuple[float, ...]:
        """The least that is beyond each level upwards."""
        return tuple(math.nextafter(band.high, INF) for band in self.bands)

    @cached_property
    def counts(self) -> Band:
        """In kinds that count: what is counted."""
        return self._limits(self.model_copy(update={"clear": None}))

    def _levels(self) -> Iterator[Level]:
        own = {name: getattr(self, name) for name in (*SENSES, "clear", "least", "severity", "hold")}
        if self._says_something(self):
            yield Level.model_construct(**own)
        for level in self.levels:
            said = level.model_dump(exclude_none=True)
            inherited = dict(own)
            if level.senses or level.least is not None:
                inherited |= dict.fromkeys((*SENSES, "clear", "least"))
            yield Level.model_construct(**{**inherited, **said})

    def _says_something(self, level: Threshold) -> bool:
        return level.least is not None if self.counted else bool(level.senses) or not self.needs_limit

    def _band(self, level: Level) -> Band:
        band = self._counting(level) if self.counted else self._limits(level)
        hold = round((level.hold or 0.0) * SECOND)
        return band._replace(
            hold=hold, clear_hold=round(self.clear_hold * SECOND), rank=SEVERITIES.index(level.severity)
        )  # fmt: skip

    def _counting(self, level: Threshold) -> Band:
        assert level.least is not None
        below = math.nextafter(level.least, -INF)
        return Band(high=below, clear_high=below if level.clear is None else level.clear)  # type: ignore[arg-type]

    @staticmethod
    def _limits(level: Threshold) -> Band:
        clear = level.clear
        if level.above is not None:
            return Band(high=level.above, clear_high=level.above if clear is None else float(clear))  # type: ignore[arg-type]
        if level.below is not None:
            return Band(low=level.below, clear_low=level.below if clear is None else float(clear))  # type: ignore[arg-type]
        bounds = level.outside or level.inside or (-INF, INF)
        low, high = clear if isinstance(clear, tuple) else bounds
        return Band(*bounds, low, high, within=level.inside is not None)

    # What people write wrong

    @model_validator(mode="after")
    def _levels_told(self) -> Rule:
        for level in self.every_level:
            if len(level.senses) > 1 or (level is self and self.needs_limit and not self._limit_told()):
                raise ValueError(f"give exactly one of {', '.join(f'`{name}`' for name in SENSES)}")
            self._clear_side(level)
        if self.counted and not self._says_something(self) and not any(level.least for level in self.levels):
            raise ValueError("give `least`: how much of it is too much")
        if not self.counted and any(level.least is not None for level in self.every_level):
            raise ValueError(f"`least` is for kinds that count; a rule of kind {self.kind} has none")
        if not self.holds and (self.hold or any(level.hold for level in self.levels)):
            raise ValueError(f"a rule of kind {self.kind} has no `hold`: it is its nature to take time")
        return self

    def _limit_told(self) -> bool:
        """Levels can bring their own limits; what is counted is the rule's alone."""
        return bool(self.senses) or (
            not self.counted and bool(self.levels) and all(each.senses for each in self.levels)
        )

    def _clear_side(self, level: Threshold) -> None:
        for name in ("outside", "inside"):
            bounds = getattr(level, name)
            if bounds is not None and bounds[0] >= bounds[1]:
                raise ValueError(f"{name} ({bounds[0]:g}, {bounds[1]:g}): the lower limit comes first")
        if level.clear is None:
            return
        if self.counted:
            least = level.least if level.least is not None else self.least
            if not isinstance(level.clear, float) or least is None or level.clear >= least:
                raise ValueError(f"clear ({_told(level.clear)}) must be a number below `least`")
            return
        said = level if level.senses else self
        one = level.clear if isinstance(level.clear, float) else None
        if said.above is not None and (one is None or one > said.above):
            raise ValueError(f"clear ({_told(level.clear)}) must be a number, and not above `above` ({said.above:g})")
        if said.below is not None and (one is None or one < said.below):
            raise ValueError(f"clear ({_told(level.clear)}) must be a number, and not below `below` ({said.below:g})")
        for outer, inner, words in (
            (said.outside, level.clear, "within `outside`"), (level.clear, said.inside, "around `inside`"),
        ):  # fmt: skip
            if (said.outside if words[0] == "w" else said.inside) is None:
                continue
            if not isinstance(level.clear, tuple) or not (outer[0] <= inner[0] and inner[1] <= outer[1]):  # type: ignore[index]
                raise ValueError(f"clear ({_told(level.clear)}) must be two numbers {words}")

    @model_validator(mode="after")
    def _in_order(self) -> Rule:
        dated: list[Rule | Override] = [self, *self.overrides]
        for each in dated:
            if each.since is not None and each.until is not None and str(each.since) >= str(each.until):
                raise ValueError(f"since ({each.since}) must be before until ({each.until})")
        return self

    @model_validator(mode="after")
    def _overrides_hold(self) -> Rule:
        """Each override makes a rule that could stand by itself."""
        wrong: list[InitErrorDetails] = []
        for place, override in enumerate(self.overrides):
            try:
                self.overridden(override)
            except ValidationError as error:
                for found in error.errors():
                    where = ("overrides", place, *found["loc"])
                    what = PydanticCustomError(
                        "override", "{what}", {"what": found["msg"].removeprefix("Value error, ")}
                    )
                    wrong.append({"type": what, "loc": where, "input": found["input"]})
        if wrong:
            raise ValidationError.from_exception_data(self.rule, wrong)
        return self

    def overridden(self, override: Override) -> Rule:
        """The rule as an override has it. Raises ValidationError."""
        mine = {name: getattr(self, name) for name in self.model_fields_set - {"overrides", "devices", "kinds"}}
        more = override.model_extra or {}
        if more.keys() & {"rule", "kind", "metric", "overrides", "kinds"}:
            fixed = ", ".join(sorted(more.keys() & {"rule", "kind", "metric", "overrides", "kinds"}))
            raise ValidationError.from_exception_data(
                self.rule,
                [{"type": PydanticCustomError("fixed", "an override cannot change {what}", {"what": fixed}),
                  "loc": (), "input": fixed}],
            )  # fmt: skip
        if more.keys() & {*SENSES, "least"}:
            gone = {"clear", *(SENSES if more.keys() & set(SENSES) else ())}
            mine = {name: said for name, said in mine.items() if name not in gone}
        return type(self).model_validate({**_plain(mine), "kind": self.kind, **more})


def _plain(said: dict[str, Any]) -> dict[str, Any]:
    def plain(each: Any) -> Any:
        if isinstance(each, BaseModel):
            return each.model_dump(exclude_unset=True)
        return [plain(one) for one in each] if isinstance(each, list) else each

    return {name: plain(each) for name, each in said.items()}


def _told(clear: float | Range) -> str:
    return f"{clear:g}" if isinstance(clear, float) else ", ".join(f"{each:g}" for each in clear)
