"""Read the servers' logs: the end of each, and what comes after."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from barograph.errors import SettingsError
from barograph.logs import printable
from barograph.settings import Settings


def read(settings: Settings, names: Sequence[str], count: int, follow: bool = False) -> Iterator[tuple[str, str]]:
    """Each line with its server's name. `follow` goes on until it is interrupted."""
    paths = {path.stem: path for path in sorted(settings.path("logs").glob("*.log"))}
    unknown = sorted(set(names) - set(paths))
    if unknown:
        raise SettingsError(f"No log of {', '.join(unknown)}. There are: {', '.join(paths) or 'none'}.")
    paths = {name: paths[name] for name in (names or paths)}
    for name, path in paths.items():
        yield from ((name, printable(line)) for line in last_lines(path, count))
    if follow:
        yield from _follow(paths)


def last_lines(path: Path, count: int) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - count * 400))
            return file.read().decode(errors="replace").splitlines()[-count:] if count else []
    except FileNotFoundError:
        return []


def _follow(paths: dict[str, Path]) -> Iterator[tuple[str, str]]:
    files = {name: _at_end(path) for name, path in paths.items()}
    while True:
        for name, file in files.items():
            for line in file:
                yield name, printable(line.rstrip("\n"))
            # The supervisor starts a new file when this one is large.
            if (
                paths[name].exists()
                and paths[name].stat().st_ino != Path(f"/proc/self/fd/{file.fileno()}").stat().st_ino
            ):
                files[name] = paths[name].open(encoding="utf-8", errors="replace")
        time.sleep(0.3)


def _at_end(path: Path) -> TextIO:
    file = path.open(encoding="utf-8", errors="replace")
    file.seek(0, 2)
    return file
