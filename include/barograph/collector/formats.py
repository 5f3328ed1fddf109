"""What a line of a port means, declared: a site's `formats/<name>.yaml`. Read by decoding, and by the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from barograph import documents
from barograph.errors import DocumentError
from barograph.registry import Name, Slug, Strict

Path_ = Annotated[str, Field(pattern=r"^[^.\s*]+(\.[^.\s*]+)*$", max_length=200)]
"""Where a field lies in a JSON object: `ts`, or `meta.clock.ts`."""

Unit = Literal["iso", "seconds", "milliseconds"]

NULLS = ["", "----"]


class TimeField(Strict):
    """The device's own clock. A line without it, or with a null marker in it, gets the time of its arrival."""

    field: Path_
    unit: Unit = "iso"


class JsonFormat(Strict):
    """A JSON object a line.

    `values` is where they lie: `data.*` is all below `data`, `*` all that is not another field. Deeper objects give
    dotted names.
    """

    kind: Literal["json"]
    device: list[Path_] = Field(default=[])
    """The first of these that a line has names the device; with none it is the port's `device`."""
    time: TimeField | None = None
    values: str = Field(default="*", pattern=r"^([^.\s*]+\.)*\*$")
    rename: dict[str, Name] = Field(default={})
    """From the board's word for a metric to ours: `{t: temperature}`."""
    ignore: list[str] = Field(default=[])
    """Fields among the values that are none, such as a firmware's version."""
    nulls: list[str] = NULLS
    """Texts that stand for "measured badly", as null does."""

    @field_validator("device", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given

    @property
    def prefix(self) -> list[str]:
        return self.values.split(".")[:-1]

    @property
    def reserved(self) -> frozenset[str]:
        """Fields that are not values, as `values: "*"` must know."""
        return frozenset([*self.device, *([self.time.field] if self.time else [])])


class Column(Strict):
    """One column by its place: a metric, or `is` something else."""

    metric: Name | None = None
    scale: float = Field(default=1.0, allow_inf_nan=False)
    """The value is the number in the column times this: 0.1 for tenths."""
    is_: Literal["device", "time", "skip"] | None = Field(default=None, alias="is")
    unit: Unit = "iso"

    @model_validator(mode="after")
    def _one_meaning(self) -> Column:
        if (self.metric is None) == (self.is_ is None):
            raise ValueError("give exactly one of `metric` and `is`")
        if self.scale == 0:
            raise ValueError("scale 0 would make every value 0")
        return self


class DelimitedFormat(Strict):
    """Columns between separators: `freezer-ice;-18,4;0`."""

    kind: Literal["delimited"]
    separator: str = Field(default=";", min_length=1, max_length=5)
    decimal: Literal[".", ","] = "."
    columns: list[Column] = Field(min_length=1)
    nulls: list[str] = NULLS

    @model_validator(mode="after")
    def _sound(self) -> DelimitedFormat:
        metrics = [column.metric for column in self.columns if column.metric]
        if not metrics:
            raise ValueError("no column is a metric")
        twice = sorted({metric for metric in metrics if metrics.count(metric) > 1})
        if twice:
            raise ValueError(f"metric {', '.join(twice)} stands in two columns")
        for role in ("device", "time"):
            if sum(column.is_ == role for column in self.columns) > 1:
                raise ValueError(f"two columns are the {role}")
        if self.separator == self.decimal:
            raise ValueError("separator and decimal mark are the same")
        return self

    @property
    def names_device(self) -> bool:
        return any(column.is_ == "device" for column in self.columns)


Format = JsonFormat | DelimitedFormat

KINDS: dict[str, type[JsonFormat] | type[DelimitedFormat]] = {"json": JsonFormat, "delimited": DelimitedFormat}


def read_format(folder: Path, name: Slug) -> Format:
    """Read `folder`/formats/`name`.yaml. Raises DocumentError."""
    path = folder / "formats" / f"{name}.yaml"
    if not path.exists():
        there = ", ".join(sorted(found.stem for found in path.parent.glob("*.yaml"))) or "none yet"
        raise DocumentError(f"{path}: a port of {folder / 'site.yaml'} declares format {name}. Formats there: {there}.")
    document = documents.load(path)
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise DocumentError(document.problem(("kind",), f"must be one of {', '.join(KINDS)} (found {kind!r})."))
    return documents.validated(document, KINDS[kind])
