"""Units as devices send them, to the units we keep: two exact numbers a field, found once. Only home of pint."""

from __future__ import annotations

import difflib
import re
from fractions import Fraction
from functools import cache
from typing import Any

from barograph.metrics import METRICS

NAME = r"[^\W\d_%°]\w{0,40}|°[A-Za-z]?|%"
GRAMMAR = re.compile(rf"(1/)?({NAME})(\*\*-?[1-9])?([*/]({NAME})(\*\*-?[1-9])?){{0,5}}")
"""`degC`, `m/s`, `1/cm**2`: what a unit may look like. The library would also calculate `m**10**10**10`, for hours."""
MORE = ("var = volt * ampere", "varh = var * hour", "VAh = volt * ampere * hour")
"""What meters send and pint does not know."""

USUAL = (
    "degC", "degF", "K", "hPa", "mbar", "bar", "kPa", "Pa", "mmHg", "inHg", "percent", "ppm", "lx", "V", "mV", "A",
    "mA", "W", "kW", "Wh", "kWh", "m/s", "km/h", "mph", "knot", "mm", "inch", "degree", "ug/m**3", "m**3", "L",
)  # fmt: skip
PLAIN = frozenset([*USUAL, *(metric.unit for metric in METRICS)])
"""Whoever sends these, and keeps them so, needs no library."""


class UnitError(ValueError):
    """A unit that nobody knows, or that does not measure the same thing; the message says what to try."""


@cache
def conversion(unit: str, to: str) -> tuple[Fraction, Fraction]:
    """Factor and offset: a value in `to` is factor * (value in `unit`) + offset. Raises UnitError.

    Fractions, because 68 °F are 20 °C and not 20.000000000000004.
    """
    if unit == to:
        if unit not in PLAIN:
            _known(unit)
        return Fraction(1), Fraction(0)
    given, wanted = _known(unit), _known(to)
    if given.dimensionality != wanted.dimensionality:
        raise UnitError(f"{unit} cannot become {to}: one is {_kind(given)}, the other {_kind(wanted)}")
    zero, one = (_registry().Quantity(Fraction(number), given).to(wanted).magnitude for number in (0, 1))
    return Fraction(one) - Fraction(zero), Fraction(zero)


@cache
def _known(name: str) -> Any:
    import pint

    if name and not GRAMMAR.fullmatch(name):
        raise UnitError(f"{name!r} cannot be read as a unit such as degC, hPa or m/s")
    try:
        return _registry().Unit(name)
    except pint.UndefinedUnitError as error:
        raise UnitError(f"{name} is not a known unit.{_near(name)}") from error
    except Exception as error:  # pint's errors have no common base, and some are Python's own
        raise UnitError(f"{name!r} cannot be read as a unit such as degC, hPa or m/s") from error


@cache
def _registry() -> Any:
    # Half a second on a small board: only formats that convert something pay it.
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=Fraction)
    for definition in MORE:
        registry.define(definition)
    return registry


def _kind(unit: Any) -> str:
    parts = [f"{name.strip('[]')}{'' if power == 1 else f'**{power}'}" for name, power in unit.dimensionality.items()]
    return " * ".join(parts) or "a mere number"


def _near(name: str) -> str:
    registry = _registry()
    names = sorted({each for each in dir(registry) if each.isascii() and not each.startswith("_")} | set(USUAL))
    folded = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name, USUAL, n=2, cutoff=0.6)
    close += [folded[each] for each in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]
    few = list(dict.fromkeys(close))[:3]
    return f" Did you mean {' or '.join(few)}?" if few else f" Known are, among others, {', '.join(USUAL[:8])}."


def check(unit: str) -> None:
    """Raises UnitError if nobody knows it."""
    _known(unit)


def same(unit: str, other: str) -> bool:
    """Whether they are one unit in two spellings: degC and °C."""
    try:
        return conversion(unit, other) == (Fraction(1), Fraction(0))
    except UnitError:
        return False


def fits(unit: str, to: str) -> bool:
    """Whether a value in one can be told in the other."""
    return unit == to or bool(_known(unit).dimensionality == _known(to).dimensionality)
