"""What a serial driver counts of its own losses, where it counts: Linux says it by TIOCGICOUNT.

    struct serial_icounter_struct {int cts, dsr, rng, dcd, rx, tx, frame, overrun, parity, brk, buf_overrun, ...}

Ptys, sockets and some USB adapters have no such counters: what they lose, nobody knows.
"""

from __future__ import annotations

import fcntl
import struct
from dataclasses import dataclass

TIOCGICOUNT = 0x545D
SIZE = 80
FIRST = struct.Struct("11i")


@dataclass(frozen=True)
class LineErrors:
    overruns: int = 0
    """Bytes lost because nobody took them in time: by the hardware, or by the kernel's buffer."""
    damaged: int = 0
    """Bytes with a wrong stop or parity bit: noise, or another speed than ours."""

    def since(self, before: LineErrors) -> LineErrors:
        """Drivers start anew when an adapter is plugged in again."""
        if self.overruns < before.overruns or self.damaged < before.damaged:
            return self
        return LineErrors(self.overruns - before.overruns, self.damaged - before.damaged)


def line_errors(descriptor: int | None) -> LineErrors | None:
    """Since the driver began to count; None where it does not."""
    if descriptor is None:
        return None
    counted = bytearray(SIZE)
    try:
        fcntl.ioctl(descriptor, TIOCGICOUNT, counted)
    except OSError:
        return None
    return counters(counted)


def counters(told: bytes | bytearray) -> LineErrors:
    frame, overrun, parity, _, buffer = FIRST.unpack_from(told)[6:]
    return LineErrors(overruns=overrun + buffer, damaged=frame + parity)
