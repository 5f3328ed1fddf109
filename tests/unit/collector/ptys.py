"""Real ptys, as a USB adapter would have them: plugged in, spoken on, unplugged."""

from __future__ import annotations

import os
import select
import time
import tty
from pathlib import Path


class Board:
    """A board behind a serial adapter whose name is a link in the data folder."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.plug_in()

    def plug_in(self) -> None:
        self.near, self._far = os.openpty()
        tty.setraw(self._far)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._far))

    def say(self, told: bytes) -> None:
        """Write all, as fast as it is read. Raises TimeoutError if nobody reads."""
        os.set_blocking(self.near, False)
        until = time.monotonic() + 20
        while told:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(told)} bytes were not read")
            _, ready, _ = select.select([], [self.near], [], 1)
            if ready:
                told = told[os.write(self.near, told[:4096]) :]

    def unplug(self) -> None:
        self._link.unlink(missing_ok=True)
        for descriptor in (self.near, self._far):
            os.close(descriptor)
