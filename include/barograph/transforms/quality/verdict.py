"""All tests of one measuring point: each reading gets the worst flag that a test gives it, and the reasons for it.

    fail 4  >  suspect 3  >  good 1  >  unknown 2       missing 9 where there is no value

UNKNOWN is what remains where tests were asked for and not one of them could be made. A point of which nothing is asked
is GOOD: nobody doubts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from barograph.readings import FAIL, FLAG_REASONS, GOOD, MISSING, SUSPECT, UNKNOWN
from barograph.transforms.calibration import Correction, as_of
from barograph.transforms.quality import moments, trends
from barograph.transforms.quality.limits import Limits
from barograph.transforms.quality.ranges import is_code, outside
from barograph.transforms.quality.spikes import spikes

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Bools = NDArray[np.bool_]
Flags = NDArray[np.int8]
Bits = NDArray[np.uint16]

WORDS = tuple(FLAG_REASONS)
BIT = {word: np.uint16(1 << place) for place, word in enumerate(WORDS)}


@dataclass(frozen=True)
class Verdict:
    """What was found about readings so far, a row each."""

    worst: Flags
    """0 where no test could be made yet."""
    given: Bits
    """Bit n of a row: whether the n-th of WORDS is given as a reason."""

    @classmethod
    def none_yet(cls, rows: int) -> Verdict:
        return cls(np.zeros(rows, np.int8), np.zeros(rows, np.uint16))

    def part(self, rows: slice | Whole) -> Verdict:
        """The same for some of the rows: what is added to those of a slice is added here."""
        return Verdict(self.worst[rows], self.given[rows])

    def add(self, word: str, flags: Flags, where: Whole | slice = slice(None)) -> None:
        """Take in the flags of one test for the readings `where`."""
        self.worst[where] = np.maximum(self.worst[where], np.where(flags == UNKNOWN, 0, flags))
        bad = flags >= SUSPECT
        if bad.any():
            self.given[where] |= bad * BIT[word]

    def mark(self, word: str, those: Bools, flag: int) -> None:
        """Those fail a test that all others pass."""
        self.worst[:] = np.maximum(self.worst, GOOD)
        self.note(word, those, flag)

    def note(self, word: str, those: Bools, flag: int = 0) -> None:
        """Those have a fault that says nothing good about the others; without a flag it only explains."""
        if those.any():
            self.given[those] |= BIT[word]
            self.worst[those] = np.maximum(self.worst[those], flag)

    def take(self, found: Verdict, those: Bools) -> None:
        """Take in all that another verdict has about those."""
        self.worst[those] = np.maximum(self.worst[those], found.worst[those])
        self.given[those] |= found.given[those]

    def put(self, part: Verdict, rows: slice | Whole) -> None:
        """Put back what is a part of this."""
        self.worst[rows], self.given[rows] = part.worst, part.given

    def gives(self, word: str) -> Bools:
        given: Bools = (self.given & BIT[word]) != 0
        return given

    def reasons(self) -> pa.Array:
        """A list of words for each row, in the order of WORDS."""
        some = np.flatnonzero(self.given)
        bits = (self.given[some, None] >> np.arange(len(WORDS), dtype=np.uint16)) & 1
        sizes = np.zeros(len(self.given) + 1, np.int32)
        sizes[some + 1] = bits.sum(axis=1)
        words = pa.array(WORDS).take(pa.array(np.nonzero(bits)[1]))
        return pa.ListArray.from_arrays(pa.array(np.cumsum(sizes, dtype=np.int32)), words)

    def flags(self, asked: Bools) -> Flags:
        """The worst of all; `asked`: where there is any test of the value."""
        missing = self.gives("no_value")
        known = np.where(self.worst == 0, np.where(asked, UNKNOWN, GOOD), self.worst)
        return np.where(missing, MISSING, known).astype(np.int8)


@dataclass(frozen=True)
class Readings:
    """Readings of points of which the same is asked but for ranges, in the order of point and time; nan: no value."""

    times: Whole
    """On the `timeline` of all the points."""
    raw: Floats
    valid: tuple[Floats, Floats]
    expected: tuple[Floats, Floats]
    """Lower and upper limits of each, if there are any."""
    point: Whole
    begun: Whole
    """How many of the corrections of a point have begun."""
    corrections: Sequence[Sequence[Correction]] = ()
    """Of each point; empty if none of them was calibrated."""


def judge(readings: Readings, limits: Limits, verdict: Verdict) -> Floats:
    """Add what the tests of these points find to a `verdict`, which may have faults already; returns calibrated values.

    What the sensor says (error codes, valid range, flat line) is judged by the raw value, all else by the calibrated
    one. Tests that compare readings leave out what failed before; those of how a value moves leave out spikes too.
    """
    raw = readings.raw
    if limits.error_codes:
        verdict.mark("error_code", is_code(raw, limits.error_codes), FAIL)
    if limits.valid:
        verdict.mark("out_of_range", outside(raw, *readings.valid), FAIL)
    usable = ~np.isnan(raw) & (verdict.worst < FAIL)
    values = raw
    if readings.corrections:
        values = np.empty(len(raw))
        for begun in np.unique(readings.begun).tolist():
            # All readings as this calibration has them: where another begins, nothing happened in the world.
            here = readings.begun == begun
            known = as_of(begun, raw, readings.point, readings.corrections)
            found = Verdict.none_yet(len(raw))
            _compare(readings, known, usable & ~np.isnan(known), limits, found)
            values[here] = known[here]
            verdict.take(found, here)
        verdict.note("out_of_range", np.isnan(values) & ~np.isnan(raw), FAIL)
    else:
        _compare(readings, values, usable, limits, verdict)
    if limits.expected:
        verdict.mark("unexpected", outside(values, *readings.expected) & (verdict.worst < FAIL), SUSPECT)
    if limits.gap:
        verdict.note("after_gap", moments.after_gap(readings.times, limits.gap))
    return values


def _compare(readings: Readings, values: Floats, usable: Bools, limits: Limits, verdict: Verdict) -> None:
    """The tests that look at the readings before and after one."""
    places: Whole | slice = slice(None) if usable.all() else np.flatnonzero(usable)
    times = readings.times[places]
    if limits.spike:
        found = spikes(times, values[places], limits.spike)
        verdict.add("spike", found, places)
        alone = found >= SUSPECT
        if alone.any():
            places, times = np.arange(len(values))[places][~alone], times[~alone]
    if limits.rate:
        fast = trends.too_fast(times, values[places], limits.rate, limits.resolution)
        verdict.add("too_fast", fast, places)
        if limits.recovery and (fast == SUSPECT).any():
            verdict.add("recovering", trends.recovering(times, fast, limits.recovery), places)
    if limits.flat:
        low, high = readings.valid
        rails = (low[places], high[places]) if limits.valid else None
        verdict.add("stuck", trends.stuck(times, readings.raw[places], limits.flat, limits.coarse, rails), places)
