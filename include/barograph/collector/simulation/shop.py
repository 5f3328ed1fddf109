"""Twelve sensors of a shop that does not exist: the same for the same seed, in history and live.

history(site, window, seed)        -> frames -> publish_history -> Kafka
sensors(site, seed, failing_since) -> simulation.ptys   -> real ptys
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

from barograph.collector.simulation.climate import DAY, HOUR, MINUTE, Dice, Failure, Shop
from barograph.collector.simulation.sensor import Incidents, Sensor
from barograph.errors import DocumentError, ServiceUnavailable
from barograph.kafka import Delivery, Message, Producer
from barograph.readings import MAX_FRAMES_PER_MESSAGE, Frame, encoded
from barograph.registry import Device, Port, Site
from barograph.settings import Settings
from barograph.windows import EPOCH, Window

PORTS = {"fridge": "cold-wall", "freezer": "freezers", "room": "shop-floor", "dock": "dock"}
"""Which kind of device hangs on which port of the demo site."""

LIVE_FAILURE = (5.0, 20 * MINUTE, 100.0)
"""Seconds after the start, length, tau: 8 °C is crossed within a minute, for an impatient newcomer."""
HISTORY_FAILURES = ((1 * DAY + 13 * HOUR, 70 * MINUTE), (4 * DAY + 2 * HOUR, 150 * MINUTE))
"""Each week, about: when, and how long."""
BATTERY_DEAD = (2 * DAY + 3 * HOUR, 5.5 * HOUR)
MESSAGES_AT_ONCE = 50


def sensors(site: Site, seed: int, failing_since: datetime | None = None) -> list[Sensor]:
    """The devices of a site, simulated. The first fridge fails right after `failing_since`. Raises DocumentError."""
    shop = Shop(site.timezone)
    told = _incidents(site, seed, failing_since)
    return [
        Sensor(device, _port(site, device), seed, place / len(site.devices), shop, told.get(device.device, Incidents()))
        for place, device in enumerate(site.devices)
    ]


def history(site: Site, window: Window, seed: int) -> Iterator[Frame]:
    """All frames of a window in the order of their times. A step's number is its seq: publishing twice adds nothing."""
    made = sensors(site, seed)
    boot = f"history-{seed}"
    cadence = min(sensor.device.cadence for sensor in made)
    for begin in count():
        start = window.start + timedelta(seconds=begin * cadence)
        stretch = Window(start, start + timedelta(seconds=cadence)).clipped(window) if start < window.end else None
        if stretch is None:
            return
        due = [
            (sensor.time(step), number, step)
            for number, sensor in enumerate(made)
            for step in range(sensor.step(stretch.start), sensor.step(stretch.end))
        ]
        for moment, number, step in sorted(due):
            sensor = made[number]
            values = sensor.values(step)
            if values is not None:
                yield Frame(
                    sensor.device.device,
                    values,
                    time=moment,
                    seq=step,
                    boot=boot,
                    port=sensor.port.port,
                    historical=True,
                )


def publish_history(
    settings: Settings,
    site: Site,
    window: Window,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Send a site's history through Kafka, packed; says how many frames. Raises ServiceUnavailable.

    `progress` is called with the frames that Kafka has, and with how many there will be, about.
    """
    total = sum(int(window.length.total_seconds() / device.cadence) for device in site.devices)
    topic = settings.kafka.topics[0]
    sent = 0
    producer = Producer(settings, client_id="barograph-history")
    try:
        producer.require(topic)
        for packs in _batched(_packs(history(site, window, seed)), MESSAGES_AT_ONCE):
            outcomes = producer.deliver([Message(topic, encoded(pack), pack[0].device) for pack in packs])
            if any(outcome is not Delivery.ACKED for outcome in outcomes):
                raise ServiceUnavailable(
                    f"Kafka took only a part of the history: {sent} of about {total} frames are sure. "
                    "Publish it again: what is there already counts as duplicate."
                )
            sent += sum(len(pack) for pack in packs)
            if progress:
                progress(sent, total)
    finally:
        producer.close()
    return sent


def _packs(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """Up to 500 frames of one device each; a device's frames keep their order."""
    open_packs: dict[str, list[Frame]] = {}
    for frame in frames:
        pack = open_packs.setdefault(frame.device, [])
        pack.append(frame)
        if len(pack) == MAX_FRAMES_PER_MESSAGE:
            yield open_packs.pop(frame.device)
    yield from open_packs.values()


def _batched(packs: Iterator[list[Frame]], size: int) -> Iterator[list[list[Frame]]]:
    batch: list[list[Frame]] = []
    for pack in packs:
        batch.append(pack)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _port(site: Site, device: Device) -> Port:
    for port in site.ports:
        if port.device == device.device or port.port == PORTS.get(device.kind):
            return port
    raise DocumentError(
        f"The simulator does not know on which port of site {site.site} the {device.kind} {device.device} is. "
        f"It needs one of the ports {', '.join(sorted(PORTS.values()))}, or a port with `device: {device.device}`."
    )


def _incidents(site: Site, seed: int, failing_since: datetime | None) -> dict[str, Incidents]:
    kinds: dict[str, list[str]] = {}
    for device in site.devices:
        kinds.setdefault(device.kind, []).append(device.device)
    told: dict[str, Incidents] = {}
    fridges, freezers, rooms = (kinds.get(kind, []) for kind in ("fridge", "freezer", "room"))
    dice = Dice(seed, site.site, "incidents")
    for number, (when, length) in enumerate(HISTORY_FAILURES):
        if len(fridges) > 1:
            # The first fridge is kept for the live failure.
            fails = fridges[1 + (seed + number) % (len(fridges) - 1)]
            start = when + dice.throw(number) * 5 * HOUR
            earlier = told.get(fails, Incidents()).weekly
            told[fails] = Incidents(weekly=(*earlier, Failure(start, length, tau=50 * MINUTE)))
    if fridges and failing_since is not None:
        after, length, tau = LIVE_FAILURE
        start = (failing_since - EPOCH).total_seconds() + after
        told[fridges[0]] = Incidents(failures=(Failure(start, length, tau),))
    if freezers:
        told[freezers[seed % len(freezers)]] = Incidents(flaky=True)
    if rooms:
        told[rooms[seed % len(rooms)]] = Incidents(silent=BATTERY_DEAD)
    return told
