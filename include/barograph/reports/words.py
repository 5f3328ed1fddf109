"""How a report says things: local times, durations, numbers, and what a person calls too much of something.

English stands in the code, languages.py has what other languages say instead: `voice.say("{length} without limits")`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from barograph.metrics import PLACED, Metric
from barograph.readings import FLAG_REASONS
from barograph.reports.languages import LANGUAGES, METRICS, MONTHS, REASONS, SEVERITIES, WEEKDAYS
from barograph.reports.periods import Period
from barograph.windows import Window

TOO = {
    "temperature": ("too cold", "too warm"),
    "humidity": ("too dry", "too damp"),
    "light": ("too dark", "too bright"),
    "door": ("closed too long", "open too long"),
}

WRONG = {
    "cumulative": "had {metric} outside too long in all",
    "rate": "had {metric} changing too fast",
    "deviation": "had {metric} unlike its neighbours",
    "missing": "was silent",
    "quality": "had too many bad readings of {metric}",
    "error_code": "said that it is broken",
    "score": "behaved unusually",
}
"""By the kind of the rule."""

EN_DASH, MINUS, NARROW = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True)
class Voice:
    """The language of a report, and the time that it speaks of."""

    period: Period
    timezone: str
    language: str = "en"

    def say(self, english: str, **facts: object) -> str:
        return LANGUAGES.get(self.language, {}).get(english, english).format(**facts)

    def label(self, metric: Metric) -> str:
        known = METRICS.get(self.language, {})
        placed = PLACED.fullmatch(metric.name)
        if metric.name not in known and placed and placed["name"] in known:
            return f"{known[placed['name']]}{placed['place'].replace('_', ' ').replace(' l', ' L')}"
        return known.get(metric.name, metric.label)

    def in_words(self, metric: Metric) -> str:
        """Within a sentence."""
        label = self.label(metric)
        return label[:1].lower() + label[1:]

    def too(self, metric: Metric, above: bool) -> str:
        """What is wrong in a word: `too warm`."""
        if metric.name in TOO:
            return self.say(TOO[metric.name][above])
        return self.say("{metric} too high" if above else "{metric} too low", metric=self.in_words(metric))

    def was_too(self, metric: Metric, above: bool) -> str:
        """The fridge *was* too warm, the office *had* carbon dioxide too high."""
        return self.say("was {too}" if metric.name in TOO else "had {too}", too=self.too(metric, above))

    def wrong(self, kind: str, metric: Metric) -> str:
        """What the rules say that are of no limit: `was silent`, `had temperature changing too fast`."""
        return self.say(WRONG.get(kind, "had an alarm of {metric}"), metric=self.in_words(metric))

    def severity(self, severity: str) -> str:
        return SEVERITIES.get(self.language, {}).get(severity, severity)

    def reason(self, reason: str) -> str:
        return REASONS.get(self.language, FLAG_REASONS).get(reason, reason)

    def times(self, number: int) -> str:
        return self.say("{count} time" if number == 1 else "{count} times", count=count(number))

    def devices(self, number: int) -> str:
        return self.say("{count} device" if number == 1 else "{count} devices", count=count(number))

    def readings(self, number: int) -> str:
        return self.say("{count} reading" if number == 1 else "{count} readings", count=count(number))

    def alarms(self, number: int) -> str:
        return self.say("{count} alarm" if number == 1 else "{count} alarms", count=count(number))

    def gaps(self, number: int) -> str:
        return self.say("{count} gap" if number == 1 else "{count} gaps", count=count(number))

    def batches(self, number: int) -> str:
        return self.say("{count} batch" if number == 1 else "{count} batches", count=count(number))

    def duration(self, length: timedelta) -> str:
        """`47 min`, `1 h 12 min`, `35 s`, `3 d 4 h`."""
        seconds = round(length.total_seconds())
        if seconds < 60:
            return self.say("{number} s", number=seconds).replace(" ", NARROW)
        minutes = round(seconds / 60)
        days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
        if days < 2:
            hours, days = hours + 24 * days, 0
        parts = [self.say("{number} d", number=days)] * bool(days)
        parts += [self.say("{number} h", number=hours)] * bool(hours)
        parts += [self.say("{number} min", number=minutes)] * bool(minutes and not days)
        return " ".join(part.replace(" ", NARROW) for part in parts)

    def clock(self, moment: datetime) -> str:
        """A local time; with its date where that is not the page's, with its zone where the clocks change that day."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        day = self.period.first if self.period.kind == "day" else None
        if local.date() != day:
            if moment == self.window.end:
                return "24:00" if day else f"{self.short_date(self.period.last)} 24:00"
            return f"{self.short_date(local.date())} {local:%H:%M}"
        return f"{local:%H:%M}{f' {local:%Z}' if self.clocks_change else ''}"

    def span(self, window: Window) -> str:
        """A date that both ends have is said once."""
        start, end = self.clock(window.start), self.clock(window.end)
        date, _, time = end.rpartition(" ")
        once = self.period.kind != "day" and start.startswith(f"{date} ")
        return f"{start}{EN_DASH}{time if once else end}"

    @property
    def window(self) -> Window:
        return self.period.window(self.timezone)

    @property
    def clocks_change(self) -> bool:
        return self.period.kind == "day" and self.window.length != timedelta(days=1)

    def short_date(self, day: date) -> str:
        if self.language == "zh":
            return f"{day.month}月{day.day}日"
        return f"{day.day} {self.month(day.month)[:3]}"

    def month(self, month: int) -> str:
        return MONTHS[self.language if self.language in MONTHS else "en"][month - 1]

    def weekday(self, day: date) -> str:
        return WEEKDAYS[self.language if self.language in WEEKDAYS else "en"][day.weekday()]

    def short_weekday(self, day: date) -> str:
        name = self.weekday(day)
        return f"周{name[-1]}" if self.language == "zh" else name[:3]

    def long_date(self, day: date) -> str:
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日,{self.weekday(day)}"
        return f"{self.weekday(day)}, {day.day} {self.month(day.month)} {day.year}"

    def named(self, period: Period) -> str:
        """`Wednesday, 17 June 2026`, `Week 25, 15 Jun – 21 Jun 2026`, `June 2026`, `2026`."""
        first, last = period.first, period.last
        if period.kind == "day":
            return self.long_date(first)
        if period.kind == "year":
            return self.say("Year {year}", year=first.year)
        if period.kind == "month":
            return self.say("{month} {year}", month=self.month(first.month), year=first.year)
        days = f"{self.short_date(first)} {EN_DASH} {self.short_date(last)}"
        if period.kind == "week":
            return self.say("Week {week}, {days} {year}", week=first.isocalendar().week, days=days, year=last.year)
        return self.say("{days} {year}", days=days, year=last.year)


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


