"""What tests of the collector hand in instead of a broker and of ports."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence

from barograph.errors import PortError, ServiceUnavailable
from barograph.kafka import Delivery, Message


class Broker:
    """Remembers what it acknowledged; can be down, can lose its page cache, can refuse what is too large."""

    def __init__(self) -> None:
        self.up = True
        self.log: list[Message] = []
        self.losses = 0
        self.largest = 1_000_000
        self.missing: set[str] = set()
        """Topics that it does not have."""
        self.acknowledge: Callable[[int], bool] = lambda _: True
        self.connections = 0

    def connect(self) -> Broker:
        if not self.up:
            raise ServiceUnavailable("down")
        self.connections += 1
        return self

    def require(self, topic: str) -> None:
        pass

    def deliver(self, messages: Sequence[Message]) -> list[Delivery]:
        return [self._take(number, message) for number, message in enumerate(messages)]

    def close(self) -> None:
        pass

    def _take(self, number: int, message: Message) -> Delivery:
        if not self.up or message.topic in self.missing:
            return Delivery.FAILED
        if len(message.value) > self.largest:
            return Delivery.REFUSED
        self.log.append(message)
        return Delivery.ACKED if self.acknowledge(number) else Delivery.FAILED

    def frames(self) -> list[dict[str, object]]:
        """All frames in the order of the log, unpacked, second copies included."""
        contents = [json.loads(message.value) for message in self.log if message.topic == "readings"]
        return [frame for content in contents for frame in (content if isinstance(content, list) else [content])]

    def identities(self) -> set[tuple[object, object, object]]:
        return {(frame["device"], frame.get("boot"), frame.get("seq")) for frame in self.frames()}

    def rejects(self) -> list[dict[str, str]]:
        return [dict(message.headers) for message in self.log if message.topic == "rejects"]


class FakeSource:
    """A port without a descriptor, which says what it is given and then nothing."""

    descriptor = None

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.closed = threading.Event()

    def read(self) -> bytes:
        if not self.chunks:
            return b""
        chunk = self.chunks.pop(0)
        if chunk == b"unplugged":
            raise PortError("unplugged")
        return chunk

    def close(self) -> None:
        self.closed.set()


def eventually(true: Callable[[], object], within: float = 10.0) -> bool:
    """Wait for something that another thread does."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())
