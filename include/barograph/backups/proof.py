"""When a backup was last restored and verified whole: only then is it known to be one. Noted in run/restore.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from barograph.settings import Settings
from barograph.windows import iso, utc

if TYPE_CHECKING:
    from barograph.backups.restoring import RestoreSummary


@dataclass(frozen=True)
class Proven:
    snapshot: str
    taken: datetime
    proven: datetime


def note(settings: Settings, done: RestoreSummary) -> None:
    """The time is the file's own."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"snapshot": done.snapshot, "taken": iso(done.taken)}), encoding="utf-8")


def last(settings: Settings) -> Proven | None:
    """None where no restore was ever proven here."""
    path = _path(settings)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        proven = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Proven(str(told["snapshot"]), utc(told["taken"]), proven)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(settings: Settings) -> Path:
    return settings.path("run", "restore.json")
