"""Units become ours once, exactly, and a slip of the pen is answered with what was meant."""

import subprocess
import sys
from fractions import Fraction

import pytest

from barograph.collector import units
from barograph.collector.units import UnitError


@pytest.mark.parametrize(
    ("unit", "to", "told", "expected"),
    [
        ("degF", "°C", 68, 20),
        ("degF", "°C", -40, -40),
        ("K", "°C", Fraction("330.0725"), Fraction("56.9225")),
        ("mbar", "hPa", 1013, 1013),
        ("bar", "hPa", Fraction("0.985"), 985),
        ("Pa", "hPa", 101_257, Fraction("1012.57")),
        ("knot", "m/s", 10, Fraction(4630, 900)),
        ("inch", "mm", 1, Fraction("25.4")),
        ("percent", "%", 45, 45),
        ("kvarh", "varh", 1, 1000),
        ("ppm", "ppm", 400, 400),
    ],
)
def test_a_value_becomes_the_same_in_our_unit(unit, to, told, expected):
    """Exactly: 68 °F are 20 °C, and no dust of floating point."""
    factor, offset = units.conversion(unit, to)

    assert expected == factor * told + offset


@pytest.mark.parametrize(
    ("unit", "hint"),
    [("degreesC", "degC"), ("hpa", "hPa"), ("knotts", "knot"), ("Farenheit", "fahrenheit"), ("kmh", "km/h")],
)
def test_an_unknown_unit_is_refused_with_near_names(unit, hint):
    """Nobody knows by heart how the library spells a unit."""
    with pytest.raises(UnitError, match=f"{unit} is not a known unit.*{hint}"):
        units.conversion(unit, "°C")


@pytest.mark.parametrize(
    "unit", ["1 +", "__import__('os')", "degC; rm", "§", "m**10**10**10", "m**99", "a" * 1000, "lux "]
)
def test_what_is_no_unit_at_all_is_refused(unit):
    """Whatever stands in the file, it is a message and no traceback."""
    with pytest.raises(UnitError):
        units.conversion(unit, "°C")


def test_a_unit_that_measures_something_else_is_refused():
    """Humidity in degrees is a mistake in the file, and not a value."""
    with pytest.raises(UnitError, match="cannot become hPa"):
        units.conversion("degC", "hPa")


def test_a_unit_that_is_kept_is_known_all_the_same():
    """A slip of the pen must not become a unit because nothing is converted."""
    assert (Fraction(1), Fraction(0)) == units.conversion("hPa", "hPa")
    with pytest.raises(UnitError, match="kiloWatts is not a known unit"):
        units.conversion("kiloWatts", "kiloWatts")


def test_formats_that_convert_nothing_do_not_load_the_library():
    """It costs a small board seconds."""
    code = """if True:
        import sys
        from barograph.collector.decoding import decode
        from barograph.collector.formats import JsonFormat
        decode(b'{"t":1}', JsonFormat(kind="json", fields={"t": {"metric": "temperature", "unit": "°C"}}), "a")
        sys.exit("pint" in sys.modules)
    """

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
