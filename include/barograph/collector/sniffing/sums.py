"""Which checksum is right in all of some frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from barograph.collector.checksums import NAMES, Algorithm, algorithm

FIRST = ("xor8", "sum8", "twos8", "ones8", "crc8-smbus", "crc8-maxim-dow", "crc16-modbus", "crc16-ibm-3740",
         "crc16-xmodem", "crc16-kermit", "crc16-arc", "sum16", "fletcher16", "crc32-iso-hdlc")  # fmt: skip
"""What most devices have: tried before the rest of the catalogue, whose members are easily right by chance."""
SURE = 24
"""Bits that must have come out right: of noise, one in 16 million does, and some hundreds are tried."""

Case = tuple[bytes, int]
"""What it is over, and what stands there."""


@cache
def candidates(width: int) -> tuple[Algorithm, ...]:
    names = list(dict.fromkeys([*FIRST, *sorted(set(NAMES.values()))]))
    return tuple(each for name in names if (each := algorithm(name)).width == width)


def right(cases: Iterable[Case], width: int) -> str | None:
    """The checksum of so many bits that is right in all cases, if they are many enough to say so."""
    distinct = list(dict.fromkeys(cases))
    if len({told for _, told in distinct}) < 2 or len(distinct) * width < SURE:
        return None
    for each in candidates(width):
        if all(each.of(data) == told for data, told in distinct):
            return each.name
    return None


def in_frames(frames: Sequence[bytes]) -> Iterator[tuple[dict[str, object], int]]:
    """Checksums that are right in all frames, as a format declares them, and how many of the last bytes are not data.

    The last one, two or four bytes are tried, and those before up to two more that are always the same; over all from
    one of the first bytes on.
    """
    least = min(map(len, frames))
    constant = next((size for size in (2, 1) if len({frame[-size:] for frame in frames}) == 1 and least > size + 2), 0)
    for tail in range(constant + 1):
        for size in (2, 1, 4):
            if least < size + tail + 2:
                continue
            for order in ("big", "little") if size > 1 else ("big",):
                for begin in range(min(5, least - size - tail - 1)):
                    name = right(
                        [
                            (
                                frame[begin : len(frame) - size - tail],
                                int.from_bytes(frame[len(frame) - size - tail : len(frame) - tail], order),
                            )
                            for frame in frames
                        ],
                        size * 8,
                    )
                    if name:
                        declared: dict[str, object] = {"kind": name, "at": -size - tail}
                        if begin:
                            declared["over"] = [begin, -size - tail]
                        if order == "little":
                            declared["order"] = "little"
                        yield declared, size + tail
