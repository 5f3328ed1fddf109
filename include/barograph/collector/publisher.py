"""From the spool to Kafka, in a thread of its own: survives any outage, and marks only what was acknowledged.

It goes in rounds: of each device one message with its oldest frames, all acknowledged before the next round. So the
order of a device's frames depends on no retry, and no device waits for the backlog of another.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic as system_monotonic
from time import sleep
from typing import Protocol

import structlog

from barograph.collector.events import Tell, told
from barograph.collector.frames import SAMPLE
from barograph.collector.latency import Latency
from barograph.collector.losses import Loss, moment
from barograph.collector.pace import Pace
from barograph.collector.packs import BETWEEN, MAX_PACK_BYTES, Entry, Pack
from barograph.collector.rejects import reject
from barograph.collector.spool import Spool
from barograph.collector.spool_file import Damage
from barograph.errors import BarographError, ServiceUnavailable
from barograph.kafka import MAX_MESSAGE_BYTES, Delivery, Message
from barograph.readings import MAX_FRAMES_PER_MESSAGE
from barograph.windows import microseconds

log = structlog.get_logger()

FEW = 32
"""Up to so many frames in a round travel one by one; more are packed, those of one device into one message."""
ROUND_BYTES = (16 * 1024, 8 * 1024 * 1024)
"""Least and most bytes of a round: memory, and what is sent twice if it fails."""
ROUND_SECONDS = 0.5
"""What a round should take: a frame that just came waits for the round before it and for its own."""
OFTEN, APART, APART_LARGE = 10, 1.0, 0.1
"""Frames a second up to which each is sent at once, and seconds from round to round beyond that, while nothing lags
behind: fewer and larger messages cost less. After a round of more than `FEW` frames the next comes sooner."""
IDLE = 0.5
"""Seconds between looks at an idle spool, and at whether the broker was lost."""
TEND_EVERY = 0.5
"""Seconds between looks at what the spool may forget or has to report."""
SOON = 0.02
"""The same while it has more to forget than it may at once."""
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


@dataclass(frozen=True)
class Parcel:
    """A message, and what it carries: whole records of one device, or one frame of a record."""

    records: Sequence[Pack]
    number: int | None = None

    @property
    def message(self) -> Message:
        """One frame as it is, several as a JSON array of what they are.

        [{"device":"sensor3",...},
        {"device":"sensor3",...}]
        """
        first = self.records[0]
        if self.number is not None:
            (entry,) = first.entries[self.number : self.number + 1]
            return Message(entry.topic, entry.payload, entry.key, entry.headers)
        if len(self.records) == 1:
            return Message(first.topic, first.payload, first.key, first.entries[0].headers if first.headers else ())
        inside = (record.payload if record.frames == 1 else record.payload[1:-1] for record in self.records)
        return Message(first.topic, b"[" + BETWEEN.join(inside) + b"]", first.key)

    @property
    def is_single(self) -> bool:
        return self.number is not None or (len(self.records) == 1 and self.records[0].frames == 1)


@dataclass
class Budget:
    """How many bytes a round may have, so that it takes about half a second with this broker on this line."""

    most: int = 128 * 1024

    def spent(self, size: int, seconds: float) -> None:
        fitting = int(size * ROUND_SECONDS / max(seconds, 0.001))
        if seconds > ROUND_SECONDS or size >= self.most // 2:
            least, most = ROUND_BYTES
            self.most = min(max(fitting, least), most, 2 * self.most)


class Publisher:
    """`connect` gives a new producer, or raises a BarographError. `start`, `wake` after each append, `stop`."""

    def __init__(
        self,
        spool: Spool,
        connect: Callable[[], Producer],
        topics: Topics,
        *,
        monotonic: Callable[[], float] = system_monotonic,
        back_off: tuple[float, float] = BACK_OFF,
        clock: Callable[[], datetime] | None = None,
        beside: Callable[[Producer], None] = lambda _: None,
        tell: Tell = told,
    ) -> None:
        """`clock` is the one that the spool's times are of. `beside` may send something of its own now and then."""
        self._spool = spool
        self._connect = connect
        self._topics = topics
        self._monotonic = monotonic
        self._back_off = back_off
        self._clock = clock
        self._beside = beside
        self._tell = tell
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._tended = float("-inf")
        self._more_to_forget = False
        self._budget = Budget()
        self._pace = Pace(OFTEN)
        self._why = ""
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.up: bool | None = None
        """Whether the broker answers; None before the first attempt."""
        self.published = 0
        """Frames and rejects acknowledged since the start, those sent again included."""
        self.latency = Latency()

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
            except BarographError as error:
                self._down(error)
            else:
                try:
                    self._serve(producer)
                    return
                except BarographError as error:
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
            offered = self._spool.offer(self._budget.most)
            if offered:
                self._publish(producer, offered)
            elif self._stopping.is_set():
                break
            else:
                self._wake.wait(SOON if self._more_to_forget else IDLE)
            if self._more_to_forget or self._monotonic() - self._tended >= TEND_EVERY:
                self._tend(forget=producer.losses == losses)
                self._beside(producer)
        self._beside(producer)

    def _tend(self, *, forget: bool) -> None:
        """Let the spool forget what was acknowledged long ago, and report what it lost."""
        self._tended = self._monotonic()
        self._more_to_forget = forget and self._spool.prune()
        for each in self._spool.report(self._report):
            self._tell("spool_lost", "error", device=each.device, lost=each.frames)

    def _publish(self, producer: Producer, offered: list[list[Pack]]) -> None:
        begun = self._monotonic()
        records = [record for lane in offered for record in lane]
        frames = sum(record.frames for record in records)
        self._pace.turn(begun, frames)
        parcels = _singly(records) if frames <= FEW else bundled(offered)
        sent = _Round()
        sent.note(parcels, producer.deliver([parcel.message for parcel in parcels]))
        if sent.split and not sent.failed:
            # A broker with a limit of its own may refuse the pack, and take its frames.
            singles = _singly(sent.split)
            sent.note(singles, producer.deliver([parcel.message for parcel in singles]))
        for record, numbers in sent.hopeless.values():
            self._give_up(record, numbers)
        self.published += self._spool.ack(record.id for record in records if record.id not in sent.not_acked)
        self._time(record for record in records if record.id not in sent.not_acked)
        if sent.failed:
            raise ServiceUnavailable(f"the broker did not acknowledge {sent.failed} of {len(parcels)} messages")
        took = self._monotonic() - begun
        self._budget.spent(sum(len(record.payload) for record in records), took)
        if self._spool.depth <= frames:
            apart = APART if frames <= FEW else APART_LARGE
            self._stopping.wait(self._pace.pause(self._monotonic(), apart))

    def _time(self, acked: Iterable[Pack]) -> None:
        if self._clock:
            now = microseconds(self._clock())
            for record in acked:
                # Files of an earlier version have no times.
                if record.at:
                    self.latency.took((now - record.at) / 1e6, record.frames)

    def _give_up(self, record: Pack, numbers: set[int]) -> None:
        payloads = [record.payloads[number] for number in sorted(numbers)]
        for payload in payloads:
            log.error("refused_by_broker", topic=record.topic, device=record.key, bytes=len(payload))
        rejects = [reject("too_long", each[:SAMPLE], self._topics.rejects, device=record.key) for each in payloads]
        self._spool.give_up(record, numbers, rejects)

    def _again(self, why: str) -> None:
        again = self._spool.resend()
        self._tell(f"broker_{why}", waiting=self._spool.depth, sent_again=again)

    def _down(self, error: BarographError) -> None:
        self._spool.release()
        if self.up is not False or str(error) != self._why:
            self._tell("broker_down", "warning", waiting=self._spool.depth, reason=str(error))
        self.up = False
        self._why = str(error)

    def _rest(self, pause: float) -> None:
        if self._stopping.is_set():
            sleep(LAST_TRIES)
        else:
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311

    def _finished(self) -> bool:
        return self._stopping.is_set() and (self._monotonic() >= self._deadline or self._spool.depth == 0)

    def _report(self, lost: Loss | Damage) -> Entry:
        if isinstance(lost, Loss):
            payload, detail, reason = lost.detail.encode(), lost.detail, lost.reason
        else:
            read = f", read at {moment(lost.at)}" if lost.at else ""
            detail = f"{lost.frames} frames of one record of the spool{read}: here is what is left of it"
            payload, reason = lost.payload, "spool_damaged"
        return reject(reason, payload, self._topics.rejects, detail=detail, device=lost.device)


