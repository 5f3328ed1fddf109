import random

import anycrc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barograph.collector.checksums import NAMES, SUMS, algorithm, known

CRCS = sorted({name for name in NAMES.values() if name not in SUMS})
NINE = b"123456789"
"""What catalogues compute their check values of."""


def noise(size: int, seed: int = 5) -> list[bytes]:
    rng = random.Random(seed)
    return [rng.randbytes(16) for _ in range(size)]


@pytest.mark.parametrize("name", CRCS)
def test_every_crc_of_the_catalogue_has_its_check_value(name):
    """A name in YAML is all that somebody has to know."""
    assert anycrc.models[name.upper()].check == algorithm(name).of(NINE)


@pytest.mark.parametrize("name", CRCS)
@settings(max_examples=20)
@given(data=st.data())
def test_no_crc_misses_one_wrong_bit(name, data):
    """Cables make those."""
    told = data.draw(st.binary(min_size=1, max_size=30))
    place = data.draw(st.integers(0, 8 * len(told) - 1))
    wrong = bytearray(told)
    wrong[place // 8] ^= 1 << place % 8
    crc = algorithm(name)

    assert crc.of(told) != crc.of(bytes(wrong))


@pytest.mark.parametrize("name", ["xor8", "sum8", "twos8", "crc8-maxim-dow", "crc8-smbus", "sum6", "xor7"])
def test_noise_passes_as_often_as_the_bits_allow(name):
    """One in 256 for eight bits: whoever reads an unchecked wire should know."""
    many = 40_000
    made = algorithm(name)
    rng = random.Random(11)
    expected = many / 2**made.width
    mask = (1 << made.width) - 1

    passed = sum(made.of(one) == rng.randrange(256) & mask for one in noise(many))

    assert abs(passed - expected) < 5 * expected**0.5


@pytest.mark.parametrize("name", ["crc16-modbus", "crc16-ibm-sdlc", "fletcher16", "crc32-iso-hdlc", "adler32"])
def test_noise_hardly_passes_sixteen_bits(name):
    """At most one in 65,536; of 40,000 none or one, and never four."""
    made = algorithm(name)
    rng = random.Random(13)

    passed = sum(made.of(one) == rng.randrange(1 << made.width) for one in noise(40_000))

    assert passed < 4


def test_sums_are_what_their_makers_say():
    """Each over the same nine digits, whose sum is 477."""
    expected = {
        "sum8": 477 & 0xFF,
        "sum16": 477,
        "sum7": 477 & 0x7F,
        "twos8": 256 - (477 & 0xFF),
        "ones8": 255 - (477 & 0xFF),
        "xor8": 0x31,
        "fletcher16": 0x1EDE,
        "adler32": 0x091E01DE,
    }

    assert expected == {name: algorithm(name).of(NINE) for name in expected}


@given(st.binary(max_size=70))
def test_exclusive_or_is_that_of_each_byte(data):
    """It is computed of all bytes at once, as NMEA needs it a thousand times a second."""
    expected = 0
    for one in data:
        expected ^= one

    assert expected == algorithm("xor8").of(data)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("CRC-16/MODBUS", "crc16-modbus"),
        ("crc_16_modbus", "crc16-modbus"),
        ("modbus", "crc16-modbus"),
        ("crc16-x25", "crc16-ibm-sdlc"),
        ("crc16-ccitt-false", "crc16-ibm-3740"),
        ("crc8-dallas", "crc8-maxim-dow"),
        ("NMEA", "xor8"),
        ("bcc", "xor8"),
        ("ubx", "fletcher16-256"),
    ],
)
def test_other_spellings_are_understood(theirs, ours):
    """Data sheets agree on nothing."""
    assert ours == known(theirs)


@pytest.mark.parametrize(
    ("name", "near"), [("crc16-modbuss", "crc16-modbus"), ("sum9", "sum8"), ("crc8-maxm", "crc8-maxim-dow")]
)
def test_an_unknown_name_lists_near_ones(name, near):
    """Nobody knows the catalogue by heart."""
    with pytest.raises(ValueError, match="not a known checksum") as caught:
        known(name)

    assert near in str(caught.value)


@pytest.mark.parametrize("name", ["crc-ccitt", "CRC16-CCITT", "lrc"])
def test_a_name_that_means_several_things_is_refused(name):
    """Davis and Bluetooth both say CCITT and mean different sums; a guess would refuse every frame."""
    with pytest.raises(ValueError, match="different makers mean different things"):
        known(name)


def test_a_crc_may_be_given_by_its_parameters():
    """Some boards have one of their own."""
    made = algorithm(None, width=16, poly=0x8005, init=0xFFFF, refin=True, refout=True)

    assert algorithm("crc16-modbus").of(NINE) == made.of(NINE)


def test_parameters_change_what_a_name_says():
    """Holley's meters compute X.25 as if it were Kermit; some sums begin at one."""
    assert algorithm("crc16-modbus").of(NINE) == algorithm("crc16-arc", init=0xFFFF).of(NINE)
    assert (algorithm("sum8").of(NINE) + 1) & 0xFF == algorithm("sum8", init=1).of(NINE)
    assert algorithm("ones8").of(NINE) == algorithm("sum8", xorout=0xFF).of(NINE)


@pytest.mark.parametrize(
    "parameters",
    [{"width": 16}, {"poly": 7}, {"width": 65, "poly": 7}, {"width": 8, "poly": 0x107}, {"width": 0, "poly": 0}],
)
def test_parameters_that_make_no_crc_are_refused(parameters):
    with pytest.raises(ValueError, match=r"width|poly"):
        algorithm(None, **parameters)


def test_a_sum_has_no_polynomial():
    with pytest.raises(ValueError, match="only a CRC"):
        algorithm("sum8", poly=7)
