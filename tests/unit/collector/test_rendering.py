"""Every shipped format that a device can be simulated in: what it would say is what we read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.collector.declared import Heard, declared, ours

from barograph.collector.decoding import inner
from barograph.collector.decoding.numbers import Linear, converter
from barograph.collector.formats import (
    BinaryField,
    BinaryFormat,
    BytesFormat,
    ChoiceFormat,
    Column,
    ColumnsFormat,
    DelimitedFormat,
    Format,
    Like,
    Nmea0183Format,
    Nothing,
    PluginFormat,
    RecordsFormat,
    SeveralFormat,
    TaggedFormat,
    UnitOf,
    shipped,
)
from barograph.collector.formats.fields import each_field
from barograph.collector.rendering import Unrenderable, rendered
from barograph.collector.rendering.binary import fields_of
from barograph.windows import utc

AT = utc("2026-11-22T08:00:00Z")

DEVICES = {
    "connected-seeds": "seeds-07",
    "enocean-esp3": "0181b744",
    "hcp-tc038": "port-01",
    "lacrosse-jeelink": "lacrosse-3-1",
    "modbus-ascii": "port-17",
    "modbus-rtu": "port-17",
    "modbus-tcp": "port-17",
    "mks-937b": "port-253",
    "opentherm-gateway": "port-B",
    "oxford-mercury": "port-MB1.T1",
    "rtl433": "GT-WT02-211-1",
    "ruuvi": None,
    "rfxcom": None,
    "sdi12": "port-3",
}
"""Where the frame says who it is from; None where each kind of frame has its own way."""

NARROW = {
    ("ds18b20-w1-slave", "temperature"): st.integers(-55_000, 84_999).map(lambda raw: raw / 1000),
    ("sdi12", "seconds"): st.integers(100, 999),
    ("sdi12", "count"): st.integers(0, 9),
    ("sdi12", "version"): st.integers(10, 14),
    ("lakeshore", "alarm_enabled"): st.sampled_from([0, 1]),
    ("lakeshore", "alarm_latching"): st.sampled_from([0, 1]),
    ("lacrosse-jeelink", "sensor_type"): st.just(1),  # part of the device's name
    ("nmea0183", "gps_quality"): st.integers(1, 8),
}
"""What a pattern leaves less room for than the field."""

CANNOT = {
    "davis-archive": "a page is five records, which no single reading fills",
    "nmea2000-canboat": "the number of the message stands in the text around the bytes",
    "seabird-cnv": "each column is named by a line of its own, in the words of a program that we are not",
    "thyracont": "a number is written as mantissa and exponent, in more ways than one",
}
KINDS_THAT_CANNOT = {
    "davis-archive": "a page is five records, which no single reading fills",
    "nmea2000-canboat": "the number of the message stands in the text around the bytes",
    "mks-937b ^\\d{3}ACK(LO<": "only words, all of which say that there is no value",
    "sdi12 ^[0-9A-Za-z]\\d\\d.{8}": "the name of the maker, which is no value",
}
FEW = 40
"""Repeated fields that are tried: a row of 500 registers is like one of 40."""


@dataclass(frozen=True, repr=False)
class Only:
    """A format with only one of its kinds of frames, and the fields of that one."""

    name: str
    format: Format
    fields: list[Column]


def kinds(format_: Format) -> Iterator[tuple[str, Format, list[Column]]]:
    match format_:
        case ChoiceFormat():
            for name, one in [*format_.of.items(), ("otherwise", format_.otherwise)]:
                if isinstance(one, Nothing | Like):
                    continue
                if name == "otherwise":
                    only = {"of": {}, "otherwise": one}
                else:
                    only = {"of": {name: one}, "otherwise": Nothing(kind="refuse")}
                for inside, narrowed, fields in kinds(inner(one, format_)):
                    part = "otherwise" if name == "otherwise" else name
                    filled = {**only, **({"otherwise": narrowed} if part == "otherwise" else {"of": {name: narrowed}})}
                    yield f"{part} {inside}".strip(), format_.model_copy(update=filled), fields
        case SeveralFormat():
            for inside, narrowed, fields in kinds(inner(format_.of[0], format_)):
                yield inside, format_.model_copy(update={"of": [narrowed]}), fields
        case BytesFormat() | RecordsFormat():
            for inside, narrowed, fields in kinds(inner(format_.of, format_)):
                yield inside, format_.model_copy(update={"of": narrowed}), fields
        case Nmea0183Format():
            for name, sentence in format_.sentences.items():
                only = format_.model_copy(update={"sentences": {name: sentence}})
                yield name, only, [column for _, column in each_field(sentence.fields)]
        case BinaryFormat():
            yield "", format_, [field for _, field in fields_of(format_)]
        case TaggedFormat():
            yield "", format_, [field for item in format_.of.values() for field in item.fields]
        case DelimitedFormat():
            yield "", format_, format_.listed
        case ColumnsFormat():
            yield "", format_, list(format_.fields)
        case PluginFormat():
            return
        case _:
            yield "", format_, [column for _, column in each_field(format_.fields)]


ALL = [
    pytest.param(Only(name, narrowed, fields), id=f"{name} {kind}".strip())
    for name in shipped()
    if name not in CANNOT
    for kind, narrowed, fields in kinds(ours(name))
    if not f"{name} {kind}".startswith(tuple(KINDS_THAT_CANNOT))
]


def value(name: str, column: Column):
    """Anything that a field can hold and that means itself."""
    narrow = NARROW.get((name, column.metric or ""))
    if narrow is not None:
        return narrow
    if column.enum:
        return st.sampled_from([meaning for meaning in column.enum.values() if meaning is not None])
    conversion = column.conversions()[_word(column)]
    assert conversion is not None
    convert = converter(column, conversion, [], ".")
    special = [each for each in (*column.nulls, *column.absent) if not isinstance(each, str)]
    if isinstance(column, BinaryField):
        return numbers(column).filter(lambda raw: raw not in special).map(convert)
    if column.base == 16:
        linear = Linear(column.scale, column.offset, conversion)
        low, high = (-(1 << column.signed - 1), (1 << column.signed - 1) - 1) if column.signed else (0, 0xFFFF)
        return st.integers(low, high).map(linear.of)
    if column.curve:
        place = st.tuples(st.integers(0, 89), st.integers(0, 599_999))
        sign = st.sampled_from([1, -1]) if column.minus else st.just(1)
        return st.tuples(place, sign).map(lambda told: told[1] * convert(f"{told[0][0]:02}{told[0][1] / 10_000:07.4f}"))
    texts = st.decimals(-9000, 90_000, places=2).map(lambda number: f"{number:f}")
    return texts.filter(lambda text: float(text) not in special).map(convert)


def numbers(field: BinaryField):
    if field.type[0] == "f":
        return st.floats(0, 5000, width=32)
    if field.type in ("bcd", "bcdle"):
        return st.integers(0, 10 ** (2 * field.width) - 1)
    if field.bits:
        raw = st.integers(0, (1 << field.bits[1]) - 1)
    elif field.type[0] == "i":
        raw = st.integers(-(1 << 8 * field.width - 1), (1 << 8 * field.width - 1) - 1)
    else:
        raw = st.integers(0, (1 << min(8 * field.width, 40)) - 1)
    if field.plus:
        raw = st.tuples(raw, st.integers(0, field.times - 1)).map(lambda parts: parts[0] * field.times + parts[1])
    return st.tuples(raw, st.sampled_from([1, -1])).map(lambda told: told[0] * told[1]) if field.negative else raw


def _word(column: Column) -> str | None:
    if not isinstance(column.unit, UnitOf) or column.unit.otherwise is not None:
        return None
    return next(word for word, unit in column.unit.of.items() if unit is not None)


@pytest.mark.parametrize("only", ALL)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_a_device_would_say_is_what_we_read(only, data):
    """Bytes in, values out, for all that a field can hold."""
    metrics: dict[str, Column] = {}
    for column in only.fields:
        if column.metric and len(metrics) < FEW:
            metrics.setdefault(column.metric, column)
    told = {metric: data.draw(value(only.name, column), label=metric) for metric, column in metrics.items()}
    if not told:  # a list, whose values are called by their number
        told = {f"value_{number}": data.draw(st.integers(-999, 999)) for number in (1, 2, 3)}
    device = DEVICES.get(only.name, "port")

    heard = Heard(only.format, rendered(only.format, device or "port", told, AT))

    assert ([], []) == (heard.refused, heard.bad)
    assert pytest.approx(told, rel=1e-9, abs=1e-9) == {metric: heard.values.get(metric) for metric in told}
    if device:
        assert {device} == {frame.device for frame in heard.frames}
    assert {frame.time for frame in heard.frames} <= {None, AT}


@pytest.mark.parametrize("name", CANNOT)
def test_what_nobody_can_simulate_says_so(name):
    """Instead of sending something that looks like it."""
    with pytest.raises(Unrenderable):
        rendered(ours(name), "port", {"temperature": 1.0, "vacuum": 1.0}, AT)


def test_a_value_that_was_measured_badly_is_told_as_the_device_does():
    """With its own marker: a word, a number, or a letter for the unit."""
    row = declared("delimited", columns=[{"metric": "a"}, {"metric": "b", "nulls": [-9999]}])
    byte = declared("binary", fields=[{"metric": "a", "at": 0, "nulls": [255]}], frame={"cut": "fixed", "size": 1})

    assert b"----;-9999\r\n" == rendered(row, "x", {"a": None, "b": None}, AT)
    assert b"\xff" == rendered(byte, "x", {"a": None}, AT)
    assert b"0R0,Ta=0#\r\n" == rendered(ours("vaisala-wxt"), "x", {"temperature": None}, AT)


def test_several_frames_say_what_one_cannot():
    """A receiver of radio sensors tells rain and wind in packets of their own."""
    told = {"temperature": 4.5, "humidity": 60, "wind_direction": 135, "rain": 12.5}

    heard = Heard(ours("rfxcom"), rendered(ours("rfxcom"), "x", told, AT))

    assert told == {metric: heard.values[metric] for metric in told}
    assert len(heard.frames) > 1


def test_what_has_no_place_is_refused():
    """A simulated device must not be silent about what it measures."""
    with pytest.raises(Unrenderable, match="no place for co2"):
        rendered(ours("davis-loop"), "x", {"temperature": 4.5, "co2": 400}, AT)
    with pytest.raises(Unrenderable, match="does not fit into u8"):
        rendered(ours("davis-loop"), "x", {"humidity": 300}, AT)


@given(st.fractions(-100, 100, max_denominator=1000))
def test_the_shortest_text_is_said(number):
    """4.2 and not 4.199999999."""
    format_ = declared("pairs", fields={"t": {"metric": "t", "scale": 0.1}})
    told = {"t": float(number)}

    assert pytest.approx(told) == Heard(format_, rendered(format_, "x", told, AT)).values
    assert b"t=42\r\n" == rendered(format_, "x", {"t": 4.2}, AT)
