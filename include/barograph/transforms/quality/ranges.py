"""Tests of a value by itself: can a sensor report it, is it a sensor's own word for a failure, was it expected?

QARTOD test 4 (gross range), with the sensor's limits for FAIL and those of the place for SUSPECT.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def ranges(asked: Iterable[tuple[float | None, float | None] | None]) -> tuple[Floats, Floats]:
    """Lower and upper limits; infinite where there is none."""
    known = [each or (None, None) for each in asked]
    return (
        np.array([-np.inf if low is None else low for low, _ in known], float),
        np.array([np.inf if high is None else high for _, high in known], float),
    )


def outside(values: Floats, low: Floats, high: Floats) -> Bools:
    """Beyond a limit; what has no value is not."""
    beyond: Bools = (values < low) | (values > high)
    return beyond


def is_code(values: Floats, codes: tuple[float, ...]) -> Bools:
    """One of the sensor's own error codes, exactly."""
    return np.isin(values, codes)