@dataclass
class _Round:
    """What became of the messages of a round."""

    failed: int = 0
    not_acked: set[int] = field(default_factory=set)
    """Records of which something failed."""
    split: list[Pack] = field(default_factory=list)
    """Records in packs that the broker refused."""
    hopeless: dict[int, tuple[Pack, set[int]]] = field(default_factory=dict)
    """Frames that it refuses though they are alone, by record."""

    def note(self, parcels: Sequence[Parcel], outcomes: Sequence[Delivery]) -> None:
        for parcel, outcome in zip(parcels, outcomes, strict=True):
            if outcome is Delivery.FAILED:
                self.failed += 1
                self.not_acked.update(record.id for record in parcel.records)
            elif outcome is Delivery.REFUSED and parcel.is_single:
                (record,) = parcel.records
                self.hopeless.setdefault(record.id, (record, set()))[1].add(parcel.number or 0)
            elif outcome is Delivery.REFUSED:
                self.split += parcel.records


def _singly(records: Iterable[Pack]) -> list[Parcel]:
    return [Parcel([record], number) for record in records for number in range(record.frames)]


def bundled(offered: Iterable[Sequence[Pack]]) -> list[Parcel]:
    """One message for each device, up to 500 frames or half a megabyte. Rejects stay single."""
    parcels: list[Parcel] = []
    for records in offered:
        growing: dict[tuple[str, str | None], tuple[list[Pack], int, int]] = {}
        for record in records:
            if not record.may_be_packed:
                parcels.append(Parcel([record]))
                continue
            whose = (record.topic, record.key)
            bundle, frames, size = growing.get(whose, ([], 0, 0))
            frames, size = frames + record.frames, size + len(record.payload)
            if not bundle or frames > MAX_FRAMES_PER_MESSAGE or size > MAX_PACK_BYTES:
                bundle, frames, size = [], record.frames, len(record.payload)
                parcels.append(Parcel(bundle))
            bundle.append(record)
            growing[whose] = (bundle, frames, size)
    return parcels


def fits(payload: bytes) -> bool:
    """Whether a frame can travel at all."""
    return len(payload) <= MAX_MESSAGE_BYTES
