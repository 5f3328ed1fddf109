"""A simulated port: a pty that any program opens like a serial port, spoken on, asked, plugged in and unplugged."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from barograph.errors import PortError

CHUNK = 4096
PATIENCE = 2.0
"""Seconds that a full pty is waited for: whoever reads it has room again in milliseconds."""

SETTLED = 0.05
"""Seconds that a new listener gets for setting up its end."""


class VirtualPort:
    """A pty whose far end has a name, as a USB adapter has one in /dev; with a link to it where one is wanted."""

    def __init__(self, path: Path | None = None, patience: float = 0.0) -> None:
        """`patience`: seconds to wait for a listener that does not read, before what was said is dropped."""
        self.path = path
        self._patience = patience
        self._near: int | None = None
        self._met = False
        """Whether a listener was there when something was last said."""
        self._last = ""
        self.name = ""
        """Of the system, such as /dev/pts/7; empty while it is unplugged."""
        self.plug()

    def plug(self, link: str | None = None) -> None:
        """Be there, under a name that it did not have before. `link` is the new name of its link."""
        if self._near is not None:
            return
        if self.path is not None:
            self.path = self.path.with_name(link) if link else self.path
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_symlink():
                raise PortError(f"{self.path} exists and is no symbolic link: a simulated port cannot be there.")
        near, far = os.openpty()
        if os.ttyname(far) == self._last:
            # The system gives the lowest free number; whoever is plugged in again gets another one as a rule.
            taken = near, far
            near, far = os.openpty()
            _close(*taken)
        tty.setraw(far)  # with an echo, what the board says would come back to it
        os.set_blocking(near, False)
        self._near, self.name = near, os.ttyname(far)
        self._last = self.name
        # Kept open, it would look as if somebody listened. Its settings stay as long as our end is open.
        os.close(far)
        if self.path is not None:
            beside = self.path.with_name(f".{self.path.name}.new")
            beside.unlink(missing_ok=True)
            beside.symlink_to(self.name)
            beside.replace(self.path)

    def unplug(self) -> None:
        """Be gone, once who listens has read what was said."""
        if self._near is None:
            return
        self._drain()
        if self.path is not None and self.path.is_symlink() and str(self.path.readlink()) == self.name:
            self.path.unlink()
        near, self._near, self.name = self._near, None, ""
        _close(near)

    close = unplug

    @property
    def listener(self) -> int | None:
        """Our end, where somebody has the other one open."""
        if self._near is None:
            return None
        looks = select.poll()
        looks.register(self._near, select.POLLOUT)
        return None if any(event & select.POLLHUP for _, event in looks.poll(0)) else self._near

    def say(self, line: bytes) -> bool:
        """Write a line, and tell whether somebody was there to hear it: a wire has no memory."""
        until = time.monotonic() + self._patience
        while line:
            if (near := self.listener) is None:
                self._met = False
                return False
            if not self._met:
                # Who opens a port clears it first: what was said meanwhile would be lost without a trace.
                self._met = True
                time.sleep(SETTLED)
            try:
                line = line[os.write(near, line) :]
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0 or not select.select([], [near], [], left)[1]:
                    with self._far() as far:
                        termios.tcflush(far, termios.TCIFLUSH)
                    return False
            except OSError:
                return False
        return True

    def heard(self) -> bytes:
        """What was said to the device."""
        try:
            return os.read(self._near, CHUNK) if self._near is not None else b""
        except OSError:
            return b""

    def _drain(self) -> None:
        until = time.monotonic() + self._patience
        quiet = 0
        while quiet < 2 and time.monotonic() < until and self.listener is not None:
            with self._far() as far:
                unread = array.array("i", [0])
                fcntl.ioctl(far, termios.FIONREAD, unread)
            quiet = 0 if unread[0] else quiet + 1
            time.sleep(0.01)

    @contextlib.contextmanager
    def _far(self) -> Iterator[int]:
        far = os.open(self.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            yield far
        finally:
            _close(far)


def _close(*descriptors: int) -> None:
    for each in descriptors:
        with contextlib.suppress(OSError):
            os.close(each)
