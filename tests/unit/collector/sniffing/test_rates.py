"""Which rate, and how many bits: judged by what the bytes would mean."""

import random

from barograph.collector.sniffing import at_once
from barograph.collector.sniffing.rates import best, plausible, seven_bits

TEXT = b"Ta=16.1C,Ua=79.3P,Pa=959.7H\r\n" * 4


def test_text_is_more_plausible_than_what_a_wrong_rate_makes_of_it():
    """Even where no format is found in it yet."""
    noise = random.Random(1).randbytes(len(TEXT))

    assert plausible(at_once(TEXT), 0.0) > 0.2
    assert plausible(at_once(noise), 0.0) < 0.1
    assert 0.0 == plausible(at_once(b""), 0.0)


def test_the_most_plausible_rate_is_taken_or_none():
    assert 19_200 == best({9600: 0.1, 19_200: 0.9, 4800: 0.0})
    assert best({9600: 0.0}) is None
    assert best({}) is None


def test_seven_bits_with_parity_are_seen_in_the_bytes():
    """Meters and old loggers send them; read as eight they look like noise."""
    even = bytes(byte | (byte.bit_count() & 1) << 7 for byte in TEXT)

    assert "even" == seven_bits(even)
    assert "odd" == seven_bits(bytes(byte ^ 0x80 for byte in even))
    assert seven_bits(TEXT) is None
    assert seven_bits(random.Random(2).randbytes(300)) is None
