"""The tables of the archive, column by column. Times are UTC with microseconds; `day` is the partition."""

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
    published TIMESTAMP, writer STRING, batch BIGINT, topic STRING, partition INT, offset BIGINT, frame INT, day DATE
"""
"""record/rejects: what could not be decoded, byte for byte, and why (readings.REASONS); `day` is of `published`."""

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
    read BIGINT, stored BIGINT, duplicate BIGINT, rejected BIGINT
"""
"""derived/days: one row a settled day, the sums that must balance: read = stored + duplicate + rejected."""

RECORD = {"readings": READINGS, "rejects": REJECTS}
DERIVED = {"refined": REFINED, "windows": WINDOWS, "rollups": ROLLUPS, "days": DAYS}
