"""How a report says things: local times, durations, numbers, and what a person calls too much of something."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from barograph.metrics import Metric
from barograph.windows import Window

TOO = {
    "temperature": ("too cold", "too warm"),
    "humidity": ("too dry", "too damp"),
    "light": ("too dark", "too bright"),
    "door": ("closed too long", "open too long"),
}

EN_DASH, MINUS, NARROW = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"


def too(metric: Metric, above: bool) -> str:
    """What is wrong in a word: `too warm`."""
    if metric.name in TOO:
        return TOO[metric.name][above]
    return f"{metric.label[:1].lower()}{metric.label[1:]} too {'high' if above else 'low'}"


def verb(metric: Metric) -> str:
    """The fridge *was* too warm, the office *had* carbon dioxide too high."""
    return "was" if metric.name in TOO else "had"


def number(value: float | None, metric: Metric) -> str:
    """As many decimals as the sensor resolves; four digits where we don't know the metric."""
    if value is None:
        return EN_DASH
    if metric.resolution:
        decimals = max(0, len(f"{metric.resolution:.6f}".rstrip("0").partition(".")[2]))
        text = f"{value:.{decimals}f}"
    else:
        text = f"{value:.4g}"
    zero = not text.strip("-0.e+")
    return text.lstrip("-") if zero else text.replace("-", MINUS)


def limit(value: float, metric: Metric) -> str:
    """As a person wrote it in the registry: 8, not 8.0."""
    return f"{value:g}{f'{NARROW}{metric.unit}' if metric.unit else ''}".replace("-", MINUS)


def zone_name(zone: str) -> str:
    words = zone.replace("-", " ").replace("_", " ").strip() or zone
    return words[:1].upper() + words[1:]


def quantity(value: float | None, metric: Metric) -> str:
    return f"{number(value, metric)}{NARROW}{metric.unit}" if metric.unit else number(value, metric)


def share(part: float) -> str:
    """A percentage that says 100 only of what is whole, and 0 only of nothing."""
    percent = 100 * part
    if 99.9 < percent < 100:
        percent = 99.9
    elif 0 < percent < 0.1:
        percent = 0.1
    return f"{percent:.1f}".removesuffix(".0") + f"{NARROW}%"


def count(number: int) -> str:
    return f"{number:,}".replace(",", NARROW)


def plural(number: int, word: str) -> str:
    return f"{count(number)} {word}" + ("" if number == 1 else "s")


def duration(length: timedelta) -> str:
    """`47 min`, `1 h 12 min`, `35 s`."""
    seconds = round(length.total_seconds())
    if seconds < 60:
        return f"{seconds}{NARROW}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [f"{hours}{NARROW}h"] * bool(hours) + [f"{minutes}{NARROW}min"] * bool(minutes)
    return " ".join(parts)


def clock(moment: datetime, day: date, timezone: str) -> str:
    """A local time; with its date where it is of another day, with its zone where the clocks change that day."""
    local = moment.astimezone(ZoneInfo(timezone))
    if local.date() != day:
        midnight = Window.local_day(day, timezone).end
        return "24:00" if moment == midnight else f"{local.day} {local:%b %H:%M}"
    return f"{local:%H:%M}{f' {local:%Z}' if clocks_change(day, timezone) else ''}"


def span(window: Window, day: date, timezone: str) -> str:
    return f"{clock(window.start, day, timezone)}{EN_DASH}{clock(window.end, day, timezone)}"


def clocks_change(day: date, timezone: str) -> bool:
    return Window.local_day(day, timezone).length != timedelta(days=1)


def long_date(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B %Y}"


def plain(text: str, most: int = 200) -> str:
    """Outside text for a picture: no control or direction marks, that XML forbids, that reorder what stands beside."""
    clean = "".join("\N{REPLACEMENT CHARACTER}" if _hidden(letter) else letter for letter in text)
    return clean if len(clean) <= most else clean[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _hidden(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or "\u202a" <= letter <= "\u202e" or (
        "\u2066" <= letter <= "\u2069"
    )  # fmt: skip
