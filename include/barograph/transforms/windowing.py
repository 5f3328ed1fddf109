"""Refined readings to statistics over time: sliding windows, and rollups by hour and local day."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT

SECOND = 1_000_000
KEYS = ("site", "zone", "device", "metric", "cadence")


def windows(refined: DataFrame) -> DataFrame:
    """Half-open windows `[end - size, end)`, `end` a multiple of `slide` since the epoch; empty ones are absent.

    `size` and `slide` are columns, in seconds: a reading lies in size / slide windows.
    """
    slide = F.col("slide") * SECOND
    first = F.expr("(unix_micros(time) div (slide * 1000000L) + 1) * (slide * 1000000L)")
    last = F.unix_micros("time") + F.col("size") * SECOND
    each = refined.select(
        *KEYS, "time", "value", "flag", "size", F.explode(F.sequence(first, last, slide)).alias("end")
    )  # fmt: skip
    bounds = {
        "start": F.timestamp_micros(F.col("end") - F.col("size") * SECOND),
        "end": F.timestamp_micros("end"),
    }
    return each.withColumns(bounds).groupBy(*KEYS, "start", "end").agg(*_statistics()).transform(_complete)


def rollups(refined: DataFrame, period: str, timezone: str) -> DataFrame:
    """Statistics by `hour` or `minute` of UTC, or by `day` (the local day of `timezone`: 23 or 25 hours at DST)."""
    if period == "day":
        midnight = F.date_trunc("day", F.from_utc_timestamp("time", timezone))
        start = F.to_utc_timestamp(midnight, timezone)
        end = F.to_utc_timestamp(F.date_add(F.to_date(midnight), 1).cast("timestamp"), timezone)
    else:
        start = F.date_trunc(period, "time")
        end = start + F.expr(f"interval 1 {period}")
    each = refined.withColumns({"start": start, "end": end})
    return (
        each.groupBy(*KEYS, "start", "end").agg(*_statistics()).transform(_complete).withColumn("period", F.lit(period))
    )


def _statistics() -> list[Column]:
    """Counts by flag of all readings, and the good values in the order of their time, for `_complete` to sum up.

    Sums go through the values in order: Spark's own mean adds up in the order in which tasks end, so that a re-run
    would differ in the last bit.
    """
    is_good = F.col("flag") == GOOD

    def flags(flag: int) -> Column:
        return F.count_if(F.col("flag") == flag)

    in_order = F.array_sort(F.collect_list(F.when(is_good, F.struct("time", "value"))))
    return [
        F.count("*").alias("count"),
        flags(GOOD).alias("good"),
        flags(SUSPECT).alias("suspect"),
        flags(FAIL).alias("fail"),
        flags(MISSING).alias("missing"),
        F.transform(in_order, lambda reading: reading["value"]).alias("values"),
    ]


def _complete(counted: DataFrame) -> DataFrame:
    """Statistics of the good values, and which part came of the readings that the device's cadence promised."""
    expected = (F.unix_micros("end") - F.unix_micros("start")) / SECOND / F.col("cadence")
    summed = counted.withColumns(
        {"mean": F.try_divide(_sum("values"), F.col("good")), "sorted": F.array_sort("values")}
    )
    squares = F.transform("values", lambda value: F.pow(value - F.col("mean"), F.lit(2)))
    lower, upper = (F.col("good") + 1) / 2, F.col("good") / 2 + 1
    return summed.withColumns(
        {
            "expected": expected,
            "completeness": F.least(F.col("good") / expected, F.lit(1.0)),
            "min": F.get("sorted", F.lit(0)),
            "max": F.get("sorted", F.col("good") - 1),
            "median": (_at("sorted", lower) + _at("sorted", upper)) / 2,
            "stddev": F.when(F.col("good") > 1, F.sqrt(F.try_divide(_sum(squares), F.col("good") - 1))),
            "first": F.get("values", F.lit(0)),
            "last": F.get("values", F.col("good") - 1),
        }
    ).drop("values", "sorted")


def _sum(values: Column | str) -> Column:
    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)


def _at(values: str, place: Column) -> Column:
    """The value at a place counted from 1; a half is rounded down."""
    return F.get(values, F.floor(place).cast("int") - 1)
