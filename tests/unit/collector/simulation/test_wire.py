from hypothesis import given
from hypothesis import strategies as st

from barograph.collector.simulation.climate import Dice
from barograph.collector.simulation.wire import heard_at, with_noise

RATES = st.sampled_from([300, 1200, 4800, 9600, 19_200, 57_600, 115_200])


@given(st.binary(max_size=50), RATES)
def test_at_the_same_rate_all_is_heard_as_it_was_said(said, baud):
    assert said == heard_at(said, baud, baud)


@given(st.binary(max_size=50))
def test_a_clock_two_percent_off_is_forgiven(said):
    """A UART finds its place again with each start bit; that is what it is for."""
    assert said == heard_at(said, 9600, 9792) == heard_at(said, 9792, 9600)


def test_at_half_the_rate_a_letter_is_two_bytes():
    """0x55 at 4800, heard at 9600: each bit counts twice, and a zero is heard as the start of another."""
    #  sender    0 0 1 1 0 0 1 1 0 0 1 1 0 0 1 1 0 0 1 1 1
    #  listener  s 0 1 2 3 4 5 6 7 -     s 0 1 2 3 4 5 6 7
    assert bytes([0b01100110, 0b11100110]) == heard_at(b"\x55", 4800, 9600)


@given(st.binary(min_size=1, max_size=50), RATES, RATES)
def test_any_rate_ends(said, sent, listening):
    """There are not more bytes than bits."""
    assert len(heard_at(said, sent, listening)) <= 10 * len(said) * max(1, listening // sent)


def test_noise_turns_as_many_bits_as_it_says():
    """One in a hundred, of 80,000."""
    noisy = with_noise(bytes(10_000), 0.01, Dice(7, "noise"))

    assert 700 < sum(byte.bit_count() for byte in noisy) < 900
