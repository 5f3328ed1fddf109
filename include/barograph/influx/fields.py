"""The fields of our points, by the names that the columns of the archive have too."""

COUNTS = ("count", "good", "unknown", "suspect", "fail", "missing")
FLOATS = ("min", "max", "mean", "median", "stddev", "first", "last", "slope", "completeness")
PERCENTILES = ("p05", "p95")

OF_READINGS = ("flag", "value", "raw", "reasons")
OF_WINDOWS = (*COUNTS, *FLOATS)
OF_ROLLUPS = (*OF_WINDOWS, *PERCENTILES)
"""Every point has the first of its kind's; the others where there is something to say."""

TEXTS = ("reasons",)
"""Those that are no numbers."""
