"""What is told about damage, and where the next frame is found."""

import random

import pytest
from tests.unit.collector.frames.framings import CARRIED, cut, framing, payloads, reasons, sent

from barograph.collector.frames import SAMPLE, Cut, cutter, enveloped

PLANTOWER = CARRIED["length, Plantower"].declared
ENOCEAN = CARRIED["length, EnOcean"].declared
STX = framing("between", start="\x02", end="\x03")


def air(number: int) -> bytes:
    return enveloped(b"BM\0\0" + bytes([number] * 8) + b"\0\0", PLANTOWER)


def test_noise_before_a_frame_is_told_once():
    """What somebody finds in `rejects` tells a loose plug from silence."""
    found = cut(b"noise" + air(1), PLANTOWER)

    assert [("bad_frame", b"noise", 0)] == [
        (each.reason, each.raw, each.begin) for each in found if not isinstance(each, Cut)
    ]
    assert 1 == len(payloads(found))


def test_line_ends_and_idle_bytes_between_frames_are_none():
    """Many boards end a binary frame with a line end, or wake the wire with 7f."""
    found = cut(b"\x7f\x7f\0" + air(1) + b"\r\n" + air(2) + b"\xff\xff", PLANTOWER)

    assert [] == reasons(found)
    assert 2 == len(payloads(found))


def test_a_poll_may_be_answered_with_more_than_the_frame():
    """A Davis console says ACK before its packet; whoever declares that hears nothing about it."""
    davis = framing("fixed", size=6, start="LOO", filler="\x06", checksum={"kind": "crc16-xmodem", "at": -2})
    frame = enveloped(b"LOO1..", davis)

    assert [] == reasons(cut(b"\x06" + frame + b"\x06" + frame, davis))
    assert ["bad_frame"] == reasons(cut(b"\n" + frame, davis))


def test_endless_noise_is_told_now_and_then():
    """Once for each longest frame, with a sample of it."""
    found = cutter(PLANTOWER, 1000).feed(b"x" * 5_500)

    assert ["bad_frame"] * 6 == reasons(found)
    assert [0, 1000, 2000, 3000, 4000, 5000] == [each.begin for each in found]
    assert {b"x" * SAMPLE} == {each.raw for each in found}


def test_one_damaged_frame_is_one_reject():
    """However many false starts its bytes hold."""
    bad = bytearray(enveloped(b"BM\0\0" + b"BM\0\x04" * 9 + b"\0\0", PLANTOWER))
    bad[20] ^= 1

    found = cut(air(1) + bytes(bad) + air(2), PLANTOWER)

    assert ["bad_checksum"] == reasons(found)
    assert [air(1), air(2)] == payloads(found)


def test_a_good_frame_within_a_damaged_one_is_found():
    """A length that grew claims the neighbours too."""
    bad = bytearray(air(1))
    bad[3] += 20

    found = cut(bytes(bad) + air(2) + air(3), PLANTOWER)

    assert [air(2), air(3)] == payloads(found)
    assert ["bad_checksum"] == reasons(found)


def test_a_length_beyond_the_longest_frame_is_not_waited_for():
    """A false start must not silence the port until 60,000 bytes have come."""
    made = cutter(PLANTOWER, 600)

    found = made.feed(b"BM\xee\xee" + air(1))

    assert ["too_long"] == reasons(found)
    assert [air(1)] == payloads(found)


def test_a_checksum_of_the_head_is_looked_at_before_the_rest_has_come():
    """EnOcean's head says how much follows, and has a sum of its own."""
    good = sent("length, EnOcean", b"U\0\x0a\x07\x01\0" + bytes(18))
    bad = bytearray(good)
    bad[2] ^= 0x40

    found = cutter(ENOCEAN, 600).feed(bytes(bad[:6]) + good)

    assert ["bad_checksum"] == reasons(found)
    assert [good] == payloads(found)


def test_two_lengths_that_differ_are_no_frame():
    """M-Bus says its length twice, between two marks."""
    mbus = CARRIED["length, M-Bus"].declared
    good = sent("length, M-Bus", b"h\0\0h" + b"\x08\x01\x72" + bytes(2))

    assert [good] == payloads(cutter(mbus, 600).feed(b"\x68\x09\x19\x68" + good))
    assert [good] == payloads(cutter(mbus, 600).feed(b"\x68\x09\x09\x67" + good))


def test_a_second_start_begins_anew_where_no_checksum_can_tell():
    """Without it, the end of the next frame would be this one's, and what was said a mixture of both."""
    found = cut(b"\x0221.\x0222.5\x03", STX)

    assert [b"22.5"] == payloads(found)
    assert [("bad_frame", b"\x0221.")] == [(each.reason, each.raw) for each in found if not isinstance(each, Cut)]


def test_with_a_checksum_a_start_may_stand_in_a_frame():
    """A slash in a meter's text is no new telegram."""
    dsmr = CARRIED["between, DSMR"].declared
    good = sent("between, DSMR", b"ISk5 a/b")

    assert [b"ISk5 a/b"] == payloads(cut(good, dsmr))
    assert [b"ISk5 a/b"] == payloads(cut(b"/ISk5 a" + good, dsmr))


