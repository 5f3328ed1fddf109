"""Room on the disk that is held back, and given up when there is no other.

SQLite needs room to delete: where the disk was full to the last byte, not even what Kafka has could be forgotten.

    held --(disk full)--> given up: only what is deleted makes room --(the disk has room again)--> held
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

SIZE = 6 * 1024 * 1024
"""What SQLite's log grows to, and half as much."""
TRY_AGAIN = 5.0
"""Seconds between attempts to hold it again."""


class Reserve:
    def __init__(self, path: Path, monotonic: Callable[[], float], size: int = SIZE) -> None:
        self._path = path
        self._monotonic = monotonic
        self._size = size
        self._next_try = float("-inf")
        self.held = False

    def hold(self) -> bool:
        """Whether it is held; tries to, if the last attempt is long enough ago."""
        if not self.held and self._monotonic() >= self._next_try:
            self._next_try = self._monotonic() + TRY_AGAIN
            try:
                descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
                with contextlib.closing(os.fdopen(descriptor, "wb")):
                    os.posix_fallocate(descriptor, 0, self._size)
                self.held = True
            except OSError:
                self.give_up()
        return self.held

    def give_up(self) -> None:
        self.held = False
        self._next_try = self._monotonic() + TRY_AGAIN
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
