"""Hand lines to the sink with the settings' options, and say how many went and how many were refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from barograph.influx.sink import InfluxDataSource
from barograph.settings import Settings


def dead_letters(settings: Settings) -> Path:
    """Where lines that InfluxDB refused wait for a person: a JSON file each, with the server's reason."""
    return settings.path("dead_letters", "influxdb")


def refused(settings: Settings) -> int:
    folder = dead_letters(settings)
    return sum(1 for _ in folder.glob("*.json")) if folder.is_dir() else 0


def register(spark: SparkSession) -> None:
    spark.dataSource.register(InfluxDataSource)


def load(settings: Settings, lines: Mapping[str, DataFrame]) -> None:
    """Write lines, by bucket, in one go: planning a Python data source costs more than a batch of points.

    Raises SinkError's text inside Spark's error when InfluxDB stays away.
    """
    addressed = [rows.select(F.lit(bucket).alias("bucket"), "line") for bucket, rows in lines.items()]
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
            dead_letters=str(dead_letters(settings)),
        )
        .save()
    )
