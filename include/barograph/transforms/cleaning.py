"""What the record holds becomes what we believe: every frame once, every reading with a flag and the reasons for it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from barograph.readings import FAIL, GOOD, MISSING, SUSPECT

ORDER = ("batch", "partition", "offset", "frame")
"""The lowest in this order is the original; whatever has the same identity after it is a duplicate."""


def identity() -> Column:
    """(boot, seq) within a device, or the place in Kafka of a frame whose producer numbers nothing."""
    numbered = F.concat_ws("/", "boot", "seq")
    # A topic that was made anew counts from 0 again; Kafka's time tells its frames from the old ones.
    placed = F.concat_ws("/", F.lit("@"), "topic", "partition", "offset", "frame", F.unix_micros("published"))
    return F.when(F.col("boot").isNotNull() & F.col("seq").isNotNull(), numbered).otherwise(placed)


def once(readings: DataFrame) -> DataFrame:
    """Keep the original of each reading; duplicates go. The result does not depend on the order of the rows."""
    original = F.min(F.struct(*ORDER, "time", "value", "port", "historical", "published")).alias("original")
    return readings.groupBy("device", "metric", identity().alias("identity")).agg(original).select(
        "device", "metric", "original.*"
    )  # fmt: skip


def apart(readings: DataFrame) -> DataFrame:
    """Different frames of one device that claim one time: the later ones move by a microsecond each, `collided`."""
    same = F.collect_list(F.struct(*ORDER, "value", "port", "historical", "published")).alias("same")
    grouped = readings.groupBy("device", "metric", "time").agg(F.array_sort(same).alias("same"))
    return grouped.select("device", "metric", "time", F.posexplode("same").alias("place", "reading")).select(
        "device", "metric", F.timestamp_micros(F.unix_micros("time") + F.col("place")).alias("time"),
        "reading.*", (F.col("place") > 0).alias("collided"),
    )  # fmt: skip


def placed(readings: DataFrame, devices: DataFrame, unregistered: DataFrame) -> DataFrame:
    """Add site, zone, cadence, size and slide from the registry; a stranger gets the one row of `unregistered`."""
    facts = ("site", "zone", "cadence", "size", "slide")
    default = unregistered.select(*(F.col(fact).alias(f"default_{fact}") for fact in facts))
    joined = readings.join(F.broadcast(devices), "device", "left").crossJoin(F.broadcast(default))
    return joined.withColumns({fact: F.coalesce(fact, f"default_{fact}") for fact in facts}).drop(*default.columns)


def flagged(readings: DataFrame, limits: DataFrame, metrics: DataFrame) -> DataFrame:
    """Mark values no sensor there can have measured; the raw value stays, so a fault stays visible.

    `limits`: device, metric, valid_min, valid_max of measuring points that have their own.
    `metrics`: metric, metric_min, metric_max of all metrics we know.
    """
    own = readings.join(F.broadcast(limits), ["device", "metric"], "left").join(F.broadcast(metrics), "metric", "left")
    low, high = F.coalesce("valid_min", "metric_min"), F.coalesce("valid_max", "metric_max")
    missing = F.col("value").isNull()
    impossible = F.coalesce((F.col("value") < low) | (F.col("value") > high), F.lit(False))
    flag = (
        F.when(missing, MISSING).when(impossible, FAIL).when(F.col("collided"), SUSPECT).otherwise(GOOD).cast("int")
    )  # fmt: skip
    reasons = F.array_compact(
        F.array(
            F.when(missing, F.lit("no_value")),
            F.when(impossible, F.lit("out_of_range")),
            F.when(F.col("collided"), F.lit("same_time")),
        )
    )
    return own.withColumns({"flag": flag, "reasons": reasons}).drop(
        "valid_min", "valid_max", "metric_min", "metric_max", "collided"
    )
