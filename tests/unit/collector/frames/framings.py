"""Framings as real devices have them, with payloads that they can carry."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from barograph.collector.formats.framing import Framed, Framing
from barograph.collector.frames import Cut, Found, cutter, enveloped

LIMIT = 600


def framing(cut: str, **declared) -> Framing:
    return Framed.model_validate({"frame": {"cut": cut, **declared}}).frame


def cut(stream: bytes | list[bytes], declared: Framing, limit: int = LIMIT) -> Found:
    """All frames of a stream, or of its chunks, up to its end; for `idle`, a silence follows each chunk."""
    made = cutter(declared, limit)
    found: Found = []
    for chunk in [stream] if isinstance(stream, bytes) else stream:
        found += made.feed(chunk)
        if declared.cut == "idle":
            found += made.silence()
    return found + made.end()


def payloads(found: Found) -> list[bytes]:
    return [each.payload for each in found if isinstance(each, Cut)]


def reasons(found: Found) -> list[str]:
    return [each.reason for each in found if not isinstance(each, Cut)]


@dataclass(frozen=True)
class Carried:
    """A framing, what it carries, and whether it can tell a frame from what is none."""

    declared: Framing
    payload: st.SearchStrategy[bytes]
    own: tuple[int, ...] = ()
    """Offsets in the payload of what the framing itself says; negative ones count from its end."""
    sure: bool = True
    marked: bool = True
    """A frame that is refused is searched again."""


def text(least: int = 1) -> st.SearchStrategy[bytes]:
    return st.text("0123456789,.;-+ABCdef", min_size=least, max_size=40).map(str.encode)


def anything(least: int = 1, most: int = 60) -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(min_size=least, max_size=most), special(least, most))


def special(least: int, most: int) -> st.SearchStrategy[bytes]:
    """Full of what means something to one framing or another."""
    marks = st.sampled_from(list(b"\x00\x10\x1b\x1a\x03\x55\x68\x7d\x7e\xaa\xc0\xdb\xdc\xdd\xff\r\n$*!/:"))
    return st.lists(marks, min_size=least, max_size=most).map(bytes)


MODBUS = {"kind": "crc16-modbus", "at": -2, "order": "little"}

CARRIED = {
    "line": Carried(framing("line"), text(), sure=False, marked=False),
    "line with two ends": Carried(framing("line", end=["\r\n", "|"], strip=False), text(), sure=False, marked=False),
    "line with NMEA": Carried(
        framing("line", checksum={"kind": "nmea", "between": ["$", "*"], "after": "*", "as": "hex"}),
        text().map(b"$".__add__),
        marked=False,
    ),
    "line with SDI-12": Carried(
        framing("line", checksum={"kind": "crc16-arc", "at": -3, "as": "sdi12"}), text(), marked=False
    ),
    "line of hex": Carried(
        framing("line", hex=True, checksum={"kind": "crc8-maxim-dow", "at": -1}), anything(2), own=(-1,), marked=False
    ),
    "line with a decimal sum": Carried(
        framing("line", checksum={"kind": "sum16", "after": ";", "as": "decimal"}), text(), marked=False
    ),
    "delimited": Carried(framing("delimited", end="||"), text(), sure=False, marked=False),
    "delimited, VE.Direct": Carried(
        framing(
            "delimited",
            end="\r\nChecksum\t",
            after=1,
            checksum={"kind": "sum8", "residue": 0},
            interrupted_by={"start": ":", "end": "\n"},
        ),
        text().map(b"\r\nPID\t".__add__),
        marked=False,
    ),
    "between": Carried(framing("between", start="\x02", end="\x03"), text(), sure=False),
    "between with a CRC": Carried(
        framing("between", start="\x02", end="\x03", checksum={"kind": "crc16-xmodem", "at": -5, "as": "hex"}),
        text(),
    ),
    "between, DSMR": Carried(
        framing("between", start="/", end="!", after="line", checksum={"kind": "crc16-arc", "after": "!", "as": "hex"}),
        text(),
    ),
    "between, HDLC": Carried(
        framing(
            "between",
            start="\x7e",
            end="\x7e",
            escape={"byte": "\x7d", "xor": 0x20},
            checksum={"kind": "crc16-ibm-sdlc", "at": -3, "order": "little", "over": [1, None], "keep": False},
        ),
        anything(),
    ),
    "between, mapped": Carried(
        framing(
            "between",
            start="hex:c0",
            end="hex:c1",
            escape={"byte": "hex:db", "map": {"\xdc": "\xc0", "\xdd": "\xdb", "\xde": "\xc1"}},
            checksum={"kind": "crc16-modbus", "at": -3, "order": "little", "keep": False},
        ),
        anything(),
    ),
    "between, DLE doubled": Carried(
        framing(
            "between",
            start="hex:10 02",
            end="hex:10 03",
            after=2,
            escape={"doubled": "\x10"},
            checksum={"kind": "crc16-kermit", "at": -2},
        ),
        anything(),
    ),
    "between, SML": Carried(
        framing(
            "between",
            start="hex:1b1b1b1b01010101",
            end="hex:1b1b1b1b1a",
            after=3,
            escape={"doubled": "hex:1b1b1b1b"},
            checksum={"kind": "crc16-ibm-sdlc", "at": -2, "order": "little", "escaped": True},
        ),
        anything(),
    ),
    "between, Modbus ASCII": Carried(
        framing(
            "between",
            start=":",
            end="\r\n",
            hex=True,
            checksum={"kind": "twos8", "over": [1, None], "at": -3, "keep": False},
        ),
        anything(),
    ),
    "fixed": Carried(
        framing(
            "fixed", size=12, start="hex:aa c0", end="hex:ab", checksum={"kind": "sum8", "over": [2, 10], "at": 10}
        ),
        anything(12, 12),
        own=(0, 1, 10, 11),
    ),
    "fixed without a start": Carried(
        framing("fixed", size=11, checksum={"kind": "crc16-modbus", "at": -2, "keep": False}), anything(9, 9)
    ),
    "length, Plantower": Carried(
        framing("length", start="hex:42 4d", at=2, type="u16be", add=4, checksum={"kind": "sum16", "at": -2}),
        anything(6),
        own=(0, 1, 2, 3, -1, -2),
    ),
    "length, M-Bus": Carried(
        framing(
            "length",
            start="h",
            at=1,
            type="u8",
            add=6,
            again=2,
            marks={3: "h"},
            end="hex:16",
            checksum={"kind": "sum8", "over": [4, -2], "at": -2},
        ),
        anything(7),
        own=(0, 1, 2, 3, -1, -2),
    ),
    "length, EnOcean": Carried(
        framing(
            "length",
            start="hex:55",
            at=1,
            type="u16be",
            plus=[{"at": 3, "type": "u8"}],
            add=7,
            checksum=[
                {"kind": "crc8-smbus", "over": [1, 5], "at": 5},
                {"kind": "crc8-smbus", "over": [6, None], "at": -1},
            ],
        ),
        anything(8),
        own=(0, 1, 2, 3, 5, -1),
    ),
    "length, RFXCOM": Carried(
        framing("length", at=0, type="u8", add=1, gap_ms=50), anything(3), own=(0,), sure=False, marked=False
    ),
    "length in words, in digits": Carried(
        framing("length", start="#", at=1, type="hex2", times=2, add=3, checksum={"kind": "crc32-iso-hdlc", "at": -4}),
        anything(8).map(lambda given: given if len(given) % 2 else given + b"x"),
        own=(0, 1, 2, -1, -2, -3, -4),
    ),
    "length, HAN meter": Carried(
        framing(
            "length",
            start="~",
            at=1,
            type="u16be",
            mask=0x07FF,
            add=2,
            end="~",
            checksum={"kind": "crc16-ibm-sdlc", "at": -3, "order": "little", "over": [1, None]},
        ),
        anything(6),
        own=(0, 1, 2, -1, -2, -3),
    ),
    "length by kind": Carried(
        framing(
            "length", start="hex:ff ff", at=2, type="u8", sizes={0: 11, 1: 16}, checksum={"kind": "sum16", "at": -2}
        ),
        st.one_of(anything(11, 11), anything(16, 16)),
        own=(0, 1, 2, -1, -2),
    ),
    "between, NGT-1": Carried(
        framing(
            "between",
            start="hex:10 02",
            end="hex:10 03",
            escape={"doubled": True},
            checksum={"kind": "sum8", "residue": 0, "over": [2, -2], "keep": False},
        ),
        anything(),
    ),
    "between, anemometer": Carried(
        framing(
            "between",
            start="\x02",
            end="\x03",
            after=2,
            checksum={"kind": "xor8", "over": [1, -3], "at": -2, "as": "hex"},
        ),
        text(),
    ),
    "idle, Modbus": Carried(framing("idle", gap_ms=4, checksum=MODBUS), anything(4), own=(-1, -2), marked=False),
    "cobs": Carried(
        framing("cobs", checksum={"kind": "crc16-ibm-3740", "at": -2, "keep": False}), anything(), marked=False
    ),
    "slip": Carried(
        framing("slip", checksum={"kind": "crc16-ibm-3740", "at": -2, "keep": False}), anything(), marked=False
    ),
}

EVERY = sorted(CARRIED)
SURE = sorted(name for name, one in CARRIED.items() if one.sure)
MARKED = sorted(name for name, one in CARRIED.items() if one.sure and one.marked)
STRONG = [name for name in MARKED if CARRIED[name].declared.bits >= 16 and "EnOcean" not in name]
"""EnOcean's sixteen bits are eight for the head and eight for the rest."""


def sent(name: str, payload: bytes) -> bytes:
    return enveloped(payload, CARRIED[name].declared)


def without_own(name: str, payload: bytes) -> bytes:
    """The payload with zeros for what the framing says itself."""
    blanked = bytearray(payload)
    for place in CARRIED[name].own:
        blanked[place] = 0
    return bytes(blanked)


def without(*parts: str) -> list[str]:
    return [name for name in SURE if not any(part in name for part in parts)]


WITH_A_CRC = [
    "fixed without a start",
    *without(
        "NMEA",
        "hex",
        "decimal",
        "VE.Direct",
        "ASCII",
        "Plantower",
        "M-Bus",
        "EnOcean",
        "fixed",
        "by kind",
        "NGT",
        "anemometer",
    ),
]
