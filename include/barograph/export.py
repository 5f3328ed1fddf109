"""export: settled readings as a file for other programs; as a table of time by device, or row by row.

Everything is read from derived/refined, day by day and without Spark: a year of a shop needs the memory of its largest
day. Days that were not settled are not in it, and are named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from barograph.archive import Archive
from barograph.errors import QuestionError
from barograph.readings import FLAGS, GOOD, SUSPECT
from barograph.registry import Site
from barograph.transforms.pivoting import DAY, HOW, NEEDED, pieces, pivot, schema_of
from barograph.windows import EPOCH, Window, microseconds
from barograph.writing import whole_file

Progress = Callable[[int, int, int], None]
"""Called with days done, days in all, and rows so far."""

ROWS = pa.schema(
    [
        ("time", pa.timestamp("us", "UTC")), ("device", pa.string()), ("metric", pa.string()), ("value", pa.float64()),
        ("flag", pa.string()),
    ]
)  # fmt: skip

COMPARE: dict[str, Callable[[pa.ChunkedArray, float], pa.ChunkedArray]] = {
    "<=": pc.less_equal,
    ">=": pc.greater_equal,
    "!=": pc.not_equal,
    "<": pc.less,
    ">": pc.greater,
    "=": pc.equal,
}
CONDITION = re.compile(r"(?P<column>.+?)\s*(?P<how><=|>=|!=|<|>|=)\s*(?P<number>[-+]?[\d.]+(e[-+]?\d+)?)", re.I)
NULL = re.compile(r"(?P<column>.+?)\s+is\s+(?P<not>not\s+)?null", re.I)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Wanted:
    """What is exported, and how it is laid out."""

    site: Site
    window: Window
    metric: str
    devices: Sequence[str] = ()
    """Patterns such as `fridge-*`; all there are unless said."""
    pivot: bool = True
    every: timedelta | None = None
    """One row for each stretch of this length; as read unless said."""
    how: str = "mean"
    columns: Sequence[str] = ()
    """Only these, in this order."""
    sort: str = "time"
    """A column; with `-` before it, the largest first."""
    where: Sequence[str] = ()
    """Conditions that all rows meet: `fridge-1 > 5`, `fridge-1 is not null`."""
    suspect: bool = False
    """Values that are only suspect count too."""


@dataclass(frozen=True)
class Exported:
    rows: int
    columns: list[str]
    days: int
    unsettled: list[date]


def export(archive: Archive, wanted: Wanted, output: Path, format_: str, progress: Progress | None = None) -> Exported:
    """Write one file. Raises QuestionError for what cannot be meant, SettingsError if the file cannot be written."""
    if wanted.how not in HOW:
        raise QuestionError(f"{wanted.how} is none of {', '.join(HOW)}.")
    # All that follows sees one version, whatever is settled meanwhile.
    archive = archive.pinned("refined", "days")
    settled, unsettled = _days(archive, wanted)
    devices = _devices(archive, wanted, settled)
    if not devices:
        raise QuestionError(_nothing(archive, wanted, settled))
    schema = schema_of(devices) if wanted.pivot else ROWS
    chosen = _chosen(schema, wanted.columns)
    done = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal done
        for number, table in _tables(archive, wanted, settled, devices):
            kept = _where(table, wanted.where).select(chosen)
            done += kept.num_rows
            if progress:
                progress(number, len(settled), done)
            yield kept

    with whole_file(output, format_, pa.schema([schema.field(name) for name in chosen])) as write:
        if wanted.sort == "time":
            for table in tables():
                write(table)
        else:
            write(_sorted(pa.concat_tables(tables()), wanted.sort))
    return Exported(done, chosen, len(settled), unsettled)


def every(text: str) -> timedelta:
    """A length of time such as 30s, 5m, 1h or 1d. Raises QuestionError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip())
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < seconds <= UNITS["d"]:
        raise QuestionError(f"{text} is not a length of time up to a day, such as 30s, 5m, 1h or 1d.")
    return timedelta(seconds=seconds)


def _days(archive: Archive, wanted: Wanted) -> tuple[list[date], list[date]]:
    """The settled days of the window, and those that have readings and are not settled."""
    zone = wanted.site.timezone
    settled = archive.settled(wanted.site.site)
    around = {here for day in archive.days() for here in Window.local_day(day, "UTC").local_days(zone)}
    touched = [day for day in sorted(settled | around) if Window.local_day(day, zone).clipped(wanted.window)]
    return [day for day in touched if day in settled], [day for day in touched if day not in settled]