def bare(value: float) -> str:
    """As a person wrote it in the registry: 8, not 8.0."""
    return f"{value:.6g}".replace("-", MINUS)


def limit(value: float, metric: Metric) -> str:
    return f"{bare(value)}{f'{NARROW}{metric.unit}' if metric.unit else ''}"


def limits(low: float | None, high: float | None) -> str:
    """`1 – 8`, `≤ 8`, `≥ 3`, or nothing."""
    if low is not None and high is not None:
        return f"{bare(low)}{NARROW}{EN_DASH}{NARROW}{bare(high)}"
    if high is not None:
        return f"≤{NARROW}{bare(high)}"
    return f"≥{NARROW}{bare(low)}" if low is not None else ""


def quantity(value: float | None, metric: Metric) -> str:
    return f"{number(value, metric)}{NARROW}{metric.unit}" if metric.unit else number(value, metric)


def zone_name(zone: str) -> str:
    words = zone.replace("-", " ").replace("_", " ").strip() or zone
    return words[:1].upper() + words[1:]


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


def plain(text: str, most: int = 200) -> str:
    """Outside text for a picture: no control or direction marks, that XML forbids, that reorder what stands beside."""
    clean = "".join("\N{REPLACEMENT CHARACTER}" if _hidden(letter) else letter for letter in text)
    return clean if len(clean) <= most else clean[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _hidden(letter: str) -> bool:
    return (
        unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Zl", "Zp")
        or "\u200e" <= letter <= "\u200f"
        or "\u202a" <= letter <= "\u202e"
        or "\u2066" <= letter <= "\u2069"
    )
