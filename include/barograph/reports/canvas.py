"""Our look: colours, type, a Figure to draw on, axes of time, and how a Figure becomes bytes. Never pyplot.

The same data gives the same bytes. A chart is read on a phone, on paper in greyscale, and by people who see red and
green alike: so what is wrong is also taller, darker or of another shape.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.markers import TICKDOWN
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator
from PIL import Image

from barograph.reports.words import MINUS, Voice, plain
from barograph.windows import Window

INK, QUIET, HAIR = "#1f2a33", "#5d6b76", "#c9d1d8"
CURVE, LIMIT, BAD = "#0b5a8a", "#b4460f", "#8a1c5b"
BEYOND, ALARM, NOTHING, DOOR = "#f9ebdf", "#b4460f", "#eceff1", "#d5e6f0"
"""After Okabe and Ito: blue and vermilion stay apart for every eye, and differ in lightness."""

WIDTH, HEIGHT = 4.4, 1.95
"""Inches of a small chart: so small that its letters can still be read at the width of a phone."""

PIXELS_PER_INCH = 150

CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei", "PingFang SC",
)  # fmt: skip
"""Any of these draws Chinese; `apt install fonts-noto-cjk` brings the first one."""

FAMILY = "'DejaVu Sans', Verdana, 'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
"""What an SVG asks its reader for, whatever the machine has that drew it."""

STYLE = {
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a device may be called $x^2$
    "axes.facecolor": "none",  # a dark page would make a black hole of a white one
    "axes.edgecolor": HAIR,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "xtick.color": HAIR,
    "ytick.color": HAIR,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "ytick.major.size": 0,
    "lines.solid_joinstyle": "round",
    "path.simplify": False,  # curves are thinned by us, and keep their peaks
    "agg.path.chunksize": 10_000,
    "svg.fonttype": "none",
    "svg.hashsalt": "barograph",
}

DOCTYPE = re.compile(rb"<!DOCTYPE[^>]*>\s*|<metadata>.*?</metadata>\s*", re.DOTALL)
FONTS = re.compile(rb"'DejaVu Sans'[^\";]*")
IDS = re.compile(rb"(\bid=\"|url\(#|xlink:href=\"#)")
DIGITS = re.compile(rb"(\d\.\d\d)\d+")


_one_at_a_time = threading.RLock()


@contextmanager
def style() -> Iterator[None]:
    """Our look, whatever the user's matplotlibrc says. Draw and write inside of it: one thread at a time can."""
    with _one_at_a_time, matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*missing from font")
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a font without a bold face
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        # Letters that the first has not are looked for in the second: in families, not within `sans-serif`.
        matplotlib.rcParams["font.family"] = ["DejaVu Sans", *filter(None, [chinese_font()])]
        yield


@cache
def chinese_font() -> str | None:
    """The first font of this machine that draws Chinese, or None."""
    there = {font.name for font in fontManager.ttflist}
    return next((name for name in CHINESE if name in there), None)


NO_LETTERS = (
    "No font of the machine that made this report draws Chinese: it is in English, with ids for Chinese names. "
    "With one (apt install fonts-noto-cjk), the next run publishes it as it should be."
)

CHINESE_LETTERS = re.compile("[\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+")
"""With those of Japanese and Korean, which the same fonts have."""


def writes(language: str) -> bool:
    """Whether this machine has the letters of a language: pictures and paper would show boxes."""
    return language != "zh" or chinese_font() is not None


def legible(text: str, instead: str) -> str:
    """Outside text, or what stands in its place where this machine has no letters for it."""
    return text if writes("zh") or not CHINESE_LETTERS.search(text) else instead


_sheet = Figure()


