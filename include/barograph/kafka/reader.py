"""Small messages read in order without Spark, for whoever remembers by itself where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from barograph.errors import ServiceUnavailable
from barograph.kafka.connections import Clients, no_topic, translated
from barograph.settings import Settings

AT_ONCE = 100
MOST_BYTES = 16_000_000
"""That one call brings, about."""


@dataclass(frozen=True)
class Arrived:
    """A message, and when its producer says it was sent."""

    value: bytes
    milliseconds: int


def read_on(
    settings: Settings, topic: str, positions: Mapping[int, int], most: int, seconds: float
) -> tuple[list[Arrived], dict[int, int], int]:
    """About `most` messages from `positions` on; the positions behind them, and how many messages still wait.

    A partition whose position is not known, or that was made anew, is read from its beginning. Stops after `seconds`.
    Raises ServiceUnavailable if no broker answers or there is no such topic.
    """
    clients = Clients()
    common = clients.options(settings)
    with translated(settings, clients), clients.closed_on_failure():
        consumer = KafkaConsumer(**common, client_id="barograph", enable_auto_commit=False, metrics_enabled=False)
        try:
            places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            if not places:
                raise ServiceUnavailable(no_topic(settings, topic))
            return _read(consumer, places, positions, most, monotonic() + seconds)
        finally:
            consumer.close(autocommit=False)


def _read(
    consumer: Any, places: list[TopicPartition], positions: Mapping[int, int], most: int, until: float
) -> tuple[list[Arrived], dict[int, int], int]:
    beginnings, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    consumer.assign(places)
    for place in places:
        start = positions.get(place.partition, 0)
        consumer.seek(place, beginnings[place] if start > ends[place] else max(start, beginnings[place]))
    found: list[Arrived] = []
    size = 0
    while len(found) < most and size < MOST_BYTES and monotonic() < until:
        if all(consumer.position(place) >= ends[place] for place in places):
            break
        for records in consumer.poll(timeout_ms=500, max_records=min(AT_ONCE, most - len(found))).values():
            found += [Arrived(record.value or b"", record.timestamp) for record in records]
            size += sum(len(record.value or b"") for record in records)
    behind = {place.partition: int(consumer.position(place)) for place in places}
    return found, behind, sum(max(0, ends[place] - behind[place.partition]) for place in places)
