"""Rows to line protocol, in Spark SQL. A point is overwritten by its identity; nothing here reads the clock.

temperature,device=fridge-1,site=demo,zone=cold-wall value=4.5,flag=1i,reasons="" 1795334400123456
                                                                                  `- microseconds
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from barograph.influx.fields import COUNTS, OF_ROLLUPS, OF_WINDOWS


def reading_lines(refined: DataFrame) -> DataFrame:
    """One `line` per reading; one that was measured badly has a flag and no value.

    `raw` stands there only where calibration made something else of it: it never changes, so an old one stays true.
    `reasons` always does, for a point that is overwritten keeps the fields that the new one lacks.
    """
    raw = F.when(~F.col("raw").eqNullSafe(F.col("value")), _float("raw"))
    reasons = F.concat(F.lit('reasons="'), F.array_join("reasons", ","), F.lit('"'))
    return _lines(refined, [_float("value"), raw, _integer("flag"), reasons], F.col("time"))


def window_lines(windows: DataFrame) -> DataFrame:
    """One `line` per window, at its end."""
    return _lines(windows, _statistics(OF_WINDOWS), F.col("end"))


def rollup_lines(rollups: DataFrame) -> DataFrame:
    """One `line` per rollup, at its start; the tag `period` tells minutes, hours and days apart."""
    return _lines(rollups, _statistics(OF_ROLLUPS), F.col("start"), ("period",))


def _statistics(names: tuple[str, ...]) -> list[Column]:
    return [_integer(name) if name in COUNTS else _float(name) for name in names]


def _lines(rows: DataFrame, fields: list[Column], time: Column, more_tags: tuple[str, ...] = ()) -> DataFrame:
    tags = sorted(("device", "site", "zone", *more_tags))
    key = F.concat_ws(
        ",", _escaped("metric", ", "), *(F.concat(F.lit(f"{tag}="), _escaped(tag, ",= ")) for tag in tags)
    )
    line = F.concat_ws(" ", key, F.concat_ws(",", *fields), F.unix_micros(time).cast("string"))
    return rows.select(line.alias("line"))


def _float(name: str) -> Column:
    return F.concat(F.lit(f"{name}="), F.col(name).cast("string"))


def _integer(name: str) -> Column:
    return F.concat(F.lit(f"{name}="), F.col(name).cast("string"), F.lit("i"))


def _escaped(name: str, characters: str) -> Column:
    text = F.col(name)
    for character in characters:
        text = F.replace(text, F.lit(character), F.lit(f"\\{character}"))
    return text
