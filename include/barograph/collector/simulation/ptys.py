"""The simulated sensors, live: real ptys that a collector opens like any serial port."""

from __future__ import annotations

import heapq
import os
import termios
import threading
import tty
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from barograph.collector.formats import Format, read_format
from barograph.collector.rendering import rendered
from barograph.collector.simulation.sensor import Sensor
from barograph.collector.simulation.shop import sensors
from barograph.errors import PortError
from barograph.registry import read_site
from barograph.settings import Settings

log = structlog.get_logger()


class VirtualPort:
    """A pty whose far end has a name in the data folder, as a USB adapter has one in /dev."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_symlink():
            raise PortError(f"{path} exists and is no symbolic link: the simulated port cannot take its place.")
        self._near, self._far = os.openpty()
        tty.setraw(self._far)  # with an echo, what the board says would come back to it
        os.set_blocking(self._near, False)
        self._path = path
        self.name = os.ttyname(self._far)
        beside = path.with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(self.name)
        beside.replace(path)

    def say(self, line: bytes) -> None:
        """Write a line; where nobody has listened for long it is dropped, as on a real wire."""
        try:
            whole = os.write(self._near, line) == len(line)
        except BlockingIOError:
            whole = False
        if not whole:
            termios.tcflush(self._far, termios.TCIFLUSH)

    def close(self) -> None:
        if self._path.is_symlink() and str(self._path.readlink()) == self.name:
            self._path.unlink()
        os.close(self._near)
        os.close(self._far)


def run(
    settings: Settings,
    site_name: str,
    seed: int,
    stop: threading.Event,
    clock: Callable[[], datetime],
    *,
    failing: bool = True,
    pause: Callable[[float], object] | None = None,
) -> None:
    """Speak on every port of a site, each device at its cadence, until `stop` is set. Raises DocumentError.

    `pause` waits for seconds of `clock`; it is the stop event's own wait unless said.
    """
    folder = settings.sites_folder / site_name
    site = read_site(folder)
    started = clock()
    made = sensors(site, seed, started if failing else None)
    formats = {port.port: read_format(folder, port.format) for port in site.ports}
    ports: dict[str, VirtualPort] = {}
    try:
        for sensor in made:
            if sensor.port.port not in ports:
                ports[sensor.port.port] = VirtualPort(settings.home / sensor.port.url)
        log.info("sensors_started", site=site.site, devices=len(made), ports=len(ports), seed=seed)
        speak(made, formats, ports, stop, clock, pause or stop.wait)
    finally:
        for port in ports.values():
            port.close()
        log.info("sensors_stopped", site=site.site)


def speak(
    made: list[Sensor],
    formats: dict[str, Format],
    ports: dict[str, VirtualPort],
    stop: threading.Event,
    clock: Callable[[], datetime],
    pause: Callable[[float], object],
) -> None:
    """Each sensor says its line when its step comes; steps that were slept through are skipped."""
    started = clock()
    due = [(sensor.time(sensor.step(started)), number, sensor.step(started)) for number, sensor in enumerate(made)]
    heapq.heapify(due)
    while due and not stop.is_set():
        moment, number, step = due[0]
        wait = (moment - clock()).total_seconds()
        if wait > 0:
            pause(min(wait, 1.0))  # a clock that is set back or forth is noticed within a second
            continue
        sensor = made[number]
        values = sensor.values(step)
        if values is not None and -wait < sensor.device.cadence:
            line = rendered(formats[sensor.port.port], sensor.device.device, values, moment)
            ports[sensor.port.port].say(line)
        following = max(step + 1, sensor.step(clock() - timedelta(seconds=sensor.device.cadence)))
        heapq.heapreplace(due, (sensor.time(following), number, following))
