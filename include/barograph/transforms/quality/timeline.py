"""Many measuring points on one line of time, so far apart that no test looks from one to the next.

    a   12:00  12:01  12:02                  0   60  120
    b   12:00  18:00  18:01     becomes                  920  1720  1780       with 800 seconds between them

So one call of a test judges all points of which it asks the same. Silences within a point that are longer than any test
looks are no longer than that either: the line stays as short as its readings are many.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]

SECOND = 1_000_000


def timeline(times: Whole, begins: NDArray[np.bool_], seconds: float) -> Whole:
    """Microseconds; `times` ascend from where a point begins, the last of a point and the first of the next are apart.

    `seconds`: more than any test of them looks around.
    """
    apart = round(seconds * SECOND)
    steps = np.minimum(np.diff(times, prepend=times[:1]), apart)
    steps[begins] = apart
    return np.cumsum(steps)
