"""Boards that speak bytes: where frames begin, what checks them, and which bytes are numbers."""

import random

import pytest

from barograph.collector.checksums import algorithm
from barograph.collector.formats.framing import CobsFraming, SlipFraming
from barograph.collector.frames import enveloped
from barograph.collector.sniffing import Guess, at_once, guesses, heard


def inferred(told) -> Guess:
    return guesses(told if not isinstance(told, bytes) else at_once(told), known=False)[0]


def frames(count: int, head: bytes, kind: str, order: str = "big") -> list[bytes]:
    """A counter, a temperature that wanders, a byte that never changes, and a checksum."""
    wander = random.Random(7)
    found, temperature = [], 2150
    for _ in range(count):
        temperature += wander.randint(-9, 9)
        body = head + temperature.to_bytes(2, "big") + b"\x2a" + wander.randbytes(1)
        check = algorithm(kind)
        found.append(body + check.of(body).to_bytes(check.size, order))
    return found


@pytest.mark.parametrize(
    ("kind", "order"), [("sum8", "big"), ("crc8-maxim-dow", "big"), ("crc16-modbus", "little"), ("crc16-xmodem", "big")]
)
def test_frames_of_one_size_are_found_by_their_start_and_checksum(kind, order):
    """Neither is known beforehand."""
    stream = b"".join(frames(20, b"\xaa\xc0", kind, order))

    guess = inferred(stream)

    frame = guess.declared.frame
    assert ("fixed", b"\xaa\xc0", len(stream) // 20) == (frame.cut, frame.start, frame.size)
    assert [kind] == [each.kind for each in frame.checksum]
    assert 20 == guess.score.frames


def test_two_bytes_that_move_smoothly_are_one_number():
    """Its high byte hardly moves, its low one does."""
    guess = inferred(b"".join(frames(20, b"\xaa\xc0", "sum8")))

    temperature = next(field for field in guess.declared.fields if field.at == 2)
    assert "u16be" == temperature.type


def test_a_length_in_the_head_is_found_where_frames_differ():
    """Small and large frames of the same board."""
    sizes = [4, 7, 4, 9, 4, 7, 4, 4, 9, 7, 4, 7]
    stream = b"".join(
        b"\x42\x4d" + bytes([size]) + random.Random(place).randbytes(size) for place, size in enumerate(sizes)
    )

    frame = inferred(stream).declared.frame

    assert ("length", b"\x42\x4d", 2, "u8", 3) == (frame.cut, frame.start, frame.at, frame.type, frame.add)


@pytest.mark.parametrize("framing", [CobsFraming(cut="cobs"), SlipFraming(cut="slip")], ids=lambda framing: framing.cut)
def test_stuffed_frames_are_known_by_what_is_nowhere_in_them(framing):
    """And the checksum within proves it."""
    stream = b"".join(enveloped(frame, framing) for frame in frames(30, b"\xdb\xc0", "crc16-xmodem"))

    found = inferred(stream).declared.frame

    assert framing.cut == found.cut
    assert ["crc16-xmodem"] == [each.kind for each in found.checksum]


def test_silences_part_what_has_no_start():
    """As Modbus RTU does: only the times tell where a frame ends."""
    crc, noise = algorithm("crc16-modbus"), random.Random(3)
    said = [body + crc.of(body).to_bytes(2, "little") for body in (noise.randbytes(5) for _ in range(12))]

    guess = inferred(heard([(place * 0.5, frame) for place, frame in enumerate(said)], 0.001))

    assert "idle" == guess.declared.frame.cut
    assert ["crc16-modbus"] == [each.kind for each in guess.declared.frame.checksum]
    assert 12 == guess.score.frames


def test_a_recording_that_begins_in_the_middle_is_no_hindrance():
    """A port is opened whenever somebody opens it."""
    stream = b"".join(frames(20, b"\xaa\xc0", "sum8"))[5:-3]

    guess = inferred(stream)

    assert b"\xaa\xc0" == guess.declared.frame.start
    assert 18 == guess.score.frames


@pytest.mark.parametrize("seed", range(2))
def test_noise_is_nothing(seed):
    """A wrong rate gives bytes too; a format made of them would be a lie."""
    noise = random.Random(seed).randbytes(700)

    assert [] == [guess for guess in guesses(at_once(noise)) if guess.rank >= 0.5]
