"""Listening to a port for a while, without knowing what it says: for `barograph sniff`."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from time import monotonic

from barograph.collector.ports import Source, open_port
from barograph.collector.replay import Replay
from barograph.errors import PortError
from barograph.registry import Port

PAUSE = 0.005
"""Seconds between two looks at a port that cannot be watched."""
WATCH = 0.1
"""Seconds until it is asked again whether to stop."""
NO_RATE = {
    "socket": "a converter on the network has its own rate",
    "file": "a recording has no rate",
    "sim": "a simulated device has no rate",
}


def no_rate(port: Port, home: Path) -> str | None:
    """Why it makes no difference at which rate the port is read; None where it does."""
    scheme = port.url.split(":", 1)[0] if ":" in port.url else ""
    if scheme in NO_RATE:
        return NO_RATE[scheme]
    if not scheme and str((home / port.url).resolve()).startswith("/dev/pts/"):
        return "a pseudo-terminal has no rate"
    return None


class Listener:
    """Reads a port in a thread of its own, so that nothing is lost while somebody thinks about what was said."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._began = monotonic()
        self._chunks: Queue[tuple[float, bytes]] = Queue()
        self._stop = threading.Event()
        self.lost: PortError | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def listening(self) -> bool:
        return self._thread.is_alive() or not self._chunks.empty()

    def chunks(self, wait: float) -> list[tuple[float, bytes]]:
        """What was said since the last time: seconds since the beginning, and bytes. Waits for the first."""
        found: list[tuple[float, bytes]] = []
        try:
            found.append(self._chunks.get(timeout=wait))
            while True:
                found.append(self._chunks.get_nowait())
        except Empty:
            return found

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2)
        self._source.close()

    def _listen(self) -> None:
        if isinstance(self._source, Replay):
            for chunk in self._source.rest():
                self._chunks.put(chunk)
            return
        descriptor = self._source.descriptor
        try:
            while not self._stop.is_set():
                # A port that is watched is read only when there is something: an empty read would be its end.
                if descriptor is not None and not select.select([descriptor], [], [], WATCH)[0]:
                    continue
                if data := self._source.read():
                    self._chunks.put((monotonic() - self._began, data))
                else:
                    self._stop.wait(PAUSE)
        except PortError as error:
            self.lost = error


@contextmanager
def listening(port: Port, home: Path) -> Iterator[Listener]:
    """Raises PortError."""
    listener = Listener(open_port(port, home))
    try:
        yield listener
    finally:
        listener.stop()
