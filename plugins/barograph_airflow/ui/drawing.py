"""Small drawings as SVG paths. Only numbers of ours enter them, never text from outside."""

from __future__ import annotations

from functools import lru_cache

WIDTH, HEIGHT = 120, 26
"""Of a sparkline, in its own units."""


@lru_cache(maxsize=8192)
def sparkline(course: tuple[float | None, ...]) -> str:
    """A line through the known values, broken where there are none; a value alone is a dot."""
    known = [value for value in course if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    # A value that hardly moves must not look like a storm.
    least = max(0.5, abs(high) * 0.02)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    step = WIDTH / max(1, len(course) - 1)
    scale = (HEIGHT - 4) / (high - low)
    path, pen = [], False
    for place, value in enumerate(course):
        if value is None:
            pen = False
            continue
        path.append(f"{'L' if pen else 'M'}{place * step:.0f} {HEIGHT - 2 - (value - low) * scale:.1f}")
        alone = not pen and (place + 1 == len(course) or course[place + 1] is None)
        if alone:
            path.append("h.1")
        pen = True
    return "".join(path)


def number(value: float | None, resolution: float) -> str:
    """With as many digits as its sensor has."""
    if value is None:
        return "–"
    digits = 0 if resolution >= 1 else len(f"{resolution:f}".rstrip("0").partition(".")[2]) if resolution else None
    return f"{value:,.4g}" if digits is None else f"{value:,.{min(digits, 6)}f}".replace("-", "\N{MINUS SIGN}")
