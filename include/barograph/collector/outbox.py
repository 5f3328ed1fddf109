"""Figures and events on their way to Kafka. They are not spooled: an outage keeps some and drops the rest, counted.

    events     [.......... 1,000]      the newest of both kinds stay, for when the broker is back
    figures    [... 30: five minutes]

Readings come first: whatever happens to telemetry, it costs them a few milliseconds in ten seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic as system_monotonic
from typing import TYPE_CHECKING

import structlog

from barograph.collector import telemetry
from barograph.collector.telemetry import Point
from barograph.kafka import Delivery, Message

if TYPE_CHECKING:
    from barograph.collector.publisher import Producer

log = structlog.get_logger()

MOST_EVENTS = 1_000
MOST_FIGURES = 30
"""Snapshots of ten seconds."""
PAUSE = 60.0
"""Seconds after a broker did not take them, such as one without the topic: an attempt can block readings for five."""


class Outbox:
    """Safe to use from all threads; `send` is called by the publisher's, between two rounds of readings."""

    def __init__(self, topic: str, *, monotonic: Callable[[], float] = system_monotonic) -> None:
        self._topic = topic
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._events: deque[Point] = deque()
        self._figures: deque[list[Point]] = deque()
        self._next_try = float("-inf")
        self.dropped = 0
        """Points that were given up since the start."""

    def event(self, point: Point) -> None:
        with self._lock:
            self._events.append(point)
            while len(self._events) > MOST_EVENTS:
                self._events.popleft()
                self.dropped += 1

    def figures(self, points: Iterable[Point]) -> None:
        with self._lock:
            self._figures.append(list(points))
            while len(self._figures) > MOST_FIGURES:
                self.dropped += len(self._figures.popleft())

    def send(self, producer: Producer) -> None:
        """Deliver all that waits. What is not acknowledged waits again, for a minute at least."""
        if self._monotonic() < self._next_try:
            return
        with self._lock:
            events, figures = list(self._events), list(self._figures)
            self._events.clear()
            self._figures.clear()
        points = events + [point for snapshot in figures for point in snapshot]
        if not points:
            return
        sent = producer.deliver([Message(self._topic, message) for message in telemetry.messages(points)])
        if Delivery.FAILED in sent:
            self._next_try = self._monotonic() + PAUSE
            log.warning("telemetry_not_sent", topic=self._topic, waiting=len(points), again_in=PAUSE)
            self._keep(events, figures)
        elif Delivery.REFUSED in sent:
            self.dropped += len(points)
            log.error("telemetry_refused", topic=self._topic, points=len(points))

    def _keep(self, events: list[Point], figures: list[list[Point]]) -> None:
        """Before what has come meanwhile. Points are overwritten by identity: a second copy is harmless."""
        with self._lock:
            newer_events, newer_figures = list(self._events), list(self._figures)
            self._events.clear()
            self._figures.clear()
        for point in events + newer_events:
            self.event(point)
        for snapshot in figures + newer_figures:
            self.figures(snapshot)
