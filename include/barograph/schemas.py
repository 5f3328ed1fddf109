"""The tables of the archive, column by column. Times are UTC with microseconds; `day` is the partition."""

from __future__ import annotations

import re

READINGS = """
    device STRING, metric STRING, time TIMESTAMP, value DOUBLE,
    seq BIGINT, boot STRING, port STRING, historical BOOLEAN, raw STRING, skew DOUBLE,
    published TIMESTAMP, writer STRING, batch BIGINT, topic STRING, partition INT, offset BIGINT, frame INT, day DATE
"""
"""record/readings: as they came, duplicates too. `frame` is the place in the message, `day` the UTC day of `time`,
`published` Kafka's timestamp of the message. A null value was measured badly. `skew`: seconds that the device's own
clock was ahead, where it was not trusted and `time` is when the frame came; null: the time stands as it was given."""

REJECTS = """
    reason STRING, detail STRING, stage STRING, port STRING, device STRING, metric STRING, raw BINARY,
    time TIMESTAMP, boot STRING, seq BIGINT, decoder STRING,
    published TIMESTAMP, writer STRING, batch BIGINT, topic STRING, partition INT, offset BIGINT, frame INT, day DATE
"""
"""record/rejects: what could not be decoded, byte for byte, and why (readings.REASONS); `day` is of `published`.

`time` is when the collector read it, or what the frame says. A later row of one place (topic, partition, offset, frame,
metric) with the stage `replay` says what came of it: the reason is `replayed`, or why it is still refused."""

REFINED = """
    site STRING, day DATE, device STRING, zone STRING, metric STRING, time TIMESTAMP, value DOUBLE, raw DOUBLE,
    flag INT, reasons ARRAY<STRING>, historical BOOLEAN, batch BIGINT
"""
"""derived/refined: every frame once, flagged. `raw` as sensed, `value` as calibrated; `day` is the site's local day."""

STATISTICS = """
    count BIGINT, good BIGINT, unknown BIGINT, suspect BIGINT, fail BIGINT, missing BIGINT, expected DOUBLE,
    completeness DOUBLE, min DOUBLE, max DOUBLE, mean DOUBLE, median DOUBLE, stddev DOUBLE, first DOUBLE, last DOUBLE,
    slope DOUBLE
"""
"""docs/windows.md says what each is. `count` is of all readings and the sum of the five counts by flag; `expected` and
`completeness` follow from the device's cadence; the rest is of good values (of suspect ones too, if the settings say
so), and null where there are none. `slope` is per hour."""

PERCENTILES = "p05 DOUBLE, p95 DOUBLE"
"""Of rollups alone, from the same readings."""

WINDOWS = f"""
    site STRING, day DATE, device STRING, zone STRING, metric STRING, start TIMESTAMP, end TIMESTAMP, {STATISTICS}
"""
"""derived/windows: sliding windows `[start, end)`, aligned to the epoch."""

ROLLUPS = f"""
    site STRING, day DATE, device STRING, zone STRING, metric STRING, period STRING, start TIMESTAMP, end TIMESTAMP,
    {STATISTICS}, {PERCENTILES}
"""
"""derived/rollups: `period` is minute, hour or day (the site's local day), as the settings and the cadence have it."""

DAYS = """
    site STRING, day DATE, start TIMESTAMP, end TIMESTAMP, batches ARRAY<BIGINT>, devices INT,
    read BIGINT, stored BIGINT, duplicate BIGINT, rejected BIGINT, inputs STRING
"""
"""derived/days: one row a settled day, the sums that must balance: read = stored + duplicate + rejected. `inputs` is a
hash of all in registry and settings that decided how the day was refined (Places.inputs)."""

RECORD = {"readings": READINGS, "rejects": REJECTS}
DERIVED = {"refined": REFINED, "windows": WINDOWS, "rollups": ROLLUPS, "days": DAYS}
TABLES = {**RECORD, **DERIVED}


def columns(table: str) -> dict[str, str]:
    """The columns of a table and their types, as in the text above."""
    told = re.split(r",\s*(?![^<]*>)", TABLES[table].strip())
    return dict(column.split() for column in told)
