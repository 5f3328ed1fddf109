"""Where back-tests lie, and finding them: reports/backtests/<key>, by key and never by path. No SQL."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from barograph.errors import ReportError
from barograph.settings import Settings

FOLDER = "backtests"
PAGE, MANIFEST = "index.html", "result.json"
KEY = re.compile(r"[0-9a-f]{20}")


class Published(NamedTuple):
    """A back-test on the shelf."""

    key: str
    folder: Path
    facts: dict[str, Any]

    @property
    def page(self) -> Path:
        return self.folder / PAGE


def shelf(settings: Settings) -> list[Published]:
    """All back-tests, the last one first."""
    found = []
    for folder in (settings.reports_folder / FOLDER).glob("*"):
        if KEY.fullmatch(folder.name):
            try:
                found.append(find(settings, folder.name))
            except ReportError:
                continue  # half written, or damaged
    return sorted(found, key=lambda each: str(each.facts["asked"]), reverse=True)


def find(settings: Settings, key: str) -> Published:
    """Raises ReportError."""
    folder = settings.reports_folder / FOLDER / key
    if KEY.fullmatch(key):
        try:
            facts = json.loads((folder / MANIFEST).read_bytes())
            return Published(key, folder, {"asked": "", "site": "", **facts})
        except (OSError, ValueError, TypeError):
            pass
    raise ReportError("There is no such back-test. `barograph alarms backtest` makes one, and the DAG `backtest`.")
