"""The day of a whole site at one glance: a lane for each device, by zone. What is wrong is darker and taller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D, Transform, blended_transform_factory

from barograph.reports.canvas import ALARM, HAIR, INK, QUIET, sheet, time_axis
from barograph.reports.data import DeviceDay, ReportData, moment, total
from barograph.reports.gallery import interesting
from barograph.reports.words import plain, zone_name
from barograph.windows import Window, merged

FINE, OUTSIDE, DOUBTFUL = "#a9c6da", "#e0912f", "#6f7b85"
FINE_HEIGHT, PART_HEIGHT, OUTSIDE_HEIGHT, ALARM_HEIGHT, DOUBTFUL_HEIGHT = 0.32, 0.10, 0.50, 0.74, 0.16

DOTS = (0, (1, 3))

LANES = 60
"""More devices than this, and only the ones with something to see are drawn."""

LEAST = timedelta(minutes=4)
"""The narrowest thing that an eye finds on a day."""


@dataclass(frozen=True)
class Shape:
    """Sizes in inches of the two shapes: beside the table on a desk, or on a phone with the names above the lanes."""

    width: float
    lane: float
    zone: float
    left: float
    right: float
    names_above: bool
    every: int


WIDE = Shape(width=9.4, lane=0.235, zone=0.33, left=1.85, right=1.35, names_above=False, every=3)
NARROW = Shape(width=3.9, lane=0.43, zone=0.38, left=0.06, right=0.06, names_above=True, every=6)


def overview(data: ReportData, shape: Shape = WIDE) -> Figure:
    shown = _chosen(data)
    zones: dict[str, list[DeviceDay]] = {}
    for device in shown:
        zones.setdefault(device.zone, []).append(device)
    legend = 0.55 if shape.names_above else 0.34
    height = len(shown) * shape.lane + len(zones) * shape.zone + 0.30 + legend
    figure = sheet(shape.width, height)
    axes = figure.add_axes(
        (shape.left / shape.width, 0.30 / height, 1 - (shape.left + shape.right) / shape.width,
         1 - (0.30 + legend) / height)
    )  # fmt: skip
    top = len(shown) * shape.lane + len(zones) * shape.zone
    axes.set_ylim(0, top)
    time_axis(axes, data.voice, shape.every)
    if shape.names_above and data.period.kind == "day":  # the lanes end where the picture does
        labels = axes.get_xticklabels()
        labels[0].set_horizontalalignment("left")
        labels[-1].set_horizontalalignment("right")
    axes.set_yticks([])
    axes.grid(axis="x", color=HAIR, linewidth=0.5)
    for zone, devices in zones.items():
        top -= shape.zone
        left = 0 if shape.names_above else 0.06 - shape.left
        axes.text(left, top + 0.07, plain(zone_name(zone), 40), fontsize=9, weight="bold", color=INK,
                  transform=_from_left(figure, axes))  # fmt: skip
        for device in devices:
            top -= shape.lane
            _lane(axes, figure, device, data, top, shape)
    _legend(figure, shape, height, data, len(data.devices) - len(shown))
    return figure


def _lane(axes: Axes, figure: Figure, device: DeviceDay, data: ReportData, bottom: float, shape: Shape) -> None:
    alarms = merged(alarm.span(data.window) for alarm in data.alarms if alarm.device == device.device)
    outside = merged(span for series in device.series for span in series.outside)
    doubtful = merged(
        (Window(moment(time), moment(time)) for series in device.series for time in series.times[series.bad]),
        gap=least_seen(data),
    )
    room = shape.lane - 0.19 if shape.names_above else shape.lane
    middle = bottom + room / 2
    axes.axhline(middle, color=QUIET, linewidth=0.7, linestyle=DOTS, zorder=1)
    scale = 0.235
    for spans, color, tall, order in (
        (_without(device.silent, data.window), FINE, PART_HEIGHT, 2),
        (_without(merged(gap for series in device.series for gap in series.gaps), data.window), FINE, FINE_HEIGHT, 2),
        (outside, OUTSIDE, OUTSIDE_HEIGHT, 3),
        (alarms, ALARM, ALARM_HEIGHT, 4),
        (doubtful, DOUBTFUL, DOUBTFUL_HEIGHT, 5),
    ):
        least = timedelta(0) if color == FINE else least_seen(data)
        bars = [_bar(span, data.window, least) for span in spans]
        axes.broken_barh(bars, (middle - tall * scale / 2, tall * scale), color=color, linewidth=0, zorder=order)
    name = plain(device.label, 34 if shape.names_above else 26)
    beside = _from_left(figure, axes)
    said = _said(data, device, alarms, outside)
    if shape.names_above:
        axes.text(0, middle + 0.13, name, fontsize=8.5, transform=beside)
        axes.text(1, middle + 0.13, said, fontsize=8, color=ALARM if alarms else QUIET, ha="right",
                  transform=axes.get_yaxis_transform())  # fmt: skip
    else:
        axes.text(-shape.left + 0.06, middle, name, fontsize=8.5, va="center", transform=beside)
        axes.text(1.01, middle, said, fontsize=8, color=ALARM if alarms else QUIET, va="center",
                  transform=axes.get_yaxis_transform())  # fmt: skip


def _from_left(figure: Figure, axes: Axes) -> Transform:
    """Across in inches from the left end of the lanes, upwards as the lanes are counted."""
    inches = Affine2D().scale(1 / figure.get_figwidth(), 1).translate(axes.get_position().x0, 0)
    return blended_transform_factory(inches + figure.transFigure, axes.transData)


def least_seen(data: ReportData) -> timedelta:
    return LEAST * len(data.period)


def _said(data: ReportData, device: DeviceDay, alarms: list[Window], outside: list[Window]) -> str:
    voice = data.voice
    if alarms:
        return voice.say("alarm {length}", length=voice.duration(total(alarms)))
    if device.silent:
        return voice.say("silent {length}", length=voice.duration(total(device.silent)))
    return voice.say("outside {length}", length=voice.duration(total(outside))) if outside else ""


def _without(gaps: Sequence[Window], window: Window) -> list[Window]:
    edges = [window.start, *(edge for gap in gaps for edge in (gap.start, gap.end)), window.end]
    return [Window(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _bar(span: Window, window: Window, least: timedelta) -> tuple[float, float]:
    hour = timedelta(hours=1)
    return (span.start - window.start) / hour, max(span.length, least) / hour


def _chosen(data: ReportData) -> list[DeviceDay]:
    if len(data.devices) <= LANES:
        return list(data.devices)
    first = set(interesting(data)[:LANES])
    return [device for device in data.devices if device.device in first]


def _legend(figure: Figure, shape: Shape, height: float, data: ReportData, left_out: int) -> None:
    say = data.voice.say
    entries = (
        (say("fine"), FINE, FINE_HEIGHT),
        (say("outside limits"), OUTSIDE, OUTSIDE_HEIGHT),
        (say("alarm"), ALARM, ALARM_HEIGHT),
        (say("doubtful"), DOUBTFUL, DOUBTFUL_HEIGHT),
        (say("in part"), FINE, PART_HEIGHT),
        (say("no readings"), None, 0.0),
    )
    rows = [entries[:3], entries[3:]] if shape.names_above else [entries]
    for row, members in enumerate(rows):
        x, y = shape.left if not shape.names_above else 0.06, height - 0.16 - 0.2 * row
        for text, color, tall in members:
            if color:
                patch = Rectangle((x / shape.width, (y - tall * 0.1175) / height), 0.22 / shape.width,
                                  tall * 0.235 / height, color=color, linewidth=0)  # fmt: skip
                figure.add_artist(patch)
            else:
                places = [x / shape.width, (x + 0.22) / shape.width]
                figure.add_artist(Line2D(places, [y / height] * 2, color=QUIET, linewidth=0.7, linestyle=DOTS))
            figure.text((x + 0.28) / shape.width, y / height, text, fontsize=8, color=QUIET, va="center")
            x += 0.52 + (0.13 if data.language == "zh" else 0.062) * len(text)
    if left_out:
        more = say("and {devices} more", devices=data.voice.devices(left_out))
        figure.text(1 - 0.06 / shape.width, (height - 0.16) / height, more, fontsize=8, color=QUIET, ha="right",
                    va="center")  # fmt: skip
