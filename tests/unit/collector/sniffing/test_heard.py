"""Bytes, and the silences between them."""

from barograph.collector.sniffing.heard import MOST, at_once, heard


def test_what_bytes_took_on_the_wire_is_no_silence():
    """64 bytes at 9600 baud are 67 ms; a driver hands them over at once."""
    told = heard([(0.067, b"x" * 64), (0.134, b"y" * 64), (1.134, b"z" * 64)], 10 / 9600)

    assert [0.0, 0.0] == [round(piece.rest, 2) for piece in told.pieces[:2]]
    assert [b"x" * 64 + b"y" * 64, b"z" * 64] == told.bursts(0.5)


def test_the_gap_lies_between_short_silences_and_long_ones():
    """Within a frame a driver pauses for milliseconds, a device rests for longer."""
    chunks = [(second + part, b"ab") for second in range(6) for part in (0.0, 0.01)]

    gap = heard(chunks).gap

    assert gap is not None
    assert 0.01 < gap < 0.9


def test_without_times_there_is_no_gap():
    """A recording that was read at once says nothing about silences."""
    assert at_once(b"abc" * 100).gap is None
    assert at_once(b"").gap is None


def test_a_flood_is_looked_at_as_far_as_it_needs():
    """A port that speaks for an hour is not kept as a whole."""
    assert MOST == len(heard([(float(at), b"x" * 1000) for at in range(200)]).data)
