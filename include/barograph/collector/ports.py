"""Serial ports by URL, opened, read and written without blocking the loop. With `addresses`, the home of pyserial."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
import time
from pathlib import Path
from typing import Protocol

import serial

from barograph.collector.addresses import device_of
from barograph.collector.replay import Replay
from barograph.collector.simulation.live import SIMULATIONS, Simulations
from barograph.errors import PortError
from barograph.registry import Port

CHUNK = 64 * 1024

LOST = (OSError, termios.error, ValueError, TypeError)
"""What pyserial raises when a port goes away: SerialException is an OSError; a closed handler's None a TypeError."""


class Source(Protocol):
    """An open port."""

    descriptor: int | None
    """What a selector can watch; None where `read` must be tried from time to time."""

    def read(self) -> bytes:
        """What is there, at most a chunk; b"" only where there is no descriptor. Raises PortError when it is lost."""

    def write(self, request: bytes) -> None:
        """Say something to the devices. Raises PortError when the port is lost or takes nothing."""

    def toggle_dtr(self) -> None:
        """Let the line fall and rise, which starts many boards anew. Raises PortError."""

    def close(self) -> None: ...


PARITIES = {"none": "N", "even": "E", "odd": "O", "mark": "M", "space": "S"}
DTR_LOW = 0.1
"""Seconds."""


def open_port(port: Port, home: Path, simulations: Simulations = SIMULATIONS) -> Source:
    """Open as its settings say. May take seconds for a URL of the network. Raises PortError."""
    if port.url.startswith("file://"):
        return Replay(port, home)
    simulated = port.url.startswith("sim:")
    url = simulations.tty(port, home) if simulated else device_of(port, home)
    try:
        device = serial.serial_for_url(
            url,
            do_not_open=True,
            baudrate=port.baud,
            bytesize=port.bits,
            parity=PARITIES[port.parity],
            stopbits=port.stop,
            rtscts=port.flow == "rtscts",
            dsrdtr=port.flow == "dsrdtr",
            xonxoff=port.flow == "xonxoff",
            timeout=0,
            # A request that would wait is an error of that port; pyserial's network ports know no such timeout.
            write_timeout=None if "://" in url else 0,
            exclusive=port.exclusive,
        )
        # Said before it is opened, so that a board does not see the line rise and fall.
        for line, level in (("dtr", port.dtr), ("rts", port.rts)):
            if level is not None:
                setattr(device, line, level)
        device.open()
    except LOST as error:
        raise PortError(_why(port, url, error)) from error
    return _Simulated(port, device, simulations) if simulated else _Serial(port, device)


class _Serial:
    def __init__(self, port: Port, device: serial.SerialBase) -> None:
        self._port = port
        self._device = device
        self.descriptor = _descriptor(device)

    def read(self) -> bytes:
        try:
            if self.descriptor is None:
                return bytes(self._device.read(min(self._device.in_waiting, CHUNK)))
            chunk = os.read(self.descriptor, CHUNK)
        except BlockingIOError:
            return b""
        except LOST as error:
            raise PortError(f"Port {self._port.port} ({self._port.url}) was lost: {error}") from error
        if not chunk:
            raise PortError(f"Port {self._port.port} ({self._port.url}) was lost: nothing behind it any more.")
        return chunk

    def write(self, request: bytes) -> None:
        try:
            written = self._device.write(request)
        except (*LOST, serial.SerialTimeoutException) as error:
            raise PortError(f"Port {self._port.port} ({self._port.url}) takes no request: {error}") from error
        if written != len(request):
            raise PortError(f"Port {self._port.port} ({self._port.url}) took {written} of {len(request)} bytes.")

    def toggle_dtr(self) -> None:
        try:
            self._device.dtr = False
            time.sleep(DTR_LOW)
            self._device.dtr = True
        except LOST as error:
            raise PortError(f"Port {self._port.port} ({self._port.url}) has no DTR: {error}") from error

    def close(self) -> None:
        with contextlib.suppress(*LOST):
            self._device.close()


class _Simulated(_Serial):
    """Behind a pty like any other; its devices may be switched off when nobody listens any more."""

    def __init__(self, port: Port, device: serial.SerialBase, simulations: Simulations) -> None:
        super().__init__(port, device)
        self._simulations = simulations

    def close(self) -> None:
        super().close()
        self._simulations.left(self._port)


def _descriptor(device: serial.SerialBase) -> int | None:
    try:
        return int(device.fileno())
    except (OSError, ValueError, AttributeError):
        return None


def _why(port: Port, url: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT or isinstance(error.__cause__, FileNotFoundError):
        hint = "Nothing is there: is it plugged in, and the url in site.yaml right?"
    elif number == errno.EACCES:
        hint = "We may not: add this user to the group of the device, often `dialout`."
    elif number in (errno.EAGAIN, errno.EBUSY):
        hint = "Another process is using it."
    else:
        hint = f"{error}"
    return f"Cannot open port {port.port} ({url}). {hint}"
