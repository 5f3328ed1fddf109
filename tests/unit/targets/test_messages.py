"""A message has the device as its key and an identity that follows from ledger and record alone."""

import json

import pytest
from tests.unit.targets.courses import minute, readings

from barograph.destinations import KafkaTarget
from barograph.errors import ServiceUnavailable, TargetError, TargetRefused
from barograph.kafka import Delivery
from barograph.targets.kafka import KafkaSender
from barograph.targets.parcels import of_batch


class Producer:
    def __init__(self, answer=Delivery.ACKED):
        self.answer = answer
        self.sent = []

    def require(self, topic):
        if self.answer is None:
            raise ServiceUnavailable(f"no topic {topic}")

    def deliver(self, messages):
        self.sent += messages
        return [Delivery.ACKED] * (len(messages) - 1) + [self.answer]


def a_sender(answer=Delivery.ACKED):
    made = KafkaSender.__new__(KafkaSender)
    made._target = KafkaTarget(name="bus", what=["readings"], kind="kafka")
    made._producer, made._known = Producer(answer), set()
    return made


PARCEL = of_batch("readings", 17, minute(0), readings(4.0, float("nan")))


def test_each_reading_is_a_message(tmp_path):
    sender = a_sender()

    sender.send(PARCEL)

    first, second = sender._producer.sent
    identity = "readings/000000000017/fridge-1/temperature/2026-11-22T12:00:00.000000Z"
    assert ("refined", "fridge-1", (("id", identity),)) == (first.topic, first.key, first.headers)
    assert {
        "id": identity, "device": "fridge-1", "metric": "temperature", "time": "2026-11-22T12:00:00.000000Z",
        "value": 4.0,
    } == json.loads(first.value)  # fmt: skip
    assert json.loads(second.value)["value"] is None


@pytest.mark.parametrize(("answer", "stops"), [(Delivery.FAILED, False), (None, False), (Delivery.REFUSED, True)])
def test_what_is_not_acknowledged_is_not_delivered(answer, stops):
    with pytest.raises(TargetError) as told:
        a_sender(answer).send(PARCEL)
    assert stops == isinstance(told.value, TargetRefused)
