"""What topics there are: created as the settings want them, and what Kafka holds of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError
from kafka.protocol.consumer import OffsetSpec

from barograph.destinations import KafkaTarget
from barograph.errors import ServiceUnavailable
from barograph.kafka.connections import Clients, no_topic, translated
from barograph.settings import Settings


@dataclass(frozen=True)
class PartitionOffsets:
    """What Kafka holds of one partition: offsets `beginning` <= n < `end`. A recreated topic has another `topic_id`."""

    topic: str
    topic_id: str
    partition: int
    beginning: int
    end: int


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are not there yet, and name them. Existing ones are left as they are."""
    wanted = {
        **dict.fromkeys(settings.kafka.topics, settings.kafka.partitions),
        settings.kafka.rejects: 1,
        settings.kafka.operations: 1,
        settings.kafka.alarms: 1,
        **dict.fromkeys(_of_targets(settings), settings.kafka.partitions),
    }
    config = {
        "retention.ms": str(settings.kafka.retention_hours * 3_600_000),
        # One broker's acknowledgement is page cache; the collector keeps its last minute for what this leaves open.
        "flush.ms": "1000",
        "message.timestamp.type": "CreateTime",
    }
    kept = {settings.kafka.operations: {"retention.ms": str(settings.kafka.operations_hours * 3_600_000)}}
    with _administrator(settings) as admin:
        existing = set(admin.list_topics())
        missing = {
            topic: {"num_partitions": partitions, "configs": config | kept.get(topic, {})}
            for topic, partitions in wanted.items()
            if topic not in existing
        }
        if missing:
            with contextlib.suppress(TopicAlreadyExistsError):  # someone else was faster
                admin.create_topics(missing, wait_for_metadata=True)
        admin.wait_for_topics(list(wanted))
    return sorted(missing)


def _of_targets(settings: Settings) -> list[str]:
    """Topics that further targets write to on our own brokers."""
    ours = [target for target in settings.targets if isinstance(target, KafkaTarget) and not target.brokers]
    return [target.topic(what) for target in ours for what in target.what]


def offsets(settings: Settings, topics: Sequence[str]) -> list[PartitionOffsets]:
    """What Kafka holds now, sorted by topic and partition. Raises ServiceUnavailable if a topic does not exist."""
    with _administrator(settings) as admin:
        described = {topic["name"]: topic for topic in admin.describe_topics(list(topics))}
        _require_all(settings, topics, described)
        partitions = [
            TopicPartition(name, partition["partition_index"])
            for name, topic in described.items()
            for partition in topic["partitions"]
        ]
        beginnings = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return [
        PartitionOffsets(
            topic=place.topic,
            topic_id=str(described[place.topic]["topic_id"]),
            partition=place.partition,
            beginning=beginnings[place].offset,
            end=ends[place].offset,
        )
        for place in sorted(partitions)
    ]


def _require_all(settings: Settings, topics: Sequence[str], described: dict[str, Any]) -> None:
    missing = [name for name in topics if name not in described or described[name]["error_code"]]
    if missing:
        raise ServiceUnavailable(no_topic(settings, ", ".join(missing)))


@contextlib.contextmanager
def _administrator(settings: Settings) -> Iterator[Any]:
    clients = Clients()
    common = clients.options(settings)
    with translated(settings, clients), clients.closed_on_failure():
        admin = KafkaAdminClient(**common, client_id="barograph")
        try:
            yield admin
        finally:
            admin.close()
