"""From the spool to Kafka, in a thread of its own: survives any outage, and marks only what was acknowledged."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic as system_monotonic
from time import sleep
from typing import Protocol

import structlog

from barograph.collector.frames import SAMPLE
from barograph.collector.rejects import reject
from barograph.collector.spool import Entry, Loss, Spool
from barograph.errors import ServiceUnavailable
from barograph.kafka import MAX_MESSAGE_BYTES, Delivery, Message
from barograph.readings import MAX_FRAMES_PER_MESSAGE

log = structlog.get_logger()

BACKLOG = 32
"""With more entries than this waiting, frames are packed."""
ROUND = 5_000
"""Most entries handed to the broker at once: memory, and what is sent twice if it fails."""
MAX_PACK_BYTES = 512 * 1024
IDLE = 0.5
"""Seconds between looks at an idle spool, and at whether the broker was lost."""
BACK_OFF = (0.5, 10.0)
"""Seconds before the first and, doubling, at most before each further attempt to reach a broker."""


GRACE = 0.5
"""Seconds for the thread to notice that its time is over."""
LAST_TRIES = 0.1
"""Seconds between attempts once we were told to stop."""


class Producer(Protocol):
    """What of barograph.kafka.Producer is used here."""

    @property
    def losses(self) -> int: ...
    def require(self, topic: str) -> None: ...
    def deliver(self, messages: Sequence[Message]) -> list[Delivery]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Topics:
    readings: str
    rejects: str


class Publisher:
    """`connect` gives a new producer, or raises ServiceUnavailable. `start`, `wake` after each append, `stop`."""

    def __init__(
        self,
        spool: Spool,
        connect: Callable[[], Producer],
        topics: Topics,
        *,
        monotonic: Callable[[], float] = system_monotonic,
        back_off: tuple[float, float] = BACK_OFF,
    ) -> None:
        self._spool = spool
        self._connect = connect
        self._topics = topics
        self._monotonic = monotonic
        self._back_off = back_off
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.up: bool | None = None
        """Whether the broker answers; None before the first attempt."""
        self.published = 0
        """Entries acknowledged since the start, those sent again included."""

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def wake(self) -> None:
        self._wake.set()

    def stop(self, flush: float) -> bool:
        """Send what waits for at most `flush` seconds. False if something still waits: it stays in the spool."""
        self._deadline = self._monotonic() + flush
        self._stopping.set()
        self._wake.set()
        self._thread.join(flush + GRACE)
        return self._spool.depth == 0 and not self.alive

    def _run(self) -> None:
        pause = self._back_off[0]
        while not self._finished():
            try:
                producer = self._connect()
            except ServiceUnavailable as error:
                self._down(error)
            else:
                try:
                    self._serve(producer)
                    return
                except ServiceUnavailable as error:
                    pause = self._back_off[0] if self.up else pause
                    self._down(error)
                except Exception:
                    # A mistake of ours must not end the only way out of the spool.
                    log.exception("publisher_failed")
                finally:
                    producer.close()
            self._rest(pause)
            pause = min(pause * 2, self._back_off[1])

    def _serve(self, producer: Producer) -> None:
        """Publish until told to stop. Raises ServiceUnavailable when the broker is lost."""
        for topic in (self._topics.readings, self._topics.rejects):
            producer.require(topic)
        self.up = True
        self._again("connected")
        losses = producer.losses
        while not self._finished():
            self._wake.clear()
            if producer.losses != losses:
                losses = producer.losses
                self._again("reconnected")
            waiting = self._spool.waiting(ROUND)
            if waiting:
                self._publish(producer, waiting)
            elif self._stopping.is_set():
                return
            else:
                self._wake.wait(IDLE)
            if producer.losses == losses:
                self._spool.prune()
            loss = self._spool.take_loss(self._report)
            if loss:
                log.error("spool_overflowed", lost=loss.entries, first=loss.first, last=loss.last)

    def _publish(self, producer: Producer, waiting: list[Entry]) -> None:
        packs = packed(waiting, self._topics.readings, always_single=len(waiting) <= BACKLOG)
        refused = self._deliver(producer, packs)
        # A broker with a limit of its own may refuse the pack, and take its frames.
        hopeless = [pack for pack in refused if len(pack) == 1]
        hopeless += self._deliver(producer, [[entry] for pack in refused if len(pack) > 1 for entry in pack])
        for (entry,) in hopeless:
            log.error("refused_by_broker", topic=entry.topic, device=entry.key, bytes=len(entry.payload))
            sample = entry.payload[:SAMPLE]
            self._spool.replace(entry, reject("too_long", sample, self._topics.rejects, device=entry.key))

    def _deliver(self, producer: Producer, packs: list[list[Entry]]) -> list[list[Entry]]:
        """Send, mark what was acknowledged, and give back what the broker refuses for good."""
        if not packs:
            return []
        outcomes = producer.deliver([message(pack) for pack in packs])
        became = list(zip(packs, outcomes, strict=True))
        acked = [entry.id for pack, outcome in became if outcome is Delivery.ACKED for entry in pack]
        if acked:
            self._spool.ack(acked)
            self.published += len(acked)
        failed = outcomes.count(Delivery.FAILED)
        if failed:
            raise ServiceUnavailable(f"the broker did not acknowledge {failed} of {len(packs)} messages")
        return [pack for pack, outcome in became if outcome is Delivery.REFUSED]

    def _again(self, why: str) -> None:
        again = self._spool.resend()
        log.info(f"broker_{why}", waiting=self._spool.depth, sent_again=again)

    def _down(self, error: ServiceUnavailable) -> None:
        if self.up is not False:
            log.warning("broker_down", waiting=self._spool.depth, error=str(error))
        self.up = False

    def _rest(self, pause: float) -> None:
        if self._stopping.is_set():
            sleep(LAST_TRIES)
        else:
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311

    def _finished(self) -> bool:
        return self._stopping.is_set() and (self._monotonic() >= self._deadline or self._spool.depth == 0)

    def _report(self, loss: Loss) -> Entry:
        detail = f"{loss.entries} frames and rejects were lost between {loss.first} and {loss.last}"
        return reject("spool_full", detail.encode(), self._topics.rejects, detail=detail)


def packed(entries: Sequence[Entry], readings: str, *, always_single: bool = False) -> list[list[Entry]]:
    """Group frames of one device, in their order, up to 500 or half a megabyte a message. Rejects stay single."""
    if always_single:
        return [[entry] for entry in entries]
    packs: list[list[Entry]] = []
    open_packs: dict[str, list[Entry]] = {}
    sizes: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.topic != readings or entry.key is None:
            packs.append([entry])
            continue
        pack = open_packs.get(entry.key)
        if pack is None or len(pack) >= MAX_FRAMES_PER_MESSAGE or sizes[entry.key] + entry.size > MAX_PACK_BYTES:
            pack = open_packs[entry.key] = []
            sizes[entry.key] = 0
            packs.append(pack)
        pack.append(entry)
        sizes[entry.key] += entry.size
    return packs


def message(pack: list[Entry]) -> Message:
    """One frame as it is, several as a JSON array of what they are.

    [{"device":"sensor3",...},{"device":"sensor3",...}]
    """
    first = pack[0]
    value = first.payload if len(pack) == 1 else b"[" + b",".join(entry.payload for entry in pack) + b"]"
    return Message(first.topic, value, first.key, first.headers)


def fits(payload: bytes) -> bool:
    """Whether a frame can travel at all."""
    return len(payload) <= MAX_MESSAGE_BYTES
