"""Spark's `format("influxdb")`: posts ready lines, finds the few that InfluxDB refuses, and loses none in silence.

    lines.write.format("influxdb").mode("append").options(url=..., org=..., token=...).save()

Delivery is at least once; points are overwritten by their identity, so a repeat changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from urllib3.exceptions import HTTPError

from barograph.errors import SinkError

REFUSED = (400, 422)
"""The server read the request and will never take some of it. Anything else may pass later."""
TOO_LARGE = 413

Post = Callable[[list[str]], None]
"""Sends lines; raises ApiException, or OSError or urllib3's HTTPError when nobody answers."""


@dataclass(frozen=True)
class Posted(WriterCommitMessage):
    lines: int
    refused: int


def deliver(
    lines: list[str], post: Post, refuse: Callable[[str, str], None], patience: float, sleep: Callable[[float], None]
) -> int:
    """Post `lines`; halve a refused request until the bad lines stand alone, and hand those to `refuse`.

    Returns how many lines were refused. Raises SinkError when the server did not answer for `patience` seconds.
    """
    try:
        _insist(lines, post, patience, sleep)
    except ApiException as error:
        if error.status in REFUSED and len(lines) == 1:
            refuse(lines[0], _reason(error))
            return 1
        half = len(lines) // 2
        return sum(deliver(part, post, refuse, patience, sleep) for part in (lines[:half], lines[half:]))
    return 0


def _insist(lines: list[str], post: Post, patience: float, sleep: Callable[[float], None]) -> None:
    waited, pause = 0.0, 0.5
    while True:
        try:
            return post(lines)
        except ApiException as error:
            if error.status in REFUSED or (error.status == TOO_LARGE and len(lines) > 1):
                raise
            problem, asked = f"{error.status} {_reason(error)}", _retry_after(error)
        except (OSError, HTTPError) as error:
            problem, asked = str(error), None
        if waited >= patience:
            raise SinkError(
                f"InfluxDB did not take {len(lines)} lines within {patience:.0f} s: {problem}. "
                "Nothing is lost: the record has the readings, clear the task when InfluxDB is well."
            )
        rest = min(asked or pause, max(patience - waited, 0.1))
        sleep(rest)
        waited, pause = waited + rest, min(pause * 2, 15.0)


def _retry_after(error: ApiException) -> float | None:
    text = (error.headers or {}).get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _reason(error: ApiException) -> str:
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or error.reason)
    return body[:500]


def by_bucket(batches: Iterator[pa.RecordBatch], most: int) -> Iterator[tuple[str, list[str]]]:
    """Group rows of (bucket, line) into requests of at most `most` lines each."""
    waiting: dict[str, list[str]] = {}
    for batch in batches:
        for bucket, line in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
            lines = waiting.setdefault(bucket, [])
            lines.append(line)
            if len(lines) == most:
                yield bucket, waiting.pop(bucket)
    yield from waiting.items()


class InfluxWriter(DataSourceArrowWriter):
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def write(self, iterator: Iterator[pa.RecordBatch]) -> Posted:
        options = self.options
        size, patience = int(options["lines_per_request"]), float(options["patience"])
        sent = refused = 0
        with InfluxDBClient(
            url=options["url"], token=options["token"], org=options["org"],
            timeout=int(float(options["timeout"]) * 1000), enable_gzip=True,
        ) as client:  # fmt: skip
            api = client.write_api(write_options=SYNCHRONOUS)

            for bucket, lines in by_bucket(iterator, size):

                def post(part: list[str], bucket: str = bucket) -> None:
                    api.write(bucket, record="\n".join(part).encode(), write_precision="us")

                def refuse(line: str, reason: str, bucket: str = bucket) -> None:
                    self._keep(bucket, line, reason)

                refused += deliver(lines, post, refuse, patience, time.sleep)
                sent += len(lines)
        return Posted(sent, refused)

    def _keep(self, bucket: str, line: str, reason: str) -> None:
        """Keep the line in the dead-letter folder, once however often it is sent."""
        folder = Path(self.options["dead_letters"])
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(line.encode()).hexdigest()[:32]
        letter = {"bucket": bucket, "line": line, "reason": reason}
        (folder / f"{name}.json").write_text(json.dumps(letter), encoding="utf-8")


class InfluxDataSource(DataSource):
    """Write-only. Its columns are `bucket` and `line`, in line protocol with microseconds."""

    @classmethod
    def name(cls) -> str:
        return "influxdb"

    def writer(self, schema: Any, overwrite: bool) -> InfluxWriter:
        return InfluxWriter(dict(self.options))
