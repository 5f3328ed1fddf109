"""One value of a payload: which metric it is, and how the number that the device sends becomes it."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from barograph.collector import patterns, units
from barograph.metrics import known as known_metric
from barograph.registry import Name, Strict, Zone
from barograph.windows import utc

Unit = Literal["iso", "seconds", "milliseconds", "microseconds", "minutes", "hours", "days"]
"""How a time may be told when it is not told in words."""


def _no_truth(given: object) -> object:
    if isinstance(given, bool):
        word = "on, yes or true" if given else "off, no or false"
        raise ValueError(f'is {word} for YAML, and a truth value: put the word in quotes, as in "on"')
    return given


Raw = Annotated[int | float | str, BeforeValidator(_no_truth)]
"""What a device sends for one field: a number before it is scaled, or a text."""


def _exact(given: object) -> object:
    """0.1 is a tenth and not what a float makes of it; `1/256` may be written so."""
    if isinstance(given, int | float | str) and not isinstance(given, bool):
        try:
            return Fraction(str(given))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError("is not a number such as 0.1 or 1/256") from error
    return given


Exact = Annotated[Fraction, BeforeValidator(_exact)]

OneOrMany = Annotated[
    Annotated[Raw, Tag("one")] | Annotated[list[Raw], Tag("many")],
    Discriminator(lambda given: "many" if isinstance(given, list) else "one"),
]
Conversion = tuple[Fraction, Fraction]
AS_SENT: Conversion = (Fraction(1), Fraction(0))

Conditions = dict[str, OneOrMany]
"""Other fields, and what they must be: `{status: A}`."""


def _as_list(given: object) -> object:
    return given if isinstance(given, list) else [given]


class UnitOf(Strict):
    """A unit that the payload tells: `{field: speed_unit, of: {N: knot, M: m/s}}`."""

    field: str | None = None
    """The field that tells it; none where it stands right behind the value."""
    of: dict[str, str | None] = Field(min_length=1)
    """From their word to ours; null says that the value is invalid."""
    otherwise: str | None = None
    """The unit where they tell none."""


class TimeField(Strict):
    """The device's own clock. A payload without it, or with a null marker in it, gets the time of its arrival."""

    field: str | None = Field(default=None, min_length=1, max_length=200)
    from_: str | None = Field(default=None, alias="from")
    """Or several fields put together: `"{date} {clock}"`."""
    unit: Unit = "iso"
    format: Annotated[list[str], BeforeValidator(_as_list)] = []
    """How the time is written, as strptime has it (`%d.%m.%Y %H:%M:%S`) or one of the units; the first that fits."""
    zone: Zone = "UTC"
    """Where the device's wall clock hangs, for times that do not say it."""
    suffix: dict[str, str] = {}
    """Letters behind the time that stand for an offset: `{W: "+01:00", S: "+02:00"}`."""
    since: str = "1970-01-01T00:00:00Z"
    """What numbers are counted from."""
    otherwise: Literal["refuse", "arrival"] = "refuse"
    """What becomes of a payload whose time cannot be read."""

    @field_validator("since")
    @classmethod
    def _a_time(cls, text: str) -> str:
        utc(text)
        return text

    @model_validator(mode="after")
    def _one_source(self) -> TimeField:
        if (self.field is None) == (self.from_ is None):
            raise ValueError("give exactly one of `field` and `from`")
        for offset in self.suffix.values():
            utc(f"2000-01-01T00:00:00{offset}")
        return self


