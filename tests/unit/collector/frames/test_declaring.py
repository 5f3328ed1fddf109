"""A framing that cannot work is refused where it is written: file, line, field, and what to do."""

import pytest
from tests.unit.collector.frames.framings import framing

from barograph import documents
from barograph.collector.formats.framing import Framed, LineFraming
from barograph.collector.formats.wire import as_bytes, as_text
from barograph.collector.frames import own_tail
from barograph.errors import DocumentError


def refused(tmp_path, text: str) -> str:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        documents.read(path, Framed)
    return str(caught.value).replace(str(tmp_path), "")


def test_a_format_without_a_framing_has_lines():
    """Every format of a site that was written before there were others."""
    assert LineFraming() == Framed().frame


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "frame:\n  cut: linse\n",
            "/f.yaml:2: frame.cut: must be one of line, delimited, between, fixed, length, idle, cobs, slip",
        ),
        ("frame:\n  cut: length\n  at: 2\n", "/f.yaml:1: frame.type: is missing."),
        ("frame:\n  cut: length\n  at: 2\n  type: u15\n", "/f.yaml:4: frame.type: String should match pattern"),
        ("frame:\n  cut: between\n  start: a\n", "/f.yaml:1: frame.end: is missing."),
        ("frame:\n  cut: idle\n", "/f.yaml:1: frame.gap_ms: is missing."),
        ("frame:\n  cut: line\n  ends: a\n", "/f.yaml:3: frame.ends: is not a known field. Did you mean `end`?"),
        ("frame:\n  cut: fixed\n  size: 9\n  start: 255\n", "/f.yaml:4: frame.start: must be bytes: a text in which"),
        ("frame:\n  cut: fixed\n  size: 9\n  start: hex:4\n", "/f.yaml:4: frame.start: after `hex:` stand two digits"),
        ("frame:\n  cut: fixed\n  size: 9\n  start: '€'\n", "/f.yaml:4: frame.start: each character is one byte"),
        ("frame:\n  cut: delimited\n  end: ''\n", "/f.yaml:3: frame.end: is empty"),
        ('frame:\n  cut: line\n  end: ["\\r\\n", "\\n"]\n', "/f.yaml:3: frame.end: hex:0a is part of hex:0d 0a"),
        (
            "frame:\n  cut: line\n  checksum:\n    kind: crc16-modbuss\n    at: -2\n",
            "/f.yaml:4: frame.checksum.kind: is not a known checksum. Near: crc16-modbus",
        ),
        (
            "frame:\n  cut: line\n  checksum: {kind: crc-ccitt, at: -2}\n",
            "/f.yaml:3: frame.checksum.kind: different makers mean different things by it: crc16-xmodem",
        ),
        (
            "frame:\n  cut: line\n  checksum:\n    width: 16\n    at: -2\n",
            "/f.yaml:3: frame.checksum.kind: a CRC needs poly, or give its name as `kind`",
        ),
        (
            "frame:\n  cut: line\n  checksum:\n    kind: sum8\n",
            "/f.yaml:3: frame.checksum.at: give exactly one of `at`, `after` and `residue`",
        ),
        (
            "frame:\n  cut: line\n  checksum:\n    kind: crc16-arc\n    at: -1\n",
            "/f.yaml:5: frame.checksum.at: its 2 bytes would reach behind the frame's end",
        ),
        (
            "frame:\n  checksum:\n    - {kind: sum8, at: -1}\n    - kind: sum8\n      at: 3\n      over: [0, 9]",
            "/f.yaml:6: frame.checksum.1.over: the checksum at 3 would be part of what it is over",
        ),
        (
            "frame:\n  cut: fixed\n  size: 9\n  checksum:\n    kind: sum8\n    at: -1\n    over: [0, 10]\n",
            "/f.yaml:7: frame.checksum.over: reaches outside of the 9 bytes of a frame",
        ),
        (
            "frame:\n  cut: fixed\n  size: 9\n  checksum:\n    kind: sum8\n    at: 9\n",
            "/f.yaml:6: frame.checksum.at: 9 lies outside of the 9 bytes of a frame",
        ),
        (
            "frame:\n  cut: line\n  checksum: {kind: sum8, at: -1, over: [5, 5]}\n",
            "/f.yaml:3: frame.checksum.over: from 5 to 5 is nothing",
        ),
        (
            "frame:\n  cut: line\n  checksum: {kind: sum8, at: 3, over: [3, null]}\n",
            "/f.yaml:3: frame.checksum.over: from 3 to 3 is nothing",
        ),
        (
            "frame:\n  cut: line\n  checksum: {kind: sum8, at: -3, over: [0, -1]}\n",
            "/f.yaml:3: frame.checksum.over: the checksum at -3 would be part of what it is over",
        ),
        (
            "frame:\n  cut: line\n  checksum: {kind: sum8, at: -1, optional: true}\n",
            "/f.yaml:3: frame.checksum.optional: bytes at a fixed place cannot show that they are no checksum",
        ),
        (
            "frame:\n  cut: line\n  checksum: {kind: sum8, at: -3, as: decimal}\n",
            "/f.yaml:3: frame.checksum.digits: a decimal number at a fixed place needs its `digits`",
        ),
        (
            "frame:\n  cut: fixed\n  size: 3\n  start: hex:aa c0\n  end: hex:ab cd\n",
            "/f.yaml:3: frame.size: the start, marks and end do not fit into it",
        ),
        (
            "frame:\n  cut: between\n  start: a\n  end: b\n  escape: {byte: c}\n",
            "/f.yaml:5: frame.escape.xor: give `xor` or `map` with the escape byte",
        ),
        (
            "frame:\n  cut: between\n  start: a\n  end: b\n  escape:\n    byte: c\n    map: {d: c}\n",
            "/f.yaml:7: frame.escape.map: the end's b is none of its values",
        ),
        (
            "frame:\n  cut: between\n  start: a\n  end: b\n  escape: {doubled: b}\n",
            "/f.yaml:5: frame.escape.doubled: an end that is itself doubled is no end until more has come",
        ),
        (
            "frame:\n  cut: between\n  start: a\n  end: b\n  after: some\n",
            "/f.yaml:5: frame.after: must be a number of bytes, 0 to 1024, or `line`",
        ),
        ("frame: line\n", "/f.yaml:1: frame: "),
    ],
)
def test_a_mistake_is_named_by_file_line_and_field(tmp_path, text, message):
    """Whoever writes the first YAML for a board makes all of them."""
    assert message in refused(tmp_path, text)


def test_bytes_may_be_written_as_text_or_in_hex():
    assert b"\r\n" == as_bytes("\r\n")
    assert b"BM" == as_bytes("hex:42 4d") == as_bytes("hex:424D")
    assert b"\xff" == as_bytes("\xff")


def test_bytes_are_written_as_one_would_write_them():
    """`barograph sniff` writes a first YAML."""
    assert ["$GP", "hex:0d 0a", "hex:ff"] == [as_text(each) for each in (b"$GP", b"\r\n", b"\xff")]


def test_whoever_renders_a_payload_leaves_room_for_what_the_framing_writes():
    """A checksum that stays in the payload, and an end mark, are no fields."""
    rooms = {
        2: framing("length", start="BM", at=2, type="u16be", add=4, checksum={"kind": "sum16", "at": -2}),
        3: framing("fixed", size=9, end="ab", checksum={"kind": "sum8", "at": 6}),
        1: framing("delimited", end="\0", checksum={"kind": "sum8", "at": -2}),
        0: framing("line", checksum={"kind": "sum8", "after": "*", "as": "hex"}),
    }

    assert rooms == {own_tail(each): each for each in rooms.values()}
