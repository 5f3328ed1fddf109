"""What a reject looks like in Kafka: the bytes as they came as its value, the rest in headers."""

from __future__ import annotations

from datetime import datetime

from barograph.collector.decoding import VERSION
from barograph.collector.spool import Entry
from barograph.readings import REASONS
from barograph.windows import iso

STAGE = "collect"
LONGEST_SAMPLE = 64 * 1024
LONGEST_DETAIL = 500


def reject(
    reason: str,
    raw: bytes,
    topic: str,
    *,
    detail: str = "",
    port: str = "",
    device: str | None = None,
    metric: str | None = None,
    at: datetime | None = None,
    boot: str = "",
    seq: int | None = None,
) -> Entry:
    """One entry of the topic `rejects`. Headers, all UTF-8 text, without those that are empty:

    reason, detail, stage, port, device, metric   as in record/rejects
    time                                          when it was read
    boot, seq                                     its identity: a second copy has the same
    decoder                                       version of the decoder that refused it
    """
    if reason not in REASONS:
        raise ValueError(f"{reason} is not one of readings.REASONS")
    headers = {
        "reason": reason,
        "detail": detail[:LONGEST_DETAIL],
        "stage": STAGE,
        "port": port,
        "device": device or "",
        "metric": metric or "",
        "time": iso(at) if at else "",
        "boot": boot,
        "seq": "" if seq is None else str(seq),
        "decoder": VERSION,
    }
    # A lone surrogate from a JSON escape is no character, and would stop the header from being encoded.
    clean = tuple((name, text.encode("utf-8", "replace").decode()) for name, text in headers.items() if text)
    return Entry(topic, raw[:LONGEST_SAMPLE], None, clean)
