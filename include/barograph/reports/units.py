"""A report in other units than we keep: everything is measured, judged and counted in ours, and said in others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from barograph.collector.units import UnitError, conversion
from barograph.errors import SettingsError
from barograph.metrics import Metric, metric
from barograph.reports.data import Alarm, DayFigures, ReportData, Series, Statistics


def in_units(data: ReportData, units: Mapping[str, str]) -> ReportData:
    """The same report with values, limits and alarms in `units`: {"°C": "°F"}. Raises SettingsError."""
    if not units:
        return data
    devices = tuple(
        replace(device, series=tuple(_series(series, units) for series in device.series)) for device in data.devices
    )
    return replace(data, devices=devices, alarms=tuple(_alarm(alarm, units) for alarm in data.alarms))


def shown(metric: Metric, units: Mapping[str, str]) -> tuple[Metric, float, float]:
    """The metric as it is said, and factor and offset of its values."""
    unit = units.get(metric.unit, metric.unit)
    if unit == metric.unit:
        return metric, 1.0, 0.0
    try:
        factor, offset = (float(part) for part in conversion(metric.unit, unit))
    except UnitError as error:
        raise SettingsError(f"reports.units: {error}") from error
    edges = sorted(factor * edge + offset for edge in metric.valid)
    resolution = 0.1 if metric.resolution and factor < 10 else metric.resolution
    return replace(metric, unit=unit, valid=(edges[0], edges[1]), resolution=resolution), factor, offset


def _series(series: Series, units: Mapping[str, str]) -> Series:
    said, factor, offset = shown(series.metric, units)
    if said is series.metric:
        return series

    def scale(value: float | None) -> float | None:
        return None if value is None else round(factor * value + offset, 9)

    values, counts = series.tally or (None, None)
    return replace(
        series,
        metric=said,
        low=scale(series.low),
        high=scale(series.high),
        values=factor * series.values + offset,
        statistics=_statistics(series.statistics, scale),
        tally=None if values is None or counts is None else (factor * values + offset, counts),
        days=tuple(_day(day, scale) for day in series.days),
        hours=factor * series.hours + offset,
    )


def _statistics(sums: Statistics, scale: Callable[[float | None], float | None]) -> Statistics:
    return replace(
        sums,
        min=scale(sums.min),
        mean=scale(sums.mean),
        median=scale(sums.median),
        max=scale(sums.max),
        kinetic=scale(sums.kinetic),
    )


def _day(day: DayFigures, scale: Callable[[float | None], float | None]) -> DayFigures:
    return replace(day, min=scale(day.min), mean=scale(day.mean), max=scale(day.max))


def _alarm(alarm: Alarm, units: Mapping[str, str]) -> Alarm:
    _, factor, offset = shown(metric(alarm.metric), units)
    told = {name: getattr(alarm, name) for name in ("limit", "value", "low", "high")}
    return replace(alarm, **{name: round(factor * one + offset, 9) for name, one in told.items() if one is not None})
