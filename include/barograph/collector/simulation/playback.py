"""A recording of values, said again: a CSV file's rows as the frames of a device."""

from __future__ import annotations

import csv
import math
from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from barograph.collector.simulation.scenario import Playback
from barograph.collector.units import UnitError, conversion
from barograph.errors import DocumentError
from barograph.metrics import metric
from barograph.readings import Value
from barograph.registry import Device, Port
from barograph.windows import EPOCH, utc

Row = tuple[datetime, dict[str, Value]]


class Recording:
    """A device that says what a file says: in the file's order, its first row when the simulation starts."""

    def __init__(self, device: Device, port: Port, rows: list[Row], start: datetime, every: float | None) -> None:
        self.device = device
        self.port = port
        self._rows = rows
        self._offsets = [each * every for each in range(len(rows))] if every else _offsets(rows)
        self._start = start

    def step(self, moment: datetime) -> int:
        """The first row at or after a moment."""
        return bisect_left(self._offsets, (moment - self._start).total_seconds())

    def time(self, step: int) -> datetime | None:
        """None behind the last row."""
        return self._start + timedelta(seconds=self._offsets[step]) if step < len(self._offsets) else None

    def values(self, step: int) -> dict[str, Value]:
        return self._rows[min(step, len(self._rows) - 1)][1]


def _offsets(rows: list[Row]) -> list[float]:
    """Seconds since the first row. Where the recorder's clock was set back, the usual distance stands in."""
    offsets, usual = [0.0], 1.0
    for (earlier, _), (later, _) in pairwise(rows):
        distance = (later - earlier).total_seconds()
        usual = distance if distance > 0 else usual
        offsets.append(offsets[-1] + usual)
    return offsets


def read_rows(path: Path, told: Playback) -> list[Row]:
    """Raises DocumentError that names file, line and column. An empty cell was measured badly."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            time, wanted = _columns(path, columns, told)
            scales = _scales(path, wanted, told)
            zone = ZoneInfo(told.zone)
            rows = [
                (
                    _time(row.get(time), zone, f"{path}:{reader.line_num}: {time}"),
                    {
                        name: _value(row.get(column), scales[column], f"{path}:{reader.line_num}: {column}")
                        for column, name in wanted.items()
                    },
                )
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DocumentError(
            f"{path}: cannot be read ({error}). A CSV file in UTF-8 with a header is needed."
        ) from error
    if not rows:
        raise DocumentError(f"{path}: has no rows below its header.")
    return rows


def _columns(path: Path, columns: list[str], told: Playback) -> tuple[str, dict[str, str]]:
    time = told.time or (columns[0] if columns else "")
    wanted = told.values or {column: column for column in columns if column != time}
    missing = [column for column in (time, *wanted, *told.units) if column not in columns]
    if missing or not wanted:
        what = f"has no column {', '.join(missing)}" if missing else "has no column of values"
        raise DocumentError(f"{path}:1: {what}. Its columns: {', '.join(columns) or 'none'}.")
    return time, wanted


def _scales(path: Path, wanted: dict[str, str], told: Playback) -> dict[str, tuple[float, float]]:
    scales = {}
    for column, name in wanted.items():
        unit = told.units.get(column)
        try:
            factor, offset = conversion(unit, metric(name).unit) if unit else (1, 0)
        except UnitError as error:
            raise DocumentError(f"{path}:1: {column}: {error}.") from error
        scales[column] = (float(factor), float(offset))
    return scales


def _time(text: str | None, zone: ZoneInfo, place: str) -> datetime:
    try:
        try:
            return EPOCH + timedelta(seconds=float(text or ""))
        except ValueError:
            moment = datetime.fromisoformat((text or "").strip())
            return utc(moment.isoformat()) if moment.tzinfo else moment.replace(tzinfo=zone).astimezone(EPOCH.tzinfo)
    except (ValueError, OverflowError) as error:
        raise DocumentError(
            f"{place}: {text!r} is no time. ISO 8601 or seconds since 1970 are read."
        ) from error  # fmt: skip


def _value(text: str | None, scale: tuple[float, float], place: str) -> Value:
    if text is None or not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DocumentError(f"{place}: {text!r} is no number.")
    return number if scale == (1.0, 0.0) else round(number * scale[0] + scale[1], 6)
