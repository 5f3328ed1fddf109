"""Whose turn it is on a line that only speaks when it is asked. Pure: the loop writes, and tells what came.

round 1                                     round 2, `every` seconds after round 1 began
01 request, answer, gap, 02 request, (timeout), gap ... 01 request
"""

from __future__ import annotations

from dataclasses import dataclass

from barograph.collector.checksums import algorithm
from barograph.collector.formats.wire import as_bytes
from barograph.registry import Poll


@dataclass(frozen=True)
class Request:
    device: str | None
    """Whose answer is awaited; None where the port has one device."""
    said: bytes


class Poller:
    """`due` gives the next request when its time has come; `answered` ends the waiting for it, as `timeout` does."""

    def __init__(self, poll: Poll) -> None:
        self._poll = poll
        self._requests = requests(poll)
        self._next = 0
        self._round = 0.0
        self._free_at = 0.0
        self._asked: float | None = None
        self.asking: Request | None = None
        """What an answer would be to."""
        self.timeouts = 0

    def opened(self, now: float) -> None:
        """A new connection: begin a round."""
        self._next, self._asked, self.asking = 0, None, None
        self._round = self._free_at = now

    def due(self, now: float) -> Request | None:
        if self._asked is not None:
            if now - self._asked < self._poll.timeout:
                return None
            self.timeouts += 1
            self._rest(now)
        if self._next == len(self._requests):
            following = self._round + self._poll.every
            # Rounds that were missed, because one took long or the machine slept, are not made up for.
            self._round = following if now < following + self._poll.every else now
            self._next = 0
        if now < (self._free_at if self._next else max(self._free_at, self._round)):
            return None
        self.asking, self._asked = self._requests[self._next], now
        self._next += 1
        return self.asking

    def answered(self, now: float) -> None:
        if self._asked is not None:
            self._rest(now)

    def wake_at(self) -> float:
        """When `due` should be called at the latest."""
        if self._asked is not None:
            return self._asked + self._poll.timeout
        if self._next == len(self._requests):
            return max(self._round + self._poll.every, self._free_at)
        return self._free_at if self._next else max(self._round, self._free_at)

    def _rest(self, now: float) -> None:
        # `asking` stays: what comes too late is still that device's.
        self._asked, self._free_at = None, now + self._poll.gap


def requests(poll: Poll) -> list[Request]:
    """What to say in a round, with the checksum. Raises ValueError for an address that does not fit the request."""
    if not poll.devices:
        return [Request(None, _whole(poll, poll.request))]
    return [
        Request(device, _whole(poll, poll.request.replace("{address}", address)))
        for device, address in poll.devices.items()
    ]


def _whole(poll: Poll, request: str) -> bytes:
    said = as_bytes(request)
    assert isinstance(said, bytes)
    if poll.checksum:
        said += algorithm(poll.checksum).of(said).to_bytes(2, "little")
    return said
