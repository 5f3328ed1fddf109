"""Hand lines to the sink with the settings' options, and say how many went and how many were refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import reduce
from pathlib import Path
from urllib.parse import urlparse

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from barograph.influx.delivery import DISK_FULL
from barograph.influx.sink import InfluxDataSource, dead_letters
from barograph.settings import Settings
from barograph.windows import iso, utc


def refused(settings: Settings) -> int:
    folder = dead_letters(settings)
    return sum(1 for _ in folder.glob("*.json")) if folder.is_dir() else 0


def compression(settings: Settings) -> int:
    """gzip's level for requests: none over loopback, where it costs more than it saves."""
    if settings.influx.compress is not None:
        return settings.influx.compress
    return 0 if urlparse(settings.influx_url).hostname in ("127.0.0.1", "localhost", "::1") else 1


def register(spark: SparkSession) -> None:
    spark.dataSource.register(InfluxDataSource)


def load(settings: Settings, lines: Mapping[str, DataFrame], since: datetime) -> None:
    """Write lines, by bucket, in one go: planning a Python data source costs more than a batch of points.

    `since` is the earliest of their times. Raises SinkError's text inside Spark's error when InfluxDB stays away.
    """
    addressed = [rows.select(F.lit(bucket).alias("bucket"), "line") for bucket, rows in lines.items()]
    try:
        (
            reduce(DataFrame.unionAll, addressed)
            .write.format("influxdb")
            .mode("append")
            .options(
                url=settings.influx_url,
                org=settings.influx.org,
                token=settings.secret("influx_loader"),
                timeout=str(settings.influx.timeout),
                patience=str(settings.influx.patience),
                lines_per_request=str(settings.influx.lines_per_request),
                compress=str(compression(settings)),
                dead_letters=str(dead_letters(settings)),
            )
            .save()
        )
    except Exception as error:
        if DISK_FULL in str(error):
            _doubt(settings, since)
        raise
    if in_doubt(settings):
        _doubt(settings, since)


def in_doubt(settings: Settings) -> datetime | None:
    """From which time on InfluxDB may have lost what it acknowledged: its disk was full, see docs/runbook.md."""
    try:
        return utc(_note(settings).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None


def mark_repaired(settings: Settings, first: date, last: date) -> None:
    """All days from `first` to `last` were loaded again, and proven."""
    since = in_doubt(settings)
    if since and first <= (since - timedelta(days=1)).date() and last == date.max:
        _note(settings).unlink()


def _doubt(settings: Settings, since: datetime) -> None:
    note = _note(settings)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(iso(min(since, in_doubt(settings) or since)), encoding="utf-8")


def _note(settings: Settings) -> Path:
    return settings.path("run", "influxdb-disk-was-full")
