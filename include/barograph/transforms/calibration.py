"""What a sensor says becomes what it should have said: polynomials of the raw value, each in force from a moment on.

    raw          0.4   50.2   99.1
    reference    0.0   50.0  100.0        ->  value = c0 + c1 raw, by least squares; exact through two points

The raw value is kept beside the calibrated one: another calibration makes everything anew from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from barograph.points import Calibration
from barograph.windows import microseconds

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Correction:
    """value = c0 + c1 raw + c2 raw^2 ..., in force from `since` (microseconds) until the next one."""

    since: int
    coefficients: tuple[float, ...]


def corrections(calibrations: Sequence[Calibration], zone: tzinfo) -> tuple[Correction, ...]:
    """In the order of time; `zone` is the site's."""
    return tuple(Correction(microseconds(each.moment(zone)), coefficients(each)) for each in calibrations)


def coefficients(calibration: Calibration) -> tuple[float, ...]:
    """Those of the powers of the raw value, from the zeroth up."""
    if calibration.polynomial is not None:
        return tuple(calibration.polynomial)
    if calibration.points is None:
        return (calibration.offset or 0.0, 1.0 if calibration.gain is None else calibration.gain)
    raw, reference = np.array(calibration.points, float).T
    # Fitted within -1..1 and then spread out: the powers of raw values such as 100,000 have nothing in common.
    fitted = Polynomial.fit(raw, reference, calibration.degree or 1).convert()
    return tuple(float(each) for each in fitted.coef)


def in_force(times: Whole, known: Sequence[Correction]) -> Whole:
    """For each time how many corrections have begun: the last of them is in force, and none where it is 0."""
    since = np.array([each.since for each in known], np.int64)
    return np.asarray(np.searchsorted(since, times, side="right"), np.int64)


def calibrated(raw: Floats, which: Whole, known: Sequence[Correction]) -> Floats:
    """The values, each by the `which`-th of `known`; nan where the raw one is, or where that leads to no number."""
    values = raw.copy()
    lengths = np.array([0, *(len(each.coefficients) for each in known)])
    with np.errstate(over="ignore", invalid="ignore"):
        for length in np.unique(lengths[which]).tolist():
            if length:
                same = np.flatnonzero(lengths == length)
                table = np.array([known[place - 1].coefficients for place in same.tolist()]).T
                here = np.flatnonzero(lengths[which] == length)
                values[here] = polyval(raw[here], table[:, np.searchsorted(same, which[here])], tensor=False)
    values[np.isinf(values)] = np.nan
    return values


def as_of(begun: int, raw: Floats, point: Whole, known: Sequence[Sequence[Correction]]) -> Floats:
    """All values as the `begun`-th calibration of their point has them, 0: none of them; nan where there is no such."""
    counts = np.array([len(each) for each in known], np.int64)
    which = (np.cumsum(counts) - counts)[point] + begun if begun else np.zeros(len(point), np.int64)
    there = counts[point] >= begun
    values = calibrated(raw, np.where(there, which, 0), [each for those in known for each in those])
    return np.where(there, values, np.nan)