def _nothing(archive: Archive, wanted: Wanted, days: Sequence[date]) -> str:
    """Why there is nothing to export, and what there is instead."""
    whose = f" of {', '.join(wanted.devices)}" if wanted.devices else ""
    if not days:
        return f"{wanted.site.site} has no settled day in this time. `barograph archive show` says which there are."
    there = archive.derived("refined", wanted.site.site, days[-1], ["metric"])["metric"].unique().to_pylist()
    return (
        f"{wanted.site.site} has no settled readings of {wanted.metric}{whose} in its {len(days)} settled days of this "
        f"time. On {days[-1]} it has {', '.join(sorted(there)) or 'none at all'}."
    )


def _devices(archive: Archive, wanted: Wanted, days: Sequence[date]) -> list[str]:
    found: set[str] = set()
    for day in days:
        rows = archive.derived("refined", wanted.site.site, day, ["device"], metric=wanted.metric)
        found |= set(rows["device"].unique().to_pylist())
    patterns = wanted.devices or ["*"]
    return sorted(device for device in found if any(fnmatchcase(device, pattern) for pattern in patterns))


def _tables(
    archive: Archive, wanted: Wanted, days: Sequence[date], devices: Sequence[str]
) -> Iterator[tuple[int, pa.Table]]:
    """The table in pieces, in the order of time. What a day begins of a stretch of time, the next may end."""
    flags = (GOOD, SUSPECT) if wanted.suspect else (GOOD,)
    carried: pa.Table | None = None
    for number, day in enumerate(days, 1):
        columns = [*NEEDED, "metric"]
        rows = archive.derived("refined", wanted.site.site, day, columns, metric=wanted.metric)
        time = rows["time"]
        rows = rows.filter(
            pc.and_(pc.greater_equal(time, _moment(wanted.window.start)), pc.less(time, _moment(wanted.window.end)))
        )
        if not wanted.pivot:
            yield number, _long(rows, devices)
        elif wanted.every is None:
            for piece in pieces(rows, devices, flags):
                yield number, piece
        else:
            rows = pa.concat_tables([carried, rows]) if carried is not None else rows
            end = Window.local_day(day, wanted.site.timezone).end
            whole = _moment(end if wanted.every == DAY else EPOCH + (end - EPOCH) // wanted.every * wanted.every)
            now, carried = (rows.filter(is_(rows["time"], whole)) for is_ in (pc.less, pc.greater_equal))
            yield number, pivot(now, devices, wanted.every, wanted.how, wanted.site.timezone, flags)
    if carried is not None and carried.num_rows:
        yield len(days), pivot(carried, devices, wanted.every, wanted.how, wanted.site.timezone, flags)


def _long(rows: pa.Table, devices: Sequence[str]) -> pa.Table:
    ours = rows.filter(pc.is_in(rows["device"], pa.array(devices, pa.string()))).sort_by(
        [("time", "ascending"), ("device", "ascending")]
    )
    words = pa.array([FLAGS.get(flag, str(flag)) for flag in ours["flag"].to_pylist()], pa.string())
    return pa.table([ours["time"], ours["device"], ours["metric"], ours["value"], words], ROWS)


def _moment(moment: datetime) -> pa.Scalar:
    return pa.scalar(microseconds(moment), pa.int64()).cast(pa.timestamp("us", "UTC"))


def _chosen(schema: pa.Schema, columns: Sequence[str]) -> list[str]:
    for column in columns:
        _known(schema, column)
    return list(columns) or list(schema.names)


def _known(schema: pa.Schema, column: str) -> str:
    if column not in schema.names:
        raise QuestionError(f"There is no column {column}. There are: {', '.join(schema.names)}.")
    return column


def _where(table: pa.Table, conditions: Sequence[str]) -> pa.Table:
    """Rows that meet all conditions; nothing is compared with nothing."""
    for condition in conditions:
        if found := NULL.fullmatch(condition.strip()):
            column = table[_known(table.schema, found["column"])]
            table = table.filter(pc.is_valid(column) if found["not"] else pc.is_null(column))
        elif found := CONDITION.fullmatch(condition.strip()):
            column = table[_known(table.schema, found["column"])]
            if not pa.types.is_floating(column.type):
                raise QuestionError(f"{found['column']} is no number; --from, --to and --devices choose by the others.")
            table = table.filter(COMPARE[found["how"]](column, float(found["number"])))
        else:
            raise QuestionError(f"`{condition}` is not like `fridge-1 > 5` or `fridge-1 is not null`.")
    return table


def _sorted(table: pa.Table, sort: str) -> pa.Table:
    column, order = (sort[1:], "descending") if sort.startswith("-") else (sort, "ascending")
    return table.sort_by([(_known(table.schema, column), order)])
