"""What InfluxDB holds of one site and a stretch of time: of each series and field, how many points and a hash of them.

The same of the archive's tables: where both agree, the view shows what the archive has, point by point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from influxdb_client.rest import ApiException
from numpy.typing import NDArray
from pyarrow import csv
from urllib3.exceptions import HTTPError

from barograph.errors import ServiceUnavailable
from barograph.influx.clients import ask, client_of, erase, predicate
from barograph.influx.fields import TEXTS
from barograph.settings import Settings
from barograph.windows import TICK, Window

Series = tuple[str, ...]
"""Metric, device, zone; of rollups the period too."""
Prints = Mapping[Series, tuple[int, int]]
"""Series -> (points, sum of a 32-bit hash of each point's time and value): the order of the points plays no part."""

TAGS = {"_measurement": "metric", "device": "device", "zone": "zone"}

QUERY = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r.site == at_site and r._field == of_field)
  |> keep(columns: ["_time", "_value", "_measurement", "device", "zone", "period"])
"""


def prints(rows: pa.Table, keys: Sequence[str], time: str = "time", value: str = "value") -> Prints:
    """Of rows with these columns, numbers or texts; rows without a value have no such field."""
    rows = rows.filter(pc.is_valid(rows[value]))
    times = rows[time].cast(pa.int64()).to_numpy().astype(np.uint64)
    hashed = pa.array(_mixed(times ^ _mixed(_bits(rows[value]))) >> np.uint64(32), pa.uint64())
    found = rows.select(list(keys)).append_column("hash", hashed).group_by(list(keys))
    summed = found.aggregate([([], "count_all"), ("hash", "sum")]).to_pylist()
    return {tuple(row[key] for key in keys): (row["count_all"], row["hash_sum"]) for row in summed}


def _bits(values: pa.ChunkedArray) -> NDArray[np.uint64]:
    """64 bits of each value: the same where the values are."""
    if not pa.types.is_string(values.type):
        numbers: NDArray[np.float64] = values.to_numpy().astype(np.float64) + 0.0  # -0.0 and 0.0 are one value
        return numbers.view(np.uint64)
    texts = values.combine_chunks().dictionary_encode()
    hashes: NDArray[np.uint64] = np.array(list(map(_hash, texts.dictionary.to_pylist())), np.uint64)
    places: NDArray[np.int32] = texts.indices.to_numpy()
    return hashes[places]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def shown(settings: Settings, bucket: str, field: str, site: str, window: Window, by_period: bool = False) -> Prints:
    """Of one field of a bucket's points in `[start, end)`. Raises ServiceUnavailable."""
    params = {
        "in_bucket": bucket, "from_time": window.start, "to_time": window.end, "at_site": site, "of_field": field,
    }  # fmt: skip
    text = ask(settings, QUERY, params)
    keys = [*TAGS.values(), *(["period"] if by_period else [])]
    found: dict[Series, tuple[int, int]] = {}
    for table in tables(text, of_text=field in TEXTS):
        for series, (points, hashed) in prints(table, keys).items():
            before = found.get(series, (0, 0))
            found[series] = (before[0] + points, before[1] + hashed)
    return found


COLLECTORS = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r._measurement == "collector" and r._field == "published")
  |> keep(columns: ["_time", "_value", "collector"])
  |> group(columns: ["collector"])
  |> max(column: "_time")
"""
SOON = 3.0
"""Seconds that a look may take which is repeated all the time."""


def collectors(settings: Settings, start: datetime, end: datetime) -> dict[str, datetime]:
    """When each collector was heard last, of those that were heard in `[start, end)`. Raises ServiceUnavailable."""
    params = {"in_bucket": settings.influx.operations, "from_time": start, "to_time": end}
    with client_of(settings, "influx_reader", SOON) as client:
        try:
            found = client.query_api().query(COLLECTORS, params=params)
        except (ApiException, HTTPError, OSError) as error:
            raise ServiceUnavailable(f"InfluxDB at {settings.influx_url} does not answer: {error}") from error
    return {row.values["collector"]: row.values["_time"] for table in found for row in table.records}


def remove(settings: Settings, bucket: str, site: str, window: Window) -> None:
    """Delete a site's points of `[start, end)`. Raises ServiceUnavailable."""
    erase(settings, bucket, [(window, predicate({"site": site}))])


def remove_day(settings: Settings, site: str, day: Window) -> None:
    """Delete a site's points of a local day from all buckets; a window is of the day in which it ends."""
    for bucket in (settings.influx.readings, settings.influx.rollups):
        remove(settings, bucket, site, day)
    remove(settings, settings.influx.windows, site, Window(day.start + TICK, day.end + TICK))


def tables(text: bytes, of_text: bool = False) -> list[pa.Table]:
    """CSV as InfluxDB answers it: a header line again wherever the columns change. `of_text`: what values are."""
    parts: list[list[bytes]] = []
    for line in text.split(b"\r\n"):
        if line.startswith(b",result,table,"):
            parts.append([])
        if line:
            parts[-1].append(line)
    types = {"_time": pa.timestamp("us", tz="UTC"), "_value": pa.string() if of_text else pa.float64()}
    texts = dict.fromkeys([*TAGS, "period", "site", "_field"], pa.string())
    options = csv.ConvertOptions(column_types=types | texts, strings_can_be_null=False)
    names = {**TAGS, "_time": "time", "_value": "value"}
    return [
        table.rename_columns([names.get(name, name) for name in table.column_names])
        for part in parts
        if len(part) > 1
        for table in [csv.read_csv(BytesIO(b"\n".join(part)), convert_options=options)]
    ]


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter the bits: splitmix64, Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014."""
    with np.errstate(over="ignore"):
        numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
        numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
