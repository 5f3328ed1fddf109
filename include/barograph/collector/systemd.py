"""What systemd wants to hear of a service of Type=notify: datagrams to the socket that it names (sd_notify(3)).

READY=1                   ports are being opened, what comes is kept
WATCHDOG=1                the loop turns and the publisher lives; without it systemd starts us anew
RELOADING=1, READY=1      around the reading of the sites' files
STOPPING=1                what is spooled is being sent
STATUS=...                a line of `systemctl status`
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic as system_monotonic

import structlog

log = structlog.get_logger()

STATUS_EVERY = 10.0


class Supervisor:
    """Says nothing where nobody asked: `address` is $NOTIFY_SOCKET, `watchdog` the seconds of $WATCHDOG_USEC."""

    def __init__(
        self,
        address: str | None = None,
        watchdog: float | None = None,
        monotonic: Callable[[], float] = system_monotonic,
    ) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._watchdog = watchdog
        self._monotonic = monotonic
        self._ping_at = self._status_at = float("-inf")
        self._heard = True

    def ready(self) -> None:
        self._say("READY=1")

    def reloading(self) -> None:
        self._say(f"RELOADING=1\nMONOTONIC_USEC={int(self._monotonic() * 1e6)}")

    def stopping(self) -> None:
        self._say("STOPPING=1\nSTATUS=Sending what is spooled.")

    def alive(self, status: Callable[[], str]) -> None:
        """Call it each turn: it speaks three times within the watchdog's time, and says the status now and then."""
        now = self._monotonic()
        if self._watchdog and now >= self._ping_at:
            self._ping_at = now + self._watchdog / 3
            self._say("WATCHDOG=1")
        if self._address and now >= self._status_at:
            self._status_at = now + STATUS_EVERY
            self._say(f"STATUS={status()}")

    def _say(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
                speaker.setblocking(False)
                speaker.connect(self._address)
                speaker.send(state.encode())
            self._heard = True
        except OSError as error:
            # A supervisor that does not listen is no reason to stop reading.
            if self._heard:
                log.warning("supervisor_not_told", error=str(error))
            self._heard = False
