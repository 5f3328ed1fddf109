"""Simulations that run: those of `sim://` ports inside a collector, those of a scenario, and the demo's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from barograph.collector.formats import Format, read_format
from barograph.collector.simulation.addresses import prepared_for
from barograph.collector.simulation.ledger import Ledger
from barograph.collector.simulation.player import Pace, Player
from barograph.collector.simulation.ptys import PATIENCE, VirtualPort
from barograph.collector.simulation.scenario import Prepared
from barograph.collector.simulation.script import Script
from barograph.collector.simulation.shop import sensors
from barograph.collector.simulation.speech import Speech
from barograph.collector.simulation.voices import Voice, voices
from barograph.errors import DocumentError, PortError
from barograph.registry import Port, read_site, read_sites
from barograph.settings import Settings

log = structlog.get_logger()

UNWANTED = 30.0
"""Seconds after which the devices of a `sim://` port end that nobody has open any more."""


def utcnow() -> datetime:
    return datetime.now(UTC)


def script_of(prepared: Prepared) -> Script:
    """What will happen in a scenario, from its start or from now on. Raises DocumentError."""
    scenario = prepared.scenario
    start = scenario.start or utcnow()
    return Script(
        voices(prepared, start), scenario.faults, seed=scenario.seed, start=start, length=scenario.length
    )  # fmt: skip


class Running:
    """A scenario that plays in a thread, on ptys with links below a folder, or without links."""

    def __init__(self, prepared: Prepared, folder: Path | None, ledger: Ledger) -> None:
        """Raises DocumentError, PortError."""
        script, scenario = script_of(prepared), prepared.scenario
        self.ledger = ledger
        self.devices = [voice.device for voice in script.voices]
        self.ports: dict[str, VirtualPort] = {}
        self._stop = threading.Event()
        try:
            for outlet in scenario.ports:
                link = folder / outlet.as_port.url if folder else None
                self.ports[outlet.port] = VirtualPort(link, PATIENCE)
        except PortError:
            self._unplug()
            raise
        player = Player(script, self.ports, Pace(script.start, scenario.speed), speed=scenario.speed, ledger=ledger)
        self._player = player
        self.thread = threading.Thread(target=self._run, name="simulation", daemon=True)
        self.thread.start()

    def end(self) -> None:
        self._stop.set()
        self.thread.join(5)

    def _run(self) -> None:
        try:
            self._player.run(self._stop)
        except Exception:
            log.exception("simulation_failed")
        finally:
            self._unplug()
            self.ledger.close()

    def _unplug(self) -> None:
        for port in self.ports.values():
            port.close()


class Simulations:
    """The devices behind `sim://` ports of this process: they go on while a port is closed and opened again."""

    def __init__(self, sites: Path | None = None, unwanted: float = UNWANTED) -> None:
        """`sites`: the folder of the sites, for the formats of their ports; `sites` in the data folder unless said."""
        self._sites = sites
        self._unwanted = unwanted
        self._lock = threading.Lock()
        self._running: dict[str, Running] = {}
        self._ending: dict[str, threading.Timer] = {}

    def tty(self, port: Port, home: Path) -> str:
        """Which pty a port means, now; its devices are switched on the first time. Raises PortError."""
        with self._lock:
            if timer := self._ending.pop(_key(port), None):
                timer.cancel()
            running = self._running.get(_key(port))
            if running is None:
                running = self._running[_key(port)] = self._begun(port, home)
                log.info("simulation_started", port=port.port, devices=len(running.devices), url=port.url)
            name = running.ports[port.port].name
        if not name:
            ended = "It has said all." if not running.thread.is_alive() else "It is unplugged, as its scenario says."
            raise PortError(f"Cannot open port {port.port} ({port.url}). {ended}")
        return name

    def left(self, port: Port) -> None:
        """A port was closed. Its devices are switched off unless it is opened again soon."""
        with self._lock:
            if _key(port) in self._running and _key(port) not in self._ending:
                timer = self._ending[_key(port)] = threading.Timer(self._unwanted, self._end, [port])
                timer.daemon = True
                timer.start()

    def close(self) -> None:
        """Switch all off."""
        with self._lock:
            timers, self._ending = list(self._ending.values()), {}
            running, self._running = list(self._running.values()), {}
        for timer in timers:
            timer.cancel()
        for each in running:
            each.end()

    def _end(self, port: Port) -> None:
        with self._lock:
            if self._ending.pop(_key(port), None) is None:
                return
            running = self._running.pop(_key(port))
        running.end()
        log.info("simulation_ended", port=port.port)

    def _begun(self, port: Port, home: Path) -> Running:
        try:
            folder, declared = self._declared(port, home)
            prepared, ledger = prepared_for(port, declared, folder)
            return Running(prepared, None, Ledger(ledger))
        except DocumentError as error:
            raise PortError(f"Cannot open port {port.port} ({port.url}). {error}") from error

    def _declared(self, port: Port, home: Path) -> tuple[Path, Format]:
        """The format of a port, and the folder of its site."""
        sites = self._sites or home / "sites"
        found = [path.parent for path in sorted(sites.glob("*/site.yaml"))]
        if found:
            for folder, site in zip(found, read_sites(sites), strict=True):
                if any(each.port == port.port and each.format == port.format for each in site.ports):
                    return folder, read_format(folder, port.format)
        return home, read_format(home, port.format)


def _key(port: Port) -> str:
    """Another port as soon as one of its settings is."""
    return port.model_dump_json()


SIMULATIONS = Simulations()
"""Of this process, as the kernel has its adapters."""


def check_port(port: Port, declared: Format, folder: Path) -> None:
    """Whether its url can be simulated: before anything is opened. Raises DocumentError."""
    prepared, _ = prepared_for(port, declared, folder)
    script_of(prepared)


def demo(
    settings: Settings,
    site_name: str,
    seed: int,
    stop: threading.Event,
    clock: Callable[[], datetime] = utcnow,
    *,
    failing: bool = True,
    speed: float = 1.0,
) -> None:
    """Speak on every port of the demo's site, each device at its cadence, until `stop` is set. Raises DocumentError.

    Nothing is made up for: what was slept through is not said. `speed` is that of `clock`.
    """
    folder = settings.sites_folder / site_name
    site = read_site(folder)
    started = clock()
    formats = {port.port: read_format(folder, port.format) for port in site.ports}
    speaking = [
        Voice(sensor, Speech(formats[sensor.port.port], sensor.device.device, sensor.port.device))
        for sensor in sensors(site, seed, started if failing else None)
    ]
    ports: dict[str, VirtualPort] = {}
    try:
        for voice in speaking:
            if voice.port.port not in ports:
                ports[voice.port.port] = VirtualPort(settings.home / voice.port.url)
        log.info("sensors_started", site=site.site, devices=len(speaking), ports=len(ports), seed=seed)
        cadence = min(voice.source.device.cadence for voice in speaking)
        script = Script(speaking, seed=seed, start=started)
        Player(script, ports, clock, speed=speed, late=cadence).run(stop)
    finally:
        for port in ports.values():
            port.close()
        log.info("sensors_stopped", site=site.site)