def sheet(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty Figure, the same one again and again: turn what was drawn on it into bytes before asking for it anew."""
    _sheet.clear()
    _sheet.set_size_inches(width, height)
    return _sheet


Scale = tuple[float, float, float | None, float | None]
"""Lowest and highest value of an axis, and the limits that are drawn on it."""


class Frame:
    """The part of a curve's chart that all of one report share: axes, hours, marks of the clock, the scale of a zone.

    To make and to draw these costs more than all the rest. They are made once, drawn once for each scale, and what is
    new is drawn upon them.
    """

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.figure = Figure(figsize=(WIDTH, HEIGHT), dpi=PIXELS_PER_INCH, facecolor="white")
        self.axes = self.figure.add_axes((0.1, 0.135, 0.84, 0.70))
        time_axis(self.axes, voice)
        self.axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        self.axes.yaxis.set_major_formatter(FuncFormatter(figures))
        self.axes.grid(axis="y", color=HAIR, linewidth=0.5)
        self._ours = set(self.axes.get_children())
        self._limits: list[Artist] = []
        self._scale: Scale = (0.0, 1.0, None, None)
        self._canvas = FigureCanvasAgg(self.figure)
        self._drawn: tuple[Any, Any] = (None, None)
        self._written: tuple[Any, bytes] = (None, b"")

    def emptied(self, scale: Scale) -> tuple[Figure, Axes]:
        for artist in self._new():
            artist.remove()
        if scale != self._scale:
            for artist in self._limits:
                artist.remove()
            self.axes.set_ylim(*scale[:2])
            self._limits = list(_limits(self.axes, *scale))
            self._scale = scale
        return self.figure, self.axes

    def png(self) -> bytes:
        new, scale = self._new(), self._scale
        if self._drawn[0] != scale:
            with _hidden(new):
                self._canvas.draw()
            self._drawn = (scale, self._canvas.copy_from_bbox(self.figure.bbox))
        self._canvas.restore_region(self._drawn[1])
        renderer = self._canvas.get_renderer()
        for artist in new:
            artist.draw(renderer)
        return _png(self._canvas)

    def svg(self) -> bytes:
        new, scale = self._new(), self._scale
        self.figure.patch.set_visible(False)
        if self._written[0] != scale:
            with _hidden(new):
                self._written = (scale, _svg(self.figure))
        with _hidden([*self._ours, *self._limits]):
            above = _svg(self.figure)
        self.figure.patch.set_visible(True)
        # Both name their parts by number: those of the second are told apart.
        above = IDS.sub(rb"\1n_", above[above.index(b"<g ") :])
        return self._written[1][: self._written[1].rindex(b"</svg>")] + above

    def _new(self) -> list[Artist]:
        kept = self._ours.union(self._limits)
        children = [artist for artist in self.axes.get_children() if artist not in kept]
        return sorted([*children, *self.figure.texts], key=lambda artist: artist.get_zorder())


@contextmanager
def _hidden(artists: Iterable[Artist]) -> Iterator[None]:
    shown = [artist for artist in artists if artist.get_visible()]
    for artist in shown:
        artist.set_visible(False)
    try:
        yield
    finally:
        for artist in shown:
            artist.set_visible(True)


_frames: list[Frame] = []


def framed(voice: Voice, scale: Scale) -> tuple[Figure, Axes]:
    """A chart with nothing but its frame; the same one again and again, as `sheet`."""
    if not _frames or _frames[0].voice != voice or _frames[0].figure.dpi != PIXELS_PER_INCH:
        _frames[:] = [Frame(voice)]
    return _frames[0].emptied(scale)


def _limits(axes: Axes, low: float, high: float, least: float | None, most: float | None) -> Iterator[Artist]:
    """What lies beyond is a pale band behind a dashed line."""
    for limit, edge in ((least, low), (most, high)):
        if limit is not None:
            yield axes.axhspan(limit, edge, color=BEYOND, linewidth=0, zorder=0.5, gid="beyond")
            yield axes.axhline(limit, color=LIMIT, linewidth=0.9, linestyle=(0, (5, 2)), gid="limit")
            said = figures(limit)
            size = 8.5 if len(said) < 4 else 7.5
            yield axes.text(1.0655, limit, said, color=LIMIT, fontsize=size, ha="right", va="center_baseline",
                            transform=axes.get_yaxis_transform())  # fmt: skip


def png(figure: Figure) -> bytes:
    if _frames and figure is _frames[0].figure:
        return _frames[0].png()
    figure.set_dpi(PIXELS_PER_INCH)
    figure.set_facecolor("white")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return _png(canvas)


def svg(figure: Figure) -> bytes:
    """Without background, so that a dark page can turn it around, and without a word of where or when."""
    if _frames and figure is _frames[0].figure:
        return _frames[0].svg()
    figure.patch.set_visible(False)
    try:
        return _svg(figure)
    finally:
        figure.patch.set_visible(True)


def _png(canvas: FigureCanvasAgg) -> bytes:
    page = BytesIO()
    pixels = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
    Image.fromarray(pixels).save(page, "png", compress_level=1)
    return page.getvalue()


def _svg(figure: Figure) -> bytes:
    page = BytesIO()
    dpi = figure.dpi
    FigureCanvasSVG(figure).print_svg(page, metadata={"Date": None, "Creator": None})
    figure.set_dpi(dpi)
    # A hundredth of a point is finer than any eye, and half the bytes.
    return DIGITS.sub(rb"\1", FONTS.sub(FAMILY.encode(), DOCTYPE.sub(b"", page.getvalue())))


def titled(figure: Figure, title: str, beside: str = "") -> None:
    """What it shows, bold at the left; of what, quiet at the right."""
    top = 1 - 0.165 / figure.get_figheight()
    long = len(title) > 38
    room = 14 if long else 40 - min(20, len(title) // 2)
    figure.text(0.0, top, plain(title, 44 if long else 38), fontsize=8.5 if long else 10, weight="bold", color=INK)
    figure.text(0.99, top, plain(beside, room), fontsize=8.5, color=QUIET, ha="right")


def scaled(axes: Axes, low: float, high: float) -> None:
    """The axis of values: few marks, hair lines."""
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(figures))
    axes.grid(axis="y", color=HAIR, linewidth=0.5)


def figures(value: float, _: object = None) -> str:
    return f"{value:g}".replace("-", MINUS)


def time_axis(axes: Axes, voice: Voice, every: int = 6) -> None:
    """Hours of the local clock, or days, where they really lie: a day of 23 or 25 hours is as long as it is."""
    window, timezone = voice.window, voice.timezone
    hours = window.length / timedelta(hours=1)
    axes.set_xlim(0, hours)
    axes.tick_params(axis="x", length=3, pad=2)
    if voice.period.kind != "day":
        _day_axis(axes, voice)
        return
    major = [(position(moment, window), f"{hour:02}:00") for hour, moment in _ticks(window, timezone, every)]
    major.append((hours, "24:00"))
    _at(axes, major)
    # One line of marks for the hours: two dozen minor ticks would cost as much as all the rest.
    each = [position(moment, window) for _, moment in _ticks(window, timezone, 1)]
    axes.plot(each, [0] * len(each), linestyle="", marker=TICKDOWN, markersize=1.8, color=HAIR, clip_on=False,
              transform=axes.get_xaxis_transform(), gid="hours")  # fmt: skip
    change = _clock_change(window, timezone)
    if change is not None:
        axes.axvline(change, color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)), gid="clocks-change")


def _day_axis(axes: Axes, voice: Voice) -> None:
    days = list(voice.period)
    if len(days) > 62:
        marked = [day for day in days if day.day == 1]
        named = [voice.month(day.month) if voice.language == "zh" else voice.month(day.month)[:3] for day in marked]
    elif len(days) > 10:
        marked = [day for day in days if day.weekday() == 0]
        named = [voice.short_date(day) for day in marked]
    else:
        marked = days
        named = [f"{voice.short_weekday(day)} {day.day}" for day in days]
    at = [position(Window.local_day(day, voice.timezone).start, voice.window) for day in marked]
    _at(axes, list(zip(at, named, strict=True)))
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("left")


def _at(axes: Axes, marks: list[tuple[float, str]]) -> None:
    axes.xaxis.set_major_locator(FixedLocator([place for place, _ in marks]))
    axes.xaxis.set_major_formatter(FixedFormatter([text for _, text in marks]))


def _ticks(window: Window, timezone: str, every: int) -> Iterator[tuple[int, datetime]]:
    here = ZoneInfo(timezone)
    midnight = window.start.astimezone(here)
    for hour in range(0, 24, every):
        moment = midnight.replace(hour=hour, minute=0, second=0, microsecond=0)
        utc = moment.astimezone(window.start.tzinfo)
        exists = utc.astimezone(here).hour == hour
        if exists and utc in window:
            yield hour, utc


def _clock_change(window: Window, timezone: str) -> float | None:
    """Where the clocks were put on or back, in hours of the day."""
    here = ZoneInfo(timezone)
    step = timedelta(minutes=15)
    count = window.length // step
    offsets = [(window.start + step * place).astimezone(here).utcoffset() for place in range(count + 1)]
    changed = (place for place in range(1, count) if offsets[place] != offsets[place - 1])
    return next((place * (step / timedelta(hours=1)) for place in changed), None)


def position(moment: datetime, window: Window) -> float:
    return (moment - window.start) / timedelta(hours=1)


def hours_of(span: Window, window: Window) -> tuple[float, float]:
    return position(span.start, window), position(span.end, window)


def day_names(days: tuple[date, ...], voice: Voice) -> list[str]:
    """For rows of a table of days: each by its weekday and date."""
    return [f"{voice.short_weekday(day)} {voice.short_date(day)}" for day in days]


def padded(low: float, high: float, least: float) -> tuple[float, float]:
    """With room above and below, and never flatter than `least`."""
    pad = max(0.08 * (high - low), (least - (high - low)) / 2)
    return low - pad, high + pad
