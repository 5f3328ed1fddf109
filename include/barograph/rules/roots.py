"""Which silences are one: those of devices under that of their port, those of ports under that of their collector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

KINDS = ("port", "collector")


class Silent(NamedTuple):
    """An alarm about silence."""

    alarm: int
    rule: str
    device: str
    """Or `port:wall`, `collector:demo`."""
    opened: datetime
    cleared: datetime | None
    allowed: float
    """Seconds without a frame that the rule allows."""
    port: str | None = None
    """Where the device was heard last."""
    site: str = ""


def folded(alarms: Iterable[Silent], horizon: datetime) -> Mapping[int, int]:
    """alarm -> the alarm that it is folded under.

    One is folded that opened while its port or collector was silent. When that speaks again, a device has as long as it
    is always allowed until it is missed for itself.
    """
    alarms = list(alarms)
    roots: dict[tuple[str, str], list[Silent]] = {}
    for alarm in alarms:
        if alarm.device.partition(":")[0] in KINDS:
            roots.setdefault((alarm.rule, alarm.device), []).append(alarm)
    found = {}
    for alarm in alarms:
        for above in _above(alarm):
            for root in roots.get((alarm.rule, above), ()):
                if root.opened <= alarm.opened and _under(alarm, root, horizon):
                    found[alarm.alarm] = root.alarm
    return found


def _above(alarm: Silent) -> list[str]:
    """The one that decides stands last."""
    if alarm.device.startswith("collector:"):
        return []
    ports = [f"port:{alarm.port}"] if alarm.port and not alarm.device.startswith("port:") else []
    return [*ports, f"collector:{alarm.site}"]


def _under(alarm: Silent, root: Silent, horizon: datetime) -> bool:
    if root.cleared is None:
        return True
    if root.cleared < alarm.opened:
        return False
    return min(alarm.cleared or horizon, horizon) <= root.cleared + timedelta(seconds=alarm.allowed)
