"""At which rate a port speaks: the wrong one gives bytes too, but none that mean anything."""

from __future__ import annotations

from collections.abc import Mapping

from barograph.collector.sniffing.heard import Heard

RATES = (9600, 115_200, 19_200, 4800, 38_400, 57_600, 2400, 1200, 230_400)
"""In the order in which they are tried: most boards have one of the first."""
ENOUGH = 0.9


def plausible(told: Heard, rank: float) -> float:
    """From 0 to 1: how sure the best guess is, or how much it is like text where there is none."""
    data = told.data
    if not data:
        return 0.0
    plain = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in data) / len(data)
    return max(rank, 0.3 * (plain - 0.4) / 0.6 if plain > 0.4 else 0.0)


def best(rated: Mapping[int, float]) -> int | None:
    """The rate that is most plausible; None where none is."""
    rate = max(rated, key=lambda each: rated[each], default=None)
    return rate if rate is not None and rated[rate] > 0.05 else None


def seven_bits(data: bytes) -> str | None:
    """The parity of text of seven bits that was read as eight: every byte has it. None where it is not so."""
    if len(data) < 16 or all(byte < 0x80 for byte in data):
        return None
    text = bytes(byte & 0x7F for byte in data)
    if sum(32 <= byte < 127 or byte in b"\t\r\n\x02\x03" for byte in text) < 0.97 * len(text):
        return None
    odd = sum(byte.bit_count() & 1 for byte in data) / len(data)
    return "even" if odd < 0.02 else "odd" if odd > 0.98 else None
