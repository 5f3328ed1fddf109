"""operations: the collectors' metrics and events from Kafka into InfluxDB, and how the batch itself went.

topic `operations` ─► points ─► bucket `operations` ◄─ measurement `steps`: seconds, counts and rates of each step

It comes last in a run of `ingest` and can fail without failing it: readings are safe by then. Where it stands in the
topic is a step in the ledger, written after InfluxDB took the points; what is sent twice overwrites itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from barograph import kafka
from barograph.errors import BarographError
from barograph.influx import points
from barograph.kafka import Arrived
from barograph.settings import Settings
from barograph.state.ledger import Batch, Ledger
from barograph.windows import EPOCH, utc

STEP = "operations"
MOST_MESSAGES = 500
"""In one run; the rest waits for the next."""
MOST_POINTS = 1_000
"""In one message; a collector puts 250 into it."""
SECONDS = 5.0
"""For reading them."""
FUTURE, PAST = timedelta(hours=1), timedelta(days=3)
"""How far a point's time may be from when its message was sent: a collector keeps some for an outage."""

log = structlog.get_logger()


def operations(settings: Settings, ledger: Ledger, batch: Batch, steps: Mapping[str, Any]) -> None:
    """Never raises what a server can do to it: it is logged, and the next run does it."""
    began = time.monotonic()
    tell(settings, steps, {"dag": batch.dag_id}, batch.horizon, batch=batch.batch)
    try:
        arrived, positions, waiting = kafka.read_on(
            settings, settings.kafka.operations, _positions(ledger), MOST_MESSAGES, SECONDS
        )
        lines, refused = lines_of(arrived)
        refused += points.post(settings, lines)
        facts = {
            "messages": len(arrived),
            "points": len(lines),
            "refused": len(refused),
            "waiting": waiting,
            "seconds": round(time.monotonic() - began, 3),
        }
        ledger.step(batch.batch, STEP, {**facts, "positions": positions})
    except (BarographError, SQLAlchemyError) as error:
        log.error("operations_failed", batch=batch.batch, error=str(error))
    else:
        if refused:
            log.warning("operations_refused", points=len(refused), first=refused[0][:300])
        log.info("operations", batch=batch.batch, **facts)


def tell(settings: Settings, steps: Mapping[str, Any], tags: Mapping[str, str], at: datetime, **more: float) -> None:
    """How the steps of a run went, at the end of what it was about. Never raises what a server can do to it."""
    try:
        points.post(settings, list(step_lines(steps, tags, at, **more)))
    except BarographError as error:
        log.error("operations_failed", steps=list(steps), error=str(error))


def step_lines(
    steps: Mapping[str, Mapping[str, Any]], tags: Mapping[str, str], at: datetime, **more: float
) -> Iterator[str]:
    """One point for each step, at a time that is the run's own: one that is cleared overwrites what it said before."""
    for name, facts in steps.items():
        numbers = {key: fact for key, fact in facts.items() if isinstance(fact, int | float)}
        yield points.line("steps", {**tags, "step": name}, {**numbers, **more}, at)


def lines_of(arrived: Iterable[Arrived]) -> tuple[list[str], list[str]]:
    """The points of messages as lines, and why others are none. What is bad costs itself alone."""
    lines: list[str] = []
    refused: list[str] = []
    for message in arrived:
        try:
            content = json.loads(message.value)
            if isinstance(content, list) and len(content) > MOST_POINTS:
                raise ValueError(f"a message of {len(content)} points")
        except (ValueError, RecursionError) as error:
            refused.append(str(error))
            continue
        sent = EPOCH + timedelta(milliseconds=min(max(message.milliseconds, 0), 10**14))
        for point in content if isinstance(content, list) else [content]:
            try:
                lines.append(_line(point, sent))
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                refused.append(f"{type(error).__name__}: {error}")
    return lines, refused


def _line(point: dict[str, Any], sent: datetime) -> str:
    at = utc(point["time"])
    if not sent - PAST <= at <= sent + FUTURE:
        raise ValueError(f"its time {at.isoformat()} is not near {sent.isoformat()}, when it was sent")
    return points.line(point["measurement"], point.get("tags", {}), point["fields"], at)


def _positions(ledger: Ledger) -> dict[int, int]:
    """Behind the last message that InfluxDB took: partition -> offset."""
    last = ledger.last_step(STEP) or {}
    return {int(partition): offset for partition, offset in last.get("positions", {}).items()}
