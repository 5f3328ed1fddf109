"""What the notifier says about itself in run/notifier.json, for `barograph status`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

from barograph.settings import Settings

FRESH = timedelta(seconds=30)
"""An older one is of a notifier that hangs or is gone."""


class Status(BaseModel):
    pid: int
    started: datetime
    updated: datetime
    leads: bool = True
    """Or stands by, because another one of this database leads."""
    contacts: list[str]
    refused: str = ""
    """Why the files of now are not in force."""
    stopped: list[str] = []
    """What the dead watcher misses."""
    error: str = ""
    """Why the last turn came to nothing."""

    def running(self, now: datetime) -> bool:
        return now - self.updated < FRESH


def status_path(settings: Settings) -> Path:
    return settings.path("run", "notifier.json")


def write(path: Path, status: Status) -> None:
    beside = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(status.model_dump_json(indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def read(path: Path) -> Status | None:
    try:
        return Status.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None
