"""Where the programs are that are not Python: set-up writes it down in tools.json, PATH comes next."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from barograph.errors import SettingsError


def tool(name: str, environment: Path = Path(sys.prefix)) -> Path:
    """The path of a program such as `restic` or `pg_dump`. Raises SettingsError if it is nowhere."""
    known = _written_down(environment / "tools.json")
    folders = [folder for key, folder in known.items() if key.endswith("_bin")]
    for candidate in (known.get(name), *(f"{folder}/{name}" for folder in folders), name):
        if candidate and (found := shutil.which(candidate)):
            return Path(found)
    raise SettingsError(
        f"The program {name} is neither in {environment / 'tools.json'} nor on PATH. "
        "Run: make setup; or install it, so that PATH has it."
    )


def _written_down(path: Path) -> dict[str, str]:
    try:
        return {name: place for name, place in json.loads(path.read_text(encoding="utf-8")).items() if place}
    except (OSError, ValueError, AttributeError):
        # An image or a hand-made environment has none: everything is on PATH there.
        return {}
