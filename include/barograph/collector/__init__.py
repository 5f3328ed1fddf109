"""From serial ports to Kafka, with a spool between: the one part of Barograph that runs in the shop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from barograph.settings import Settings

if TYPE_CHECKING:
    from barograph.collector.health import Status


def status_path(settings: Settings) -> Path:
    return settings.path("run", "collector.json")


def status(settings: Settings) -> Status | None:
    """What the collector last said about itself; None if it never ran here. `Status.running` tells whether it does."""
    from barograph.collector import health

    return health.read(status_path(settings))
