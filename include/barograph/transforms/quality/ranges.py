"""Tests of a value by itself: can a sensor report it, is it a sensor's own word for a failure, was it expected?

QARTOD test 4 (gross range), with the sensor's limits for FAIL and those of the place for SUSPECT.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def outside(values: Floats, low: float | None, high: float | None) -> Bools:
    """Beyond a limit; what has no value is not."""
    beyond = np.zeros(len(values), bool)
    if low is not None:
        beyond |= values < low
    if high is not None:
        beyond |= values > high
    return beyond


def is_code(values: Floats, codes: tuple[float, ...]) -> Bools:
    """One of the sensor's own error codes, exactly."""
    return np.isin(values, codes)
