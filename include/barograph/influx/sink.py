"""Spark's `format("influxdb")`: posts ready lines by bucket; what InfluxDB refuses goes to the dead letters.

    lines.write.format("influxdb").mode("append").options(url=..., org=..., token=...).save()

Delivery is at least once; points are overwritten by their identity, so a repeat changes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from influxdb_client import InfluxDBClient, WriteService
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage

from barograph.influx.clients import client_of
from barograph.influx.delivery import Post, deliver
from barograph.settings import Settings

WORDS = 500
"""Characters of a server's answer that are kept with a refused line."""


@dataclass(frozen=True)
class Posted(WriterCommitMessage):
    lines: int
    refused: int


def dead_letters(settings: Settings) -> Path:
    """Where lines that InfluxDB refused wait for a person: a JSON file each, with the server's reason."""
    return settings.path("dead_letters", "influxdb")


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


def posting(client: InfluxDBClient, bucket: str, level: int) -> Post:
    """Sends lines to a bucket, compressed at gzip's `level`; the client's own would be 9: several times the CPU."""
    service = WriteService(client.api_client)

    def post(lines: list[str]) -> None:
        body = "\n".join(lines).encode()
        packed = {"body": gzip.compress(body, level), "content_encoding": "gzip"} if level else {"body": body}
        service.post_write(org=client.org, bucket=bucket, precision="us", **packed)

    return post


def send_again(settings: Settings) -> tuple[int, int]:
    """Post the dead letters once more; what is taken now is removed. Returns how many were taken and how many not."""
    taken = left = 0
    with client_of(settings, "influx_loader") as client:
        for path in sorted(dead_letters(settings).glob("*.json")):
            letter = json.loads(path.read_text(encoding="utf-8"))
            post = posting(client, letter["bucket"], 0)
            if deliver([letter["line"]], post, lambda line, reason: None, settings.influx.patience, time.sleep):
                left += 1
            else:
                path.unlink()
                taken += 1
    return taken, left


class InfluxWriter(DataSourceArrowWriter):
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def write(self, iterator: Iterator[pa.RecordBatch]) -> Posted:
        options = self.options
        size, patience = int(options["lines_per_request"]), float(options["patience"])
        level = int(options["compress"])
        sent = refused = 0
        with InfluxDBClient(
            url=options["url"], token=options["token"], org=options["org"],
            timeout=int(float(options["timeout"]) * 1000),
        ) as client:  # fmt: skip
            for bucket, lines in by_bucket(iterator, size):
                post = posting(client, bucket, level)

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
        letter = {"bucket": bucket, "line": line, "reason": reason[:WORDS]}
        (folder / f"{name}.json").write_text(json.dumps(letter), encoding="utf-8")


class InfluxDataSource(DataSource):
    """Write-only. Its columns are `bucket` and `line`, in line protocol with microseconds."""

    @classmethod
    def name(cls) -> str:
        return "influxdb"

    def writer(self, schema: Any, overwrite: bool) -> InfluxWriter:
        return InfluxWriter(dict(self.options))
