"""A target of kind `kafka`: one JSON message for each reading, window or alarm.

key      fridge-1, so that each device keeps its order
header   id: windows/000000000017/fridge-1/temperature/2026-11-27T14:00:00.000000Z
value    {"id":"windows/...","site":"demo","device":"fridge-1","metric":"temperature","start":"...","mean":4.2,...}
"""

from __future__ import annotations

from itertools import islice

from barograph import kafka
from barograph.destinations import KafkaTarget
from barograph.errors import ServiceUnavailable, TargetError, TargetRefused
from barograph.kafka import Delivery, Message
from barograph.settings import Settings
from barograph.targets.parcels import Parcel, as_json

AT_ONCE = 2_000
"""Messages between two looks at what became of them: more would wait in line until they are too old to be sent."""


class KafkaSender:
    def __init__(self, settings: Settings, target: KafkaTarget) -> None:
        """Raises TargetError if no broker answers."""
        self._target = target
        brokers = {"brokers": target.brokers} if target.brokers else {}
        own = settings.model_copy(update={"kafka": settings.kafka.model_copy(update=brokers)})
        try:
            self._producer = kafka.Producer(own, client_id=f"barograph-{target.name}")
        except ServiceUnavailable as error:
            raise TargetError(str(error)) from error
        self._known: set[str] = set()

    def send(self, parcel: Parcel) -> None:
        topic = self._target.topic(parcel.what)
        self._require(topic)
        messages = (
            Message(topic, as_json({"id": identity, **row}), row["device"], (("id", identity),))
            for identity, row in parcel.rows()
        )
        while some := list(islice(messages, AT_ONCE)):
            outcomes = self._producer.deliver(some)
            if Delivery.REFUSED in outcomes:
                [refused, *_] = [one for one, its in zip(some, outcomes, strict=True) if its is Delivery.REFUSED]
                raise TargetRefused(f"topic {topic} will never take {dict(refused.headers)['id']}: it is too large.")
            if any(outcome is not Delivery.ACKED for outcome in outcomes):
                raise TargetError(f"topic {topic} has not acknowledged {parcel.what}/{parcel.name}.")

    def close(self) -> None:
        self._producer.close()

    def _require(self, topic: str) -> None:
        if topic in self._known:
            return
        try:
            self._producer.require(topic)
        except ServiceUnavailable as error:
            raise TargetError(str(error)) from error
        self._known.add(topic)