def test_a_mark_between_frames_ends_one_and_begins_the_next():
    """HDLC: one flag or several, and nothing between two of them is no frame."""
    hdlc = framing("between", start="\x7e", end="\x7e", escape={"byte": "\x7d", "xor": 32})
    made = cutter(hdlc, 100)

    found = made.feed(b"half\x7eone\x7etwo\x7e\x7e\x7ethr}\x5eee\x7e")

    assert [b"one", b"two", b"thr\x7eee"] == payloads(found)
    assert ["bad_frame"] == reasons(found)
    assert 0 == made.pending


def test_a_frame_that_stops_is_given_up_after_the_gap():
    """RFXCOM has nothing but a length: only a silence shows that a byte was lost."""
    rfxcom = CARRIED["length, RFXCOM"].declared
    made = cutter(rfxcom, 100)

    found = made.feed(b"\x0a\x52\x01") + made.silence() + made.feed(b"\x03abc")

    assert ["bad_frame"] == reasons(found)
    assert [b"\x03abc"] == payloads(found)
    assert 0.05 == made.gap


def test_good_frames_behind_a_false_start_come_out_after_the_gap():
    """The false start waited for more; what it held back is searched."""
    made = cutter(
        framing("length", start="BM", at=2, type="u16be", add=4, gap_ms=20, checksum={"kind": "sum16", "at": -2}), 600
    )

    assert [] == made.feed(b"BM\x01\x00" + air(1))
    assert [air(1)] == payloads(made.silence())
    assert 0 == made.pending


def test_a_message_may_interrupt_a_frame():
    """VE.Direct chargers answer in hex whenever they like, even in the middle of an end mark; never in the checksum."""
    charger = CARRIED["delimited, VE.Direct"].declared
    told = sent("delimited, VE.Direct", b"\r\nPID\t0xA042\r\nV\t12530")
    hexed = b":7F0ED0071\n"

    for place in range(len(told) - 1):
        assert [b"\r\nPID\t0xA042\r\nV\t12530"] == payloads(cut(told[:place] + hexed + told[place:], charger)), place


def test_a_checksum_that_looks_like_an_interruption_is_one_byte():
    """Every 256th block ends with a colon, and is not to wait for what follows."""
    charger = CARRIED["delimited, VE.Direct"].declared
    blocks = [sent("delimited, VE.Direct", b"\r\nPID\t" + bytes([one])) for one in range(59, 256)]
    colons = [block for block in blocks if block.endswith(b":")]

    assert colons
    for block in colons:
        made = cutter(charger, 600)
        assert 1 == len(payloads(made.feed(block)))
        assert 1 == len(payloads(made.feed(b":7F0ED0071\n" + block)))


def test_a_weak_checksum_is_not_tried_for_every_start_in_a_damaged_frame():
    """A charger's fields all begin with what its blocks begin with: eight bits would pass one in fourteen."""
    charger = framing("between", start="\r\n", end="\r\nChecksum\t", after=1, checksum={"kind": "sum8", "residue": 0})
    rng = random.Random(17)
    blocks = 4_000
    fields = b"".join(b"\r\nF%d\t%d" % (number, number) for number in range(18))
    block = bytearray(enveloped(fields[2:], charger))

    wrong = 0
    for _ in range(blocks):
        place = rng.randrange(2, len(fields))
        damaged = bytes(block[:place]) + rng.randbytes(3) + bytes(block[place + 3 :])
        wrong += sum(len(payload) > 0 for payload in payloads(cut(damaged, charger)))

    assert wrong < blocks / 256 + 5 * (blocks / 256) ** 0.5


def test_what_is_too_long_for_a_delimited_frame_is_told_once():
    """And the next one is whole."""
    made = cutter(framing("delimited", end="\0"), 600)

    found = [each for _ in range(100) for each in made.feed(b"x" * 1000)] + made.feed(b"tail\0good\0")

    assert ["too_long"] == reasons(found)
    assert [b"good"] == payloads(found)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\x05ab", "its block at 0 reaches behind its end"),
        (b"\x02", "its block at 0 reaches behind its end"),
    ],
)
def test_cobs_that_does_not_add_up_is_refused(frame, why):
    (found,) = cut(frame + b"\0", framing("cobs"))

    assert ("bad_frame", why) == (found.reason, found.detail)


@pytest.mark.parametrize(
    ("told", "frame"),
    [
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (b"\x01" * 254, b"\xff" + b"\x01" * 254),
    ],
)
def test_cobs_is_read_as_its_paper_has_it(told, frame):
    """Cheshire and Baker, 1999."""
    found = payloads(cut(frame + b"\0", framing("cobs")))

    assert [told] == found


def test_slip_with_an_escape_before_nothing_is_refused():
    assert ["bad_frame"] == reasons(cut(b"ab\xdbc\xc0", framing("slip")))


def test_a_payload_that_cannot_be_carried_is_refused():
    """A simulator must not send what would be read as something else."""
    for payload in (b"2\x03", b"2\x022"):
        with pytest.raises(ValueError, match="cannot be carried by between"):
            enveloped(payload, STX)
    with pytest.raises(ValueError, match="cannot be carried by line"):
        enveloped(b" 21.5", framing("line"))
