"""Kafka messages to entries: one row for each reading, and one for each thing that cannot be read.

What a message may be (design: the topic's contract):

    {"device":"sensor3","time":"2026-11-22T08:00:00.123456Z","seq":41,"boot":"5f0c","values":{"temperature":21.5}}
    [{...}, {...}]                                      up to 500 such frames of one device
    {"device":"sensor3","temperature":21}               flat: every numeric key is a metric, the time is Kafka's

Everything is read as text first and cast value by value: with a typed schema one bad value nulls its good neighbours.
Each `explode(array(parsed))` keeps Spark from parsing the same text once for every use of the result.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

FRAME_KEYS = ("device", "time", "seq", "boot", "port", "values", "raw", "historical")

DEVICE = r"^[^\p{Cntrl}\\]{0,99}[^\p{Cntrl}\\\s]$"
"""Anything printable up to 100 characters; a backslash would escape what follows it in line protocol."""

METRIC = r"^[\p{L}\p{N}][^\p{Cntrl}\\]{0,98}[^\p{Cntrl}\\\s]$|^[\p{L}\p{N}]$"
"""Starts with a letter or digit: `_` names InfluxDB's own, `#` starts a comment."""

FIRST_YEAR = "2000-01-01T00:00:00Z"
"""A device clock before this was never set."""

POSITION = ("topic", "partition", "offset", "frame")


def frames(messages: DataFrame, max_ahead: float) -> DataFrame:
    """Split messages into frames: each has a `fault`, or else its `entries`, one for each value it says it has.

    `messages` are rows of Spark's Kafka source. `max_ahead`: seconds a frame's time may lie ahead of Kafka's.
    `claimed` counts what must be accounted for, `kept` what can be a reading.
    """
    text = F.btrim(F.col("value").cast("string"), F.lit(" \t\r\n"))
    in_array = F.when(text.startswith("["), text).otherwise(F.concat(F.lit("["), text, F.lit("]")))
    is_text = F.coalesce(F.expr("is_valid_utf8(value)"), F.lit(True))
    elements = F.when(is_text, F.from_json(in_array, "array<string>"))
    at_least_one = F.when(F.size(elements) > 0, elements).otherwise(F.array(F.lit(None).cast("string")))

    split = messages.select(
        "topic", "partition", "offset", F.col("timestamp").alias("published"), "value",
        is_text.alias("is_text"),
        F.explode(F.array(at_least_one)).alias("elements"),
    ).select(
        "topic", "partition", "offset", "published", "is_text",
        # A packed message of 500 frames must not travel along with each of them.
        F.when(F.size("elements") == 1, F.col("value")).alias("whole"),
        F.posexplode("elements").alias("frame", "element"),
    )  # fmt: skip
    parsed = split.select(
        "*", F.explode(F.array(F.from_json("element", "map<string,string>"))).alias("fields")
    )  # fmt: skip
    return parsed.select("*", F.explode(F.array(_values())).alias("values")).transform(_described, max_ahead)


def _values() -> Column:
    nested = F.from_json(F.col("fields")["values"], "map<string,string>")
    flat = F.map_filter("fields", lambda key, text: ~key.isin(*FRAME_KEYS) & _number(text).isNotNull())
    return F.when(F.map_contains_key("fields", "values"), nested).otherwise(flat)


def _skew() -> Column:
    """In the flat form a `skew` is a metric, as every other number there."""
    said = F.when(F.map_contains_key("fields", F.lit("values")), F.col("fields")["skew"].try_cast("double"))
    return F.when(~F.isnan(said) & (F.abs(said) != float("inf")), said)


