"""Checksums by name: sums, and every CRC of Greg Cook's catalogue. Only home of anycrc."""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate

import anycrc  # type: ignore[import-untyped]

WIDEST = 64
"""Bits of the widest CRC."""


@dataclass(frozen=True)
class Algorithm:
    """What to compute over some bytes: a number of `width` bits."""

    name: str
    width: int
    of: Callable[[bytes], int]

    @property
    def size(self) -> int:
        """Bytes that the number takes."""
        return (self.width + 7) // 8


xor: Callable[[bytes], int] = anycrc.CRC(8, 1, 0, False, False, 0).calc
"""All bytes by exclusive or, which is the remainder by x^8 + 1."""


def fletcher(data: bytes, modulus: int) -> int:
    """Two sums in two bytes: of the bytes, and of that sum after each byte."""
    return (sum(accumulate(data)) % modulus) << 8 | sum(data) % modulus


SUMS: dict[str, tuple[int, Callable[[bytes], int]]] = {
    "xor7": (7, xor),
    "xor8": (8, xor),
    "sum6": (6, sum),
    "sum7": (7, sum),
    "sum8": (8, sum),
    "sum16": (16, sum),
    "sum24": (24, sum),
    "sum32": (32, sum),
    "ones8": (8, lambda data: ~sum(data)),
    "ones16": (16, lambda data: ~sum(data)),
    "twos8": (8, lambda data: -sum(data)),
    "twos16": (16, lambda data: -sum(data)),
    "fletcher16": (16, lambda data: fletcher(data, 255)),
    "fletcher16-256": (16, lambda data: fletcher(data, 256)),
    "adler32": (32, zlib.adler32),
}
"""Width, and what is computed; only the lowest bits of it count. ones, twos: the complement of the sum of all bytes."""

SYNONYMS = {"bcc": "xor8", "nmea": "xor8", "ubx": "fletcher16-256", "crc8-dallas": "crc8-maxim-dow"}

AMBIGUOUS = {
    "lrc": ("xor8", "twos8"),
    "crcccitt": ("crc16-xmodem", "crc16-ibm-3740", "crc16-kermit", "crc16-spi-fujitsu"),
    "crc16ccitt": ("crc16-xmodem", "crc16-ibm-3740", "crc16-kermit", "crc16-spi-fujitsu"),
}
"""Names that makers give to different things."""


def algorithm(kind: str | None, **parameters: int | bool | None) -> Algorithm:
    """A checksum by its name, or a CRC by its parameters (width, poly, init, refin, refout, xorout).

    With a name, parameters change what they name: `sum8` with `init` 1 begins at 1. Raises ValueError.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    if kind is None:
        return _crc("crc", given)
    name = known(kind)
    if name not in SUMS:
        return _crc(name, {**_model(name), **given})
    if unknown := given.keys() - {"init", "xorout"}:
        raise ValueError(f"{name} has no {', '.join(sorted(unknown))}: only a CRC has")
    width, computed = SUMS[name]
    return Algorithm(name, width, _shaped(computed, width, int(given.get("init", 0)), int(given.get("xorout", 0))))


def known(kind: str) -> str:
    """Our name for what somebody calls `CRC-16/MODBUS` or `nmea`. Raises ValueError, which lists near ones."""
    squashed = _squashed(kind)
    if squashed in AMBIGUOUS:
        raise ValueError(f"different makers mean different things by it: {' or '.join(AMBIGUOUS[squashed])}?")
    if squashed in NAMES:
        return NAMES[squashed]
    near = difflib.get_close_matches(squashed, list(NAMES), n=5, cutoff=0.5)
    names = list(dict.fromkeys(NAMES[one] for one in near)) or ["xor8", "sum8", "twos8", "crc16-modbus"]
    raise ValueError(
        f"is not a known checksum. Near: {', '.join(names)}. "
        "Names of CRCs are those of the CRC catalogue; or give width, poly, init, refin, refout, xorout"
    )


def _shaped(computed: Callable[[bytes], int], width: int, init: int, xorout: int) -> Callable[[bytes], int]:
    mask = (1 << width) - 1
    if computed is xor:
        if width == 8 and init == xorout:
            return xor
        return lambda data: (xor(data) ^ init ^ xorout) & mask
    if init == 0 and xorout == 0:
        return lambda data: computed(data) & mask
    return lambda data: ((computed(data) + init) & mask) ^ xorout


def _crc(name: str, given: Mapping[str, int | bool]) -> Algorithm:
    if missing := {"width", "poly"} - given.keys():
        raise ValueError(f"a CRC needs {' and '.join(sorted(missing))}, or give its name as `kind`")
    width = given["width"]
    if not 1 <= width <= WIDEST:
        raise ValueError(f"width must be 1 to {WIDEST} bits")
    for parameter in ("poly", "init", "xorout"):
        if not 0 <= given.get(parameter, 0) < 1 << width:
            raise ValueError(f"{parameter} does not fit into {width} bits")
    crc = anycrc.CRC(
        width,
        given["poly"],
        given.get("init", 0),
        bool(given.get("refin", False)),
        bool(given.get("refout", False)),
        given.get("xorout", 0),
    )
    calc: Callable[[bytes], int] = crc.calc
    return Algorithm(name, width, calc)


def _model(name: str) -> dict[str, int | bool]:
    found = anycrc.models[name.upper()]
    return {name: getattr(found, name) for name in ("width", "poly", "init", "refin", "refout", "xorout")}


def _squashed(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _names() -> dict[str, str]:
    crcs = {name: name.lower() for name, model in anycrc.models.items() if model.width <= WIDEST}
    theirs = {alias: crcs[name] for alias, name in anycrc.aliases.items() if name in crcs}
    every = {**crcs, **theirs, **SYNONYMS, **{name: name for name in SUMS}}
    return {_squashed(name): ours for name, ours in every.items()}


NAMES = _names()
"""From a name without its hyphens and capitals to ours."""
