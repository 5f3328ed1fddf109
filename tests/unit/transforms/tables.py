"""Arrow tables for transforms."""

from datetime import UTC, datetime

import pyarrow as pa

from barograph.transforms.summing import SHIPPED

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
RECORD = pa.schema(
    [
        ("device", pa.string()), ("metric", pa.string()), ("time", TIME), ("value", pa.float64()), ("seq", pa.int64()),
        ("boot", pa.string()), ("port", pa.string()), ("historical", pa.bool_()), ("skew", pa.float64()),
        ("published", TIME), ("batch", pa.int64()), ("topic", pa.string()), ("partition", pa.int32()),
        ("offset", pa.int64()), ("frame", pa.int32()),
    ]
)  # fmt: skip


def refined_table(readings, cadence=10.0, summing=SHIPPED, **facts):
    """Refined rows of (time, value) or (time, value, flag); `device` and other columns may be lists."""
    size, slide = summing.shape(cadence)
    known = {
        "site": "shop", "zone": "wall", "device": "a", "metric": "t", "cadence": cadence, "size": size, "slide": slide,
        "historical": False, "batch": 1, **facts,
    }  # fmt: skip
    columns = {name: fact if isinstance(fact, list) else [fact] * len(readings) for name, fact in known.items()}
    return pa.table(
        {
            **columns,
            "time": pa.array([reading[0] for reading in readings], TIME),
            "value": pa.array([reading[1] for reading in readings], pa.float64()),
            "flag": pa.array([(*reading, 1)[2] for reading in readings], pa.int32()),
        }
    )
