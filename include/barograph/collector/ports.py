"""Serial ports by URL, opened and read without ever blocking the loop. Only home of pyserial."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
from pathlib import Path
from typing import Protocol

import serial

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

    def close(self) -> None: ...


def address(port: Port, home: Path) -> str:
    """The port's URL; one without a scheme that is not absolute lies in the data folder."""
    return port.url if "://" in port.url else str(home / port.url)


def open_port(port: Port, home: Path) -> Source:
    """Open for us alone. May take seconds for a URL of the network. Raises PortError."""
    url = address(port, home)
    try:
        device = serial.serial_for_url(url, baudrate=port.baud, timeout=0, exclusive=True)
    except LOST as error:
        raise PortError(_why(port, url, error)) from error
    return _Serial(port, device)


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

    def close(self) -> None:
        with contextlib.suppress(*LOST):
            self._device.close()


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
