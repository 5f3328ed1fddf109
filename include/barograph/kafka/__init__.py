"""Kafka at arm's length: create topics, deliver messages, read offsets. Only home of kafka-python.

producer      messages out, and what became of each          topics   what there is, created and looked at
reader        small messages in order
connections   clients that fail fast and say why they did    access   encryption and logging in

Every client here fails fast: kafka-python's defaults wait 30 s for a broker and 60 s inside `send`. A delivery that
fails is no loss: what comes from the spool stays in it until it is acknowledged, however long that takes, and whoever
publishes without a spool is told and does it again.
"""

from barograph.kafka.access import security, spark_options
from barograph.kafka.producer import MAX_MESSAGE_BYTES, Delivery, Message, Producer
from barograph.kafka.reader import Arrived, read_on
from barograph.kafka.topics import PartitionOffsets, create_topics, offsets

__all__ = [
    "MAX_MESSAGE_BYTES",
    "Arrived",
    "Delivery",
    "Message",
    "PartitionOffsets",
    "Producer",
    "create_topics",
    "offsets",
    "read_on",
    "security",
    "spark_options",
]
