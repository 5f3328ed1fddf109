"""What becomes of bytes between two UARTs, bit by bit. 8 data bits, no parity, one stop bit.

  start  0   1   2   3   4   5   6   7  stop
--.   .---.   .---.   .---.   .---.   .-------      0x55: low for the start, then the lowest bit first
  `---'   `---'   `---'   `---'   `---'
"""

from __future__ import annotations

from barograph.collector.simulation.climate import Dice

BITS = 10
"""Of a byte on the wire."""


def with_noise(said: bytes, rate: float, dice: Dice) -> bytes:
    """Each data bit turned round with probability `rate`."""
    flips = [sum((dice.throw(8 * place + bit) < rate) << bit for bit in range(8)) for place in range(len(said))]
    return bytes(byte ^ flip for byte, flip in zip(said, flips, strict=True))


def heard_at(said: bytes, sent: int, listening: int) -> bytes:
    """What is heard by who listens at another baud rate. A byte whose stop bit is missing is kept, as drivers do."""
    wave = [bit for byte in said for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    per_bit = sent / listening
    """Bits of the sender that one bit of the listener takes."""

    def level(moment: float) -> int:
        return wave[int(moment)] if moment < len(wave) else 1

    heard = bytearray()
    edge = 0.0
    while edge < len(wave):
        if level(edge):
            edge = float(int(edge) + 1)
            continue
        heard.append(sum(level(edge + (1.5 + place) * per_bit) << place for place in range(8)))
        # It looks for the next start bit from the middle of the stop bit on.
        edge += (BITS - 0.5) * per_bit
        if not level(edge):
            while edge < len(wave) and not level(edge):
                edge = float(int(edge) + 1)
    return bytes(heard)
