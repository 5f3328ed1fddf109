"""Which device a port's URL means on this machine, now: a USB adapter is found by what it is, not by its number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from barograph.errors import PortError
from barograph.registry import Port

BY_ID = Path("/dev/serial/by-id")

Adapters = Callable[[], Iterable[ListPortInfo]]


def device_of(port: Port, home: Path, adapters: Adapters = list_ports.comports, by_id: Path = BY_ID) -> str:
    """What pyserial opens for a port: a path, or a URL of the network. Raises PortError, and says what is there.

    `home` is where paths begin that are not absolute.
    """
    scheme, _, rest = port.url.partition(":")
    if scheme == "usb":
        return _only(port, [each for each in adapters() if _is(each, *rest.split(":", 2))], adapters)
    if scheme == "usb-path":
        found = [each for each in adapters() if (each.location or "").split(":")[0] == rest]
        return _only(port, found, adapters)
    if scheme == "by-id":
        return str(by_id / rest)
    return port.url if "://" in port.url else str(home / port.url)


def _is(adapter: ListPortInfo, vid: str, pid: str, serial: str | None = None) -> bool:
    ids = (adapter.vid, adapter.pid) == (int(vid, 16), int(pid, 16))
    return ids and serial in (None, adapter.serial_number)


def _only(port: Port, found: list[ListPortInfo], adapters: Adapters) -> str:
    if len(found) == 1:
        return str(found[0].device)
    if found:
        raise PortError(
            f"Cannot open port {port.port} ({port.url}). {len(found)} adapters are like that: {_told(found)}. "
            "Add the serial number to the url, or say the socket with usb-path:."
        )
    there = _told(each for each in adapters() if each.vid is not None)
    raise PortError(f"Cannot open port {port.port} ({port.url}). It is not plugged in. USB adapters here: {there}.")


def _told(adapters: Iterable[ListPortInfo]) -> str:
    names = [
        f"usb:{each.vid:04x}:{each.pid:04x}{f':{each.serial_number}' if each.serial_number else ''} "
        f"(usb-path:{(each.location or '?').split(':')[0]}, {each.device})"
        for each in adapters
        if each.vid is not None and each.pid is not None
    ]
    return ", ".join(sorted(names)) or "none"
