"""The kinds of rule. A kind is one class: its fields, and how it makes a measure out of readings.

What it remembers between two readings must be what JSON can hold. To add one: write the class, and name it here.
"""

from barograph.rules.kinds.compared import Deviation
from barograph.rules.kinds.periods import Cumulative, MeanKineticTemperature, Quality
from barograph.rules.kinds.recent import CountOfLast, Rate
from barograph.rules.kinds.silence import Missing
from barograph.rules.kinds.single import ErrorCode, Limit, Score
from barograph.rules.model import Rule

KINDS: dict[str, type[Rule]] = {
    "limit": Limit,
    "n_of_m": CountOfLast,
    "rate": Rate,
    "cumulative": Cumulative,
    "mkt": MeanKineticTemperature,
    "deviation": Deviation,
    "missing": Missing,
    "quality": Quality,
    "error_code": ErrorCode,
    "score": Score,
}

AnyRule = (
    Limit | CountOfLast | Rate | Cumulative | MeanKineticTemperature | Deviation | Missing | Quality | ErrorCode | Score
)

__all__ = ["KINDS", "AnyRule"]