class Column(Strict):
    """One field: a metric, or `is` something else, or a `name` that others refer to."""

    metric: Name | None = None
    is_: Literal["device", "time", "skip"] | None = Field(default=None, alias="is")
    name: str | None = Field(default=None, min_length=1, max_length=100)
    """What `device`, `time`, `only_if`, `when` and `from` call it, where its place has no name of its own."""

    unit: str | UnitOf | None = None
    """As the device sends it; the value becomes the unit of the metric. Of a time: iso, seconds, ..."""
    to: str | None = None
    """The unit to keep, of a metric that has none of its own."""
    scale: Exact = Fraction(1)
    """The value is the number that was sent times this: 0.1 for tenths ..."""
    offset: Exact = Fraction(0)
    """... plus this, in `unit`."""
    curve: Literal["expm1", "degrees_minutes"] | None = None
    """What bends the number first. expm1: e to the power of scale * number, minus 1, as logarithmic light sensors have
    it; degrees_minutes: 4426.1130 is 44° 26.1130'."""

    nulls: list[Raw] = []
    """Numbers before scaling, or texts, that mean "measured badly": 0x7FFF, -9999, `---`."""
    absent: list[Raw] = []
    """The same that mean "there is no such sensor": not measured, so there is no value at all."""
    only_if: Conditions = {}
    """The value counts only if other fields are so; else it was measured badly."""
    when: Conditions = {}
    """The field is there only when other fields are so."""
    minus: Conditions = {}
    """The value is negative when other fields are so: `{hemisphere: S}`."""
    must: Annotated[list[Raw], BeforeValidator(_as_list)] = []
    """What stands here in every frame of this kind; anything else is another kind of frame."""
    optional: bool = False
    """The payload may end before it."""

    enum: dict[Raw, float | None] | None = Field(default=None, min_length=1)
    """Words, or numbers, and what they count as: `{open: 1, closed: 0}`."""
    decimal: Literal[".", ","] | None = None
    base: Literal[10, 16] = 10
    signed: int | None = Field(default=None, ge=2, le=64)
    """Bits of a hexadecimal number whose highest is its sign."""
    pattern: Annotated[str, AfterValidator(patterns.checked)] | None = None
    """What is told in one: `(?P<board>\\d\\d)(?P<clock>\\d{10})` makes two names of it."""
    from_: str | None = Field(default=None, alias="from")
    """Put together from other fields: `"{mantissa}e{exponent}"`."""

    @model_validator(mode="after")
    def _sound(self) -> Column:
        if self.metric is not None and self.is_ is not None:
            raise ValueError("give exactly one of `metric` and `is`")
        if self.metric is None and self.is_ is None and not (self.name or self.must or self.pattern or self._named()):
            raise ValueError("give exactly one of `metric` and `is` (or a `name`, for what others refer to)")
        if self.scale == 0:
            raise ValueError("scale 0 would make every value 0")
        if self.is_ == "time" and self.unit not in (None, *get_args(Unit)):
            raise ValueError(f"the unit of a time is one of {', '.join(get_args(Unit))}")
        if self.signed and self.base == 10:
            raise ValueError("`signed` is for hexadecimal numbers: give `base: 16` too")
        self.conversions()
        return self

    def _named(self) -> bool:
        return False

    @property
    def called(self) -> str | None:
        """The name that other fields know it by."""
        return self.name or self.metric or self.is_

    @property
    def kept_unit(self) -> str | None:
        """The unit of the value in the end; None keeps whatever is sent."""
        known = known_metric(self.metric or "")
        if known and self.to is not None and not units.same(self.to, known.unit):
            raise ValueError(f"`to` is for other metrics: {known.name} is kept in {known.unit or 'no unit'}")
        return known.unit if known else self.to

    def conversions(self) -> dict[str | None, Conversion | None]:
        """By their word for the unit (None: where they tell none), what makes it ours; None: the value is invalid."""
        if self.metric is None:
            return {}
        told = self.unit if isinstance(self.unit, UnitOf) else UnitOf(of={"": None}, otherwise=self.unit)
        sent = [unit for unit in (told.otherwise, *told.of.values()) if unit is not None]
        to = self.kept_unit
        if to is None:
            if len(set(sent)) > 1:
                raise ValueError(f"give `to`, the unit to keep: {self.metric} may come in {' and '.join(sent)}")
            to = sent[0] if sent else ""
        found: dict[str | None, Conversion | None] = {
            word: units.conversion(unit, to) if unit is not None else None for word, unit in told.of.items()
        }
        found[None] = units.conversion(told.otherwise, to) if told.otherwise is not None else AS_SENT
        return found


def _field(given: Any) -> Any:
    """`t: temperature` is short for `t: {metric: temperature}`."""
    return {"metric": given} if isinstance(given, str) else given


Told = Annotated[Column, BeforeValidator(_field)]
Fields = dict[
    str,
    Annotated[
        Annotated[Told, Tag("one")] | Annotated[list[Told], Tag("many")],
        Discriminator(lambda given: "many" if isinstance(given, list) else "one"),
    ],
]
"""By the name that they have in the payload; several of one name need a `when`."""


def each_field(fields: Fields) -> list[tuple[str, Column]]:
    return [(name, one) for name, given in fields.items() for one in (given if isinstance(given, list) else [given])]


def once(columns: Iterable[Column]) -> None:
    """A metric stands in one place, unless other fields say which. Raises ValueError."""
    metrics = [column.metric for column in columns if column.metric and not column.when]
    twice = sorted({metric for metric in metrics if metrics.count(metric) > 1})
    if twice:
        raise ValueError(f"metric {', '.join(twice)} stands in two columns")