def _described(parsed: DataFrame, max_ahead: float) -> DataFrame:
    said = F.col("fields")["time"]
    time = F.when(said.isNull(), F.col("published")).otherwise(F.try_to_timestamp(said))
    described = parsed.select(
        *POSITION, "published", "is_text", "values",
        F.coalesce("whole", F.col("element").cast("binary")).alias("bytes"),
        F.col("fields").isNotNull().alias("is_object"),
        F.col("fields")["device"].alias("device"),
        time.alias("time"),
        F.col("fields")["seq"].try_cast("bigint").alias("seq"),
        F.col("fields")["boot"].alias("boot"),
        F.col("fields")["port"].alias("port"),
        F.coalesce(F.col("fields")["historical"] == "true", F.lit(False)).alias("historical"),
        F.col("fields")["raw"].alias("raw"),
        _skew().alias("skew"),
    )  # fmt: skip
    no_device = F.coalesce(F.trim("device"), F.lit("")) == ""
    ahead = F.col("time") > F.col("published") + F.make_dt_interval(secs=F.lit(max_ahead))
    fault = (
        F.when(~F.col("is_text"), F.lit("not_utf8"))
        .when(~F.col("is_object"), F.lit("not_json"))
        .when(no_device, F.lit("no_device"))
        .when(~F.col("device").rlike(DEVICE), F.lit("bad_device"))
        .when(F.col("time").isNull(), F.lit("bad_time"))
        .when(ahead, F.lit("clock_ahead"))
        .when(F.col("time") < F.lit(FIRST_YEAR).cast("timestamp"), F.lit("clock_behind"))
        .when(F.coalesce(F.size("values"), F.lit(0)) < 1, F.lit("no_values"))
    )
    entries = F.when(F.col("fault").isNull(), _entries())
    return (
        described.withColumn("fault", fault)
        .withColumn("entries", entries)
        .withColumns({
            "claimed": F.coalesce(F.size("entries"), F.lit(1)),
            "kept": F.coalesce(F.size(F.filter("entries", lambda entry: entry["reason"].isNull())), F.lit(0)),
        })
        .withColumn("bytes", F.when(F.col("kept") < F.col("claimed"), F.col("bytes")))
        .drop("is_text", "is_object", "values")
    )  # fmt: skip


def _entries() -> Column:
    """An array of {metric, text, number, reason}; a null number without a reason was measured badly."""
    numbered = F.transform(
        F.map_entries("values"),
        lambda entry: F.struct(
            entry["key"].alias("metric"), entry["value"].alias("text"), _number(entry["value"]).alias("number")
        ),
    )

    def why(entry: Column) -> Column:
        is_finite = ~F.isnan(entry["number"]) & (F.abs(entry["number"]) != float("inf"))
        return (
            F.when(~entry["metric"].rlike(METRIC), F.lit("bad_metric"))
            .when(entry["text"].isNull(), F.lit(None))
            .when(entry["number"].isNull(), F.lit("not_a_number"))
            .when(~is_finite, F.lit("not_finite"))
        )

    return F.transform(numbered, lambda entry: entry.withField("reason", why(entry)))


def readings(frames: DataFrame) -> DataFrame:
    """The readings that can be kept; a null value was measured badly."""
    return _exploded(frames).where("reason is null").select(
        "device", "metric", "time", "number", "seq", "boot", "port", "historical", "raw", "skew", "published", *POSITION
    ).withColumnRenamed("number", "value")  # fmt: skip


def rejects(frames: DataFrame) -> DataFrame:
    """What cannot be kept, byte for byte: whole frames, and single values of frames whose other values are good."""
    said = ("port", "device", "time", "boot", "seq", "published", *POSITION)
    whole = frames.where("fault is not null").select(
        F.col("fault").alias("reason"), F.lit(None).cast("string").alias("detail"),
        F.lit(None).cast("string").alias("metric"), F.col("bytes").alias("raw"), *said,
    )  # fmt: skip
    single = _exploded(frames).where("reason is not null").select(
        "reason", F.left("text", F.lit(200)).alias("detail"), "metric", F.col("bytes").alias("raw"), *said,
    )  # fmt: skip
    return whole.unionByName(single).withColumns(
        {"stage": F.lit("drain"), "decoder": F.lit(None).cast("string")}
    )  # fmt: skip


def collector_rejects(messages: DataFrame) -> DataFrame:
    """Rows of the topic `rejects` (read with headers): what the collector could not decode, and why."""
    headers = F.map_from_entries(
        F.transform("headers", lambda h: F.struct(h["key"], h["value"].cast("string").alias("value")))
    )
    return messages.select(
        "topic", "partition", "offset", F.lit(0).alias("frame"), F.col("timestamp").alias("published"),
        F.col("value").alias("raw"), F.coalesce(headers, F.create_map().cast("map<string,string>")).alias("h"),
    ).select(
        F.coalesce(F.col("h")["reason"], F.lit("not_json")).alias("reason"), F.col("h")["detail"].alias("detail"),
        F.coalesce(F.col("h")["stage"], F.lit("collect")).alias("stage"), F.col("h")["port"].alias("port"),
        F.col("h")["device"].alias("device"), F.col("h")["metric"].alias("metric"), "raw",
        F.try_to_timestamp(F.col("h")["time"]).alias("time"), F.col("h")["boot"].alias("boot"),
        F.col("h")["seq"].try_cast("bigint").alias("seq"), F.col("h")["decoder"].alias("decoder"),
        "published", *POSITION,
    )  # fmt: skip


def _exploded(frames: DataFrame) -> DataFrame:
    return frames.where("fault is null").select("*", F.inline("entries"))


def _number(text: Column) -> Column:
    return F.when(text == "true", 1.0).when(text == "false", 0.0).otherwise(text.try_cast("double"))
