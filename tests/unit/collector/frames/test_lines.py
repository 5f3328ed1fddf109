from tests.unit.collector.frames.framings import cut, framing, payloads, reasons

from barograph.collector.frames import SAMPLE, Cut, Refused, cutter

LINES = framing("line")


def test_a_line_may_come_in_any_pieces():
    """A UART hands over what it has, not what we want."""
    chunks = [b"12", b",5;6", b"0\r", b"\n13", b",5;61\n"]

    assert [b"12,5;60", b"13,5;61"] == payloads(cut(chunks, LINES))


def test_cr_lf_and_both_end_a_line_and_empty_lines_are_none():
    """Boards differ; none of them means an empty line."""
    assert [b"a", b"b", b"c"] == payloads(cutter(LINES, 100).feed(b"a\rb\r\n\r\n\nc\n"))


def test_blanks_around_a_line_are_no_part_of_it():
    """Boards pad; a reject shows the line as it came."""
    (found,) = cutter(LINES, 100).feed(b"  21.5;60\t\r\n")

    assert (b"21.5;60", b"  21.5;60\t") == (found.payload, found.raw)


def test_blanks_may_belong_to_a_line():
    """In fixed columns they do."""
    assert [b"  21"] == payloads(cut(b"  21\r\n", framing("line", strip=False)))


def test_a_line_may_end_with_something_else():
    assert [b"a\r", b"b"] == payloads(cut(b"a\r;b;", framing("line", end=";", strip=False)))


def test_a_line_that_is_too_long_is_told_once_and_the_next_one_is_whole():
    """A board that lost its line ends must cost one reject, not our memory and not its neighbours."""
    made = cutter(LINES, 1000)

    found = [each for _ in range(1000) for each in made.feed(b"x" * 1000)]
    found += made.feed(b"still it\ngood\n")

    refused, good = found
    assert Refused("too_long", b"x" * SAMPLE, 0, "longer than 1000 bytes") == refused
    assert b"good" == good.payload


def test_a_line_of_exactly_the_longest_length_is_fine():
    """The limit is the longest line allowed, not the first one refused."""
    assert [b"x" * 16] == payloads(cutter(LINES, 16).feed(b"x" * 16 + b"\n"))
    assert [b"x" * 17] == [each.raw for each in cutter(LINES, 16).feed(b"x" * 17 + b"\n")]


def test_a_format_may_allow_longer_lines_than_its_port():
    """`max` is what its maker says; the port's limit is for those who say nothing."""
    assert [b"x" * 17] == payloads(cutter(framing("line", max=20), 16).feed(b"x" * 17 + b"\n"))


def test_the_last_line_of_a_file_may_lack_its_end():
    """A recording ends where somebody stopped it."""
    assert [b"a", b"b"] == payloads(cut(b"a\nb", LINES))


def test_a_gap_drops_what_will_not_go_on():
    """A board that lost its power in the middle of a line begins a new one: 21.5 and 22.5 are not 21.22.5."""
    made = cutter(framing("line", gap_ms=500), 100)

    found = made.feed(b"21.") + made.silence() + made.feed(b"22.5\n")

    assert [b"22.5"] == payloads(found)
    assert ["bad_frame"] == reasons(found)


def test_nmea_lines_are_checked_where_they_can_be():
    """The standard leaves the checksum out for some; where it stands, it must be right."""
    nmea = framing(
        "line", checksum={"kind": "nmea", "between": ["$", "*"], "after": "*", "as": "hex", "optional": True}
    )

    found = cut(b"$WIMTA,010.0,C*2A\r\n$WIMTA,010.1,C*2A\r\n$WIMTA,010.0,C\r\n$WIMTA,010.0,C*2a\r\n", nmea)

    assert [b"$WIMTA,010.0,C"] * 3 == payloads(found)
    assert [True, False, True] == [each.whole for each in found if isinstance(each, Cut)]
    assert ["bad_checksum"] == reasons(found)


def test_a_checksum_may_stay_in_the_payload():
    """Some decoders want to see it."""
    told = {"kind": "nmea", "between": ["$", "*"], "after": "*", "as": "hex"}

    assert [b"$WIMTA,010.0,C*2A"] == payloads(
        cut(b"$WIMTA,010.0,C*2A\r\n", framing("line", checksum={**told, "keep": True}))
    )


def test_sdi12_answers_show_by_their_characters_whether_they_have_a_crc():
    """The example of the specification, section 4.4.12.3; numbers never have letters at their end."""
    sdi12 = framing("line", checksum={"kind": "crc16-arc", "at": -3, "as": "sdi12", "optional": True})

    found = cut(b"0+3.14OqZ\r\n0+3.15OqZ\r\n0+3.16\r\n", sdi12)

    assert [b"0+3.14", b"0+3.16"] == payloads(found)
    assert ["bad_checksum"] == reasons(found)


def test_six_bits_in_one_character():
    """Vacuum gauges: the sum modulo 64, as a character from @ on."""
    gauge = framing("line", checksum={"kind": "sum6", "at": -1, "as": "sdi12"})

    assert [b"001TVSM207"] == payloads(cut(b"001TVSM207t\r", gauge))
    assert ["bad_checksum"] == reasons(cut(b"001TVSM208t\r", gauge))
