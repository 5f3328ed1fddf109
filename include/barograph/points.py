"""A measuring point: one metric of one device, what is normal there, and how its sensor was calibrated.

A test of quality that is not mentioned is that of the metric (metrics.py); `off` switches one off. docs/quality.md.
"""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from typing import Annotated, Literal

from pydantic import Field, model_validator

from barograph.documents import Strict
from barograph.windows import EPOCH

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Off = Literal[False]


class Spike(Strict):
    """How far a value may stand out that has another before and after it; what is not said is the metric's."""

    method: Literal["differential", "average"] = "differential"
    """differential: from the nearer one of the values around it; average: from the mean of both."""
    suspect: Positive | None = None
    fail: Positive | None = None
    readings: int = Field(default=1, ge=1, le=20)
    """A spike lasts at most so many readings: what lasts longer happened."""
    seconds: Seconds | None = None
    """At most so long from the reading before it to the one after: what lasts longer happened, a door was open. Unless
    said, two cadences more than `readings`, within half a minute and two and a half minutes."""

    @model_validator(mode="after")
    def _ordered(self) -> Spike:
        if self.suspect is not None and self.fail is not None and self.suspect > self.fail:
            raise ValueError(f"suspect ({self.suspect}) must not be above fail ({self.fail})")
        return self


class Flat(Strict):
    """A sensor that moved by no more than `tolerance` for `seconds` is stuck."""

    seconds: Seconds
    tolerance: Annotated[Number, Field(ge=0)] = 0.0
    """In what the sensor says, before calibration. Below its resolution: only the very same value counts."""


class Neighbours(Strict):
    """Compares with the median of what the other devices of the zone say about the same metric."""

    difference: Positive
    seconds: Seconds = Field(default=300.0, le=3600)
    """How far away in time the reading of a neighbour may lie."""
    least: int = Field(default=2, ge=1, le=100)
    """With fewer neighbours the test says nothing."""


class Calibration(Strict):
    """From `since` on: value = f(raw). Give gain and offset, or a polynomial, or reference readings.

    {since: 2026-03-10, gain: 1.02, offset: -0.3}              1.02 raw - 0.3
    {since: 2026-03-10, polynomial: [0.1, 0.98, 0.0005]}       0.1 + 0.98 raw + 0.0005 raw^2
    {since: 2026-03-10, points: [[0.4, 0.0], [99.1, 100.0]]}   a line through two; more of them: least squares
    """

    since: datetime | date
    """A date is local midnight; a time without a zone is local too."""
    gain: Number | None = None
    offset: Number | None = None
    polynomial: list[Number] | None = Field(default=None, min_length=2, max_length=6)
    points: list[tuple[Number, Number]] | None = Field(default=None, min_length=2, max_length=1000)
    """[raw, reference]: what the sensor said, and what it should have said."""
    degree: int | None = Field(default=None, ge=1, le=5)
    """Of the polynomial through `points`; 1 unless said."""

    @model_validator(mode="after")
    def _one_form(self) -> Calibration:
        linear = self.gain is not None or self.offset is not None
        if linear + (self.polynomial is not None) + (self.points is not None) != 1:
            raise ValueError("needs one of: gain and offset, polynomial, points")
        if self.gain == 0 or (self.polynomial and not any(self.polynomial[1:])):
            raise ValueError("gives the same value whatever the sensor says")
        if self.degree is not None and self.points is None:
            raise ValueError("degree belongs to points")
        if self.points is not None:
            different = len({raw for raw, _ in self.points})
            needed = max(2, (self.degree or 1) + 1)
            if different < needed:
                raise ValueError(f"needs points at {needed} different raw values, and has {different}")
            if len({reference for _, reference in self.points}) < 2:
                raise ValueError("needs at least two different references")
        return self

    def moment(self, zone: tzinfo) -> datetime:
        """When it came into force."""
        since = self.since if isinstance(self.since, datetime) else datetime.combine(self.since, time.min)
        return (since if since.tzinfo else since.replace(tzinfo=zone)).astimezone(EPOCH.tzinfo)


class Point(Strict):
    """A measuring point: one metric of one device, with the limits of what is stored there."""

    low: float | None = None
    """Below this the goods suffer. Drawn in the report; alarms are rules, see rules.yaml."""
    high: float | None = None
    valid_min: float | None = None
    """Overrides the metric's own range: a reading outside is flagged FAIL. As the sensor says it, uncalibrated."""
    valid_max: float | None = None
    expected_min: Number | None = None
    """A reading outside is flagged SUSPECT."""
    expected_max: Number | None = None
    error_codes: list[Number] | None = None
    """Values by which this sensor says that it failed, such as 85 of a DS18B20; in place of the metric's."""
    resolution: Annotated[Number, Field(ge=0)] | None = None
    """The smallest step of this sensor."""
    spike: Spike | Off | None = None
    rate: Positive | Off | None = None
    """The most that the value changes in a minute."""
    recovery: Seconds | Off | None = None
    """Seconds after too fast a change until the sensor is trusted again."""
    flat: Flat | Off | None = None
    gap: Seconds | Off | None = None
    """Seconds of silence after which the next reading says so."""
    warm_up: Seconds | Off | None = None
    """Seconds after a start of the device for which its readings are SUSPECT."""
    neighbours: Neighbours | None = None
    calibration: list[Calibration] = Field(default=[], max_length=1000)
    """Each is in force until the next; before the first, the value is what the sensor says."""

    @model_validator(mode="after")
    def _ordered(self) -> Point:
        for low, high in (("low", "high"), ("valid_min", "valid_max"), ("expected_min", "expected_max")):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least >= most:
                raise ValueError(f"{low} ({least}) must be below {high} ({most})")
        return self
