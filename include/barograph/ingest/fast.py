"""The collectors' provisional alarms: from Kafka into SQL, before a batch is judged, which confirms or withdraws them.

Their place in the topic is a step in the ledger, noted after SQL has them. It never fails a batch: what is not read
now is read with the next one, and what is read twice says the same again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from barograph import kafka
from barograph.errors import BarographError
from barograph.kafka import Arrived
from barograph.registry import Name, Slug
from barograph.rules.levels import Severity, Transition
from barograph.rules.readings import Event
from barograph.rules.watches import Watches
from barograph.settings import Settings
from barograph.state import provisional
from barograph.state.ledger import Batch, Ledger
from barograph.windows import utc

STEP = "fast"
MOST = 2_000
"""Messages in one run; the rest waits for the next."""
SECONDS = 5.0
"""For reading them."""

log = structlog.get_logger()


class Told(BaseModel, extra="ignore", frozen=True):
    """An event as a collector sends it: from outside, so nothing in it is taken for granted."""

    collector: str = Field(max_length=200)
    rule: Slug
    device: Name
    metric: Name
    transition: Transition
    time: str = Field(max_length=40)
    started: str = Field(max_length=40)
    value: float | None = Field(allow_inf_nan=False)
    severity: Severity | None
    version: str = Field(max_length=40)
    limit: float | None = Field(allow_inf_nan=False)
    historical: bool = False
    port: Slug | None = None

    @property
    def event(self) -> Event:
        details = {"collector": self.collector} | ({"port": self.port} if self.port else {})
        facts = self.model_dump(exclude={"collector", "port"})
        return Event(**facts | {"time": utc(self.time), "started": utc(self.started), "details": details})


def provisional_alarms(settings: Settings, ledger: Ledger, batch: Batch, rules: Watches) -> dict[str, Any]:
    """Take in what the fast lanes found since the last batch. Never raises what a server can do to it."""
    try:
        last = ledger.last_step(STEP) or {}
        known = {int(partition): offset for partition, offset in last.get("positions", {}).items()}
        arrived, positions, waiting = kafka.read_on(settings, settings.kafka.alarms, known, MOST, SECONDS)
        events = list(events_of(arrived, rules))
        after = timedelta(seconds=settings.ingest.historical_after)
        added = provisional.take_in(ledger.engine, events, rules, batch.horizon, after)
        facts = {"messages": len(arrived), "provisional": added, "waiting": waiting}
        ledger.step(batch.batch, STEP, {**facts, "positions": positions})
    except (BarographError, SQLAlchemyError) as error:
        log.error("fast_lane_not_read", batch=batch.batch, error=str(error))
        return {}
    return facts


def events_of(arrived: list[Arrived], rules: Watches) -> Iterator[Event]:
    """Those of rules that there are; what is no event is logged, and costs itself alone."""
    for message in arrived:
        try:
            event = Told.model_validate(json.loads(message.value)).event
        except (ValueError, RecursionError, ValidationError) as error:
            log.warning("fast_event_refused", error=str(error).splitlines()[0][:300])
            continue
        if rules.find(event.key) is not None:
            yield event
