"""Kinds for which one reading is enough: a limit, a device's error code, a model's score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from barograph.readings import FLAGS
from barograph.registry import Slug
from barograph.rules.levels import Band
from barograph.rules.model import Rule, Threshold

if TYPE_CHECKING:
    from barograph.rules.readings import Judged
    from barograph.rules.watches import Bound


class Limit(Rule):
    """The value itself."""

    forgetful: ClassVar[bool] = True

    kind: Literal["limit"] = "limit"

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        return None, reading.value


class Score(Limit):
    """What a model makes of the readings: a metric of its own, which whoever runs the model sends as readings."""

    kind: Literal["score"]  # type: ignore[assignment]
    model: Slug
    """Named in the alarm; the score is not computed here."""

    def details(self, memory: Any) -> dict[str, Any]:
        return {"model": self.model}


class ErrorCode(Rule):
    """The device says by its value that something is wrong with it. All readings count: such values are flagged."""

    needs_limit: ClassVar[bool] = False

    kind: Literal["error_code"]
    codes: list[float] = Field(min_length=1, max_length=100)

    @property
    def heeds(self) -> frozenset[int]:
        return super().heeds if self.flags else frozenset(FLAGS)

    def measured(self, memory: Any, reading: Judged, point: Bound) -> tuple[Any, float | None]:
        failed = reading.value in self.codes
        return (reading.value if failed else None), float(failed)

    def details(self, memory: Any) -> dict[str, Any]:
        return {"code": memory}

    def crossed(self, band: Band, measure: float | None) -> float | None:
        return None

    @staticmethod
    def _limits(level: Threshold) -> Band:
        return Band(high=0.5, clear_high=0.5)

    def _says_something(self, level: Threshold) -> bool:
        return True
