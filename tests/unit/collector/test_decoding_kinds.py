"""Each kind of payload, as small as it can be."""

import importlib.metadata
import json
import struct
from datetime import UTC, datetime

import pytest
from tests.unit.collector.declared import bad, declared, decoded, reason, values

from barograph.collector.decoding import decoder
from barograph.errors import DocumentError, FrameError

ANY = {"unknown": "keep"}


# Pairs


def test_pairs_are_read_by_name_with_their_units():
    """Half of them may be missing, and their order does not matter."""
    format_ = declared(
        "pairs",
        head=r"^(?P<address>\d)R\d,",
        device="wxt-{address}",
        value_pattern=r"^(?P<value>[+-]?\d+(\.\d+)?)(?P<unit>[A-Za-z#])$",
        units={"C": "degC", "F": "degF", "H": "hPa", "#": None},
        fields={"Ta": {"metric": "temperature", "unit": "degC"}, "Pa": "pressure"},
    )

    (frame,) = decoded(format_, "0R2,Pa=959.7H,Ta=68F,Xx=1").frames

    assert ("wxt-0", {"pressure": 959.7, "temperature": 20.0}) == (frame.device, frame.values)
    assert values(format_, "0R2,Ta=16.1#") == {"temperature": None}
    assert bad(format_, "0R2,Ta=16=1C,Pa=959H") == [("not_a_number", "temperature")]
    assert bad(format_, "0R2,Ta16.1C,Pa=959H") == [("no_fields", None)]
    assert reason(format_, "dud line") == "no_fields"


def test_pairs_that_nobody_declared_are_passed_over_kept_or_refused():
    """As the format says; a new firmware must not stop a port."""
    known = {"fields": {"t": "temperature"}, "separator": "blanks"}

    assert values(declared("pairs", **known), "t=1 VWC(1)=2") == {"temperature": 1}
    assert values(declared("pairs", **known, **ANY), "t=1 VWC(1)=2") == {"temperature": 1, "VWC_1": 2}
    assert bad(declared("pairs", **known, **ANY), "t=1 note=ok") == [("not_a_number", "note")]
    assert values(declared("pairs", **known, **ANY, texts="ignore"), "t=1 note=ok") == {"temperature": 1}
    assert bad(declared("pairs", **known, unknown="refuse"), "t=1 h=2") == [("no_fields", None)]


# Patterns


def test_a_pattern_reads_its_named_groups():
    """A line for people is one for us too."""
    format_ = declared(
        "regex",
        pattern=r"^Temp (?P<t>[-\d.]+) C, (?P<state>open|closed)$",
        fields={"t": "temperature", "state": {"metric": "door", "enum": {"open": 1, "closed": 0}}},
    )

    assert values(format_, "Temp -4.5 C, open") == {"temperature": -4.5, "door": 1}
    assert reason(format_, "Temp -4.5 C, ajar") == "no_fields"


def test_every_match_may_be_a_frame_of_its_own():
    """A base station tells all its sensors in one line."""
    format_ = declared(
        "regex", pattern=r"(?P<id>S\d)=(?P<t>[-\d.x]+)", every=True, device="{id}", fields={"t": "temperature"}
    )

    found = decoded(format_, "S1=4.5 S2=x S3=6")

    assert [("S1", 4.5), ("S3", 6.0)] == [(each.device, each.values["temperature"]) for each in found.frames]
    assert [("not_a_number", "S2")] == [(each.reason, each.device) for each in found.bad]
    assert ["S1=4.5 S2=x S3=6", None] == [each.raw for each in found.frames]


def test_all_matches_may_be_the_values_of_one_frame():
    """Meters tell a code, a value and a unit in each line."""
    format_ = declared(
        "regex",
        pattern=r"(?P<key>[\d.]+)\((?P<value>[^()*]*)(?:\*(?P<unit>\w+))?\)",
        units={"kWh": "kWh", "Wh": "Wh"},
        fields={"1.8.0": {"metric": "energy", "unit": "kWh"}},
        **ANY,
    )

    assert values(format_, "1.8.0(1500*Wh) 1.8.1(7)") == {"energy": 1.5, "1.8.1": 7}
    assert values(format_, "1.8.0(2)") == {"energy": 2}
    assert bad(format_, "1.8.0(2*Bq) 2.0(1)") == [("not_a_number", "energy")]


def test_values_without_names_are_counted():
    """SDI-12 tells values by their order alone."""
    format_ = declared(
        "regex", pattern=r"(?P<value>[+-]\d+(?:\.\d+)?)", keep_as="value_{key}", fields={"2": "humidity"}, **ANY
    )

    assert values(format_, "0+3.14+40-7") == {"value_1": 3.14, "humidity": 40, "value_3": -7}


# Columns


def test_fixed_columns_are_read_by_where_they_stand():
    """A printer's line; what is empty was measured badly."""
    format_ = declared(
        "columns",
        fields=[
            {"metric": "temperature", "columns": [0, 6]},
            {"metric": "pressure", "columns": [6, 13]},
            {"metric": "light", "columns": [13, None], "optional": True},
        ],
    )

    assert values(format_, " 21.50 1013.2  450") == {"temperature": 21.5, "pressure": 1013.2, "light": 450}
    assert values(format_, " 21.50       ") == {"temperature": 21.5, "pressure": None}
    assert reason(format_, " 21.5") == "no_fields"


def test_columns_may_be_optional_extra_or_quoted():
    """Firmwares differ by a column at the end."""
    columns = [{"metric": "a"}, {"name": "note"}, {"metric": "b", "optional": True}]
    format_ = declared("delimited", separator=",", quote='"', extra="ignore", columns=columns)

    assert values(format_, '1,"x, ""y""",2,3,4') == {"a": 1, "b": 2}
    assert values(format_, "1,x") == {"a": 1}
    assert reason(format_, "1") == "no_fields"
    assert reason(format_, '1,"x') == "no_fields"


# Tables with headers


def table(**more):
    return declared(
        "delimited",
        separator=",",
        quote='"',
        header=["names", "units", "skip"],
        skip_lines="^TOA5",
        units={"Deg C": "degC", "Deg F": "degF", "Volts": "V"},
        columns={"TIME": {"is": "skip"}, "AirT": {"metric": "temperature", "unit": "degC"}},
        **ANY,
        **more,
    )


def test_columns_may_be_named_by_a_header_which_may_come_again():
    """A logger tells it at power-on; the program may have been changed before."""
    read = decoder(table(texts="ignore"))

    told = [
        read(line.encode(), "logger")
        for line in (
            "TOA5,x",
            "TIME,AirT,Batt",
            "TS,Deg F,Volts",
            ",,Min",
            '"2026",68,12.5',
            "2026,NAN,soon",
            "TIME,Batt,AirT",
            "TS,Volts,Deg C",
            ",Min,",
            "2026,12.5,20",
        )
    ]

    assert [{"temperature": 20.0, "Batt": 12.5}] == [frame.values for frame in told[4].frames]
    assert [("not_finite", "temperature")] == [(each.reason, each.metric) for each in told[5].bad]
    assert [{"temperature": 20.0, "Batt": 12.5}] == [frame.values for frame in told[9].frames]
    assert all(each.ignored for place, each in enumerate(told) if place not in (4, 5, 9))


def test_a_row_before_its_header_is_refused():
    """Which column is which would be a guess."""
    assert reason(table(), "2026,68,12.5") == "no_fields"


def test_a_row_with_more_or_less_than_its_header_is_refused():
    """A half line."""
    read = decoder(declared("delimited", separator=",", header=True, **ANY))
    read(b"a,b,c", "x")

    with pytest.raises(FrameError, match="2 columns where the header has 3"):
        read(b"1,2", "x")


def test_a_header_may_name_one_column_a_line():
    """Sea-Bird's way."""
    read = decoder(
        declared(
            "delimited",
            separator="blanks",
            name_lines=r"^# name (?P<column>\d+) = (?P<name>[^:]+):",
            skip_lines="^#",
            columns={"t090C": "water_temperature"},
        )
    )

    for line in (b"# name 0 = prM: Pressure", b"# name 1 = t090C: Temperature", b"# other"):
        assert read(line, "ctd").ignored
    assert [{"water_temperature": 27.04}] == [frame.values for frame in read(b"  0.5   27.04", "ctd").frames]


def test_two_ports_do_not_share_a_header():
    """The same format, another logger, another program."""
    one, other = decoder(table()), decoder(table())
    one(b"TIME,AirT", "a"), one(b"TS,Deg C", "a"), one(b",", "a")

    assert [{"temperature": 1.0}] == [frame.values for frame in one(b"2026,1", "a").frames]
    with pytest.raises(FrameError, match="no header line"):
        other(b"2026,1", "b")


# Bytes


@pytest.mark.parametrize(
    ("field", "payload", "expected"),
    [
        ({"type": "u8"}, b"\xff", 255),
        ({"type": "i8"}, b"\xff", -1),
        ({"type": "u16be"}, b"\x01\x02", 0x0102),
        ({"type": "u16le"}, b"\x01\x02", 0x0201),
        ({"type": "i16be"}, b"\xff\x85", -123),
        ({"type": "u24be"}, b"\x01\x8b\x89", 101257),
        ({"type": "i24le"}, b"\xff\xff\xff", -1),
        ({"type": "u32cdab"}, b"\x00\x03\x00\x01", 0x00010003),
        ({"type": "u32badc"}, b"\x01\x00\x03\x02", 0x00010203),
        ({"type": "u48be"}, b"\x00\x00\x00\x00\x01\x00", 256),
        ({"type": "u64le"}, b"\x01" + bytes(7), 1),
        ({"type": "f32be"}, struct.pack(">f", 0.5), 0.5),
        ({"type": "f32le"}, struct.pack("<f", 0.5), 0.5),
        ({"type": "f32cdab"}, b"\x00\x00\x3f\x00", 0.5),
        ({"type": "f64be"}, struct.pack(">d", 0.1), 0.1),
        ({"type": "f16be"}, struct.pack(">e", 0.5), 0.5),
        ({"type": "bcd", "size": 3}, b"\x12\x34\x56", 123456),
        ({"type": "bcdle", "size": 2}, b"\x34\x12", 1234),
        ({"type": "ascii", "size": 5}, b"12.5\0", 12.5),
        ({"type": "u16be", "bits": [5, 11]}, b"\xac\x36", 0xAC36 >> 5),
        ({"type": "i8", "bits": [4, 4]}, b"\xf0", -1),
        ({"at": -2, "type": "u16be"}, b"\x01\x02\x03", 0x0203),
        (
            {"at": 0, "bits": [0, 7], "times": 100, "plus": [{"at": 1}], "negative": {"at": 0, "bits": [7, 1]}},
            b"\x81\x32",
            -150,
        ),
    ],
)
def test_a_number_stands_at_its_offset(field, payload, expected):
    """All types, in all orders of bytes that makers thought of."""
    assert values(declared("binary", fields=[{"metric": "x", "at": 0, **field}]), payload) == {"x": expected}


def test_digits_above_nine_are_no_decimal_number():
    """1e55 in a field of decimal digits is damage, and not a one with 55 zeros."""
    format_ = declared("binary", fields=[{"metric": "x", "at": 0, "type": "bcd", "size": 2}])

    assert bad(format_, b"\x1e\x55") == [("not_a_number", "x")]


@pytest.mark.parametrize("told", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_not_finite_costs_itself(told):
    """Some meters send NaN for what they do not measure; the format may say so."""
    fields = [{"metric": "x", "at": 0, "type": "f32be"}, {"metric": "y", "at": 4}]
    payload = struct.pack(">f", told) + b"\x07"

    assert bad(declared("binary", fields=fields), payload) == [("not_finite", "x")]
    assert values(declared("binary", fields=fields), payload) == {"y": 7}
    if told != told:
        assert values(declared("binary", fields=fields, nulls=["nan"]), payload) == {"x": None, "y": 7}


def test_a_frame_that_ends_too_early_is_refused_but_for_what_is_optional():
    """Half a frame has no values."""
    format_ = declared("binary", fields=[{"metric": "a", "at": 0}, {"metric": "b", "at": 1, "optional": True}])

    assert values(format_, b"\x01") == {"a": 1}
    assert reason(format_, b"") == "no_fields"


@pytest.mark.parametrize(("size", "good", "wrong"), [(2, 2, 3), ([2, 3], 3, 4), ({"at": 0, "add": 1}, 3, 4)])
def test_a_frame_has_the_size_that_is_declared_or_that_it_says_itself(size, good, wrong):
    """Another size is another kind of frame."""
    format_ = declared("binary", size=size, fields=[{"metric": "x", "at": 1}])

    assert values(format_, b"\x02\x07\x00\x00"[:good]) == {"x": 7}
    assert reason(format_, b"\x02\x07\x00\x00"[:wrong]) == "no_fields"


def test_a_field_may_be_repeated_to_the_end():
    """Registers, as many as were asked for."""
    format_ = declared(
        "binary", fields=[{"metric": "register_{n}", "at": 1, "type": "u16be", "repeat": "rest", "first": 40}]
    )

    assert values(format_, b"\x00\x00\x01\x00\x02\x03") == {"register_40": 1, "register_41": 2}


def test_items_are_read_by_their_tags():
    """A gateway tells what it has; what is unknown has an unknown size, and ends it."""
    format_ = declared(
        "tagged",
        at=1,
        until=-1,
        of={
            1: {"fields": [{"metric": "t", "at": 0, "type": "i16be", "scale": 0.1}]},
            6: {"fields": [{"metric": "h", "at": 0}]},
            0x4C: {"size": 2},
        },
    )

    assert values(format_, bytes.fromhex("ff 06 26 4c 0000 01 00eb 99")) == {"t": 23.5, "h": 38}
    assert values(format_, bytes.fromhex("ff 06 26 77 01 00eb 99")) == {"h": 38}
    assert bad(format_, bytes.fromhex("ff 06 26 77 01 00eb 99")) == [("no_fields", None)]
    assert bad(format_, bytes.fromhex("ff 06 26 01 00 99")) == [("no_fields", None)]


def test_items_that_say_their_length_can_be_passed_over():
    """Then an unknown one costs nothing but itself."""
    format_ = declared("tagged", length="u8", of={1: {"fields": [{"metric": "t", "at": 0}]}})

    assert values(format_, bytes.fromhex("77 02 0000 01 01 07")) == {"t": 7}


def test_records_are_frames_of_their_own():
    """A logger hands over what it remembered; a bad record costs itself."""
    inside = {"kind": "binary", "fields": [{"name": "id", "at": 0, "must": 7}, {"metric": "t", "at": 1}]}
    format_ = declared("records", at=1, until=-1, size=2, of=inside)

    found = decoded(format_, b"\x01\x07\x04\x08\x05\x07\x06\xff")

    assert [{"t": 4}, {"t": 6}] == [frame.values for frame in found.frames]
    assert ["no_fields"] == [each.reason for each in found.bad]
    assert reason(format_, b"\x01\x07\x04\x08\xff") == "no_fields"


def test_a_clock_of_four_digits_is_told_as_such():
    """805 is five past eight, and not half past eighty."""
    fields = [{"name": "clock", "at": 0, "type": "u16le", "digits": 4}, {"metric": "t", "at": 2}]
    format_ = declared("binary", time={"from": "2026-11-22 {clock}", "format": "%Y-%m-%d %H%M"}, fields=fields)

    assert datetime(2026, 11, 22, 1, 30, tzinfo=UTC) == decoded(format_, b"\x82\x00\x07").frames[0].time


def test_text_may_spell_bytes():
    """A receiver prints the bytes that it heard, in decimal or in hex."""
    inside = {
        "kind": "binary",
        "device": "s{id}-{from}",
        "fields": [{"name": "id", "at": 0}, {"metric": "t", "at": 1, "type": "u16be"}],
    }
    format_ = declared("bytes", pattern=r"^OK (?P<from>\w) (?P<bytes>[\d ]+)$", spelled="decimal", of=inside)

    (frame,) = decoded(format_, "OK A 9 1 2").frames

    assert ("s9-A", {"t": 258}, "OK A 9 1 2") == (frame.device, frame.values, frame.raw)
    assert reason(format_, "OK A 9 1 256") == "no_fields"
    assert reason(format_, "hello") == "no_fields"
    assert reason(declared("bytes", of=inside), "0G") == "no_fields"


# Choices


def test_the_payload_itself_may_say_what_kind_it_is():
    """By a byte, nested as deep as the protocol is."""
    format_ = declared(
        "choice",
        by={"at": 0},
        device="bus-{id}",
        of={
            "0x52": {"kind": "binary", "fields": [{"name": "id", "at": 1}, {"metric": "t", "at": 2}]},
            0x53: {"like": 0x52},
            1: {"kind": "ignore", "why": "a greeting"},
            2: "refuse",
        },
        otherwise="ignore",
    )

    (frame,) = decoded(format_, b"\x52\x07\x09").frames
    assert ("bus-7", {"t": 9}) == (frame.device, frame.values)
    assert "a greeting" == decoded(format_, b"\x01").ignored
    assert "no measurement" == decoded(format_, b"\x63").ignored
    assert reason(format_, b"\x02") == "no_fields"
    assert reason(format_, b"") == "no_fields"


@pytest.mark.parametrize(
    ("by", "name", "payload"),
    [
        ({"key": "meta.model"}, "a", json.dumps({"meta": {"model": "a"}, "t": 1})),
        ({"pattern": r'"model":"(\w+)"'}, "a", '{"model":"a","t":1}'),
        ({"prefix": True}, '{"mo', '{"model":"a","t":1}'),
        ({"matches": True}, '^{"model"', '{"model":"a","t":1}'),
        ({"column": 1, "separator": ":"}, '"a","t"', '{"model":"a","t":1}'),
        ({"length": True}, 19, '{"model":"a","t":1}'),
        ({"at": 2, "type": "ascii", "size": 5}, "model", '{"model":"a","t":1}'),
    ],
)
def test_there_are_many_ways_to_tell_kinds_apart(by, name, payload):
    """Whatever the maker thought of."""
    inside = {"kind": "json", "ignore": ["model", "meta.model"]}
    format_ = declared("choice", by=by, of={name: inside}, otherwise="refuse")

    assert values(format_, payload) == {"t": 1}
    assert reason(declared("choice", by=by, of={7: inside}), payload) == "no_fields"


def test_a_payload_may_be_read_several_times():
    """A meter's telegram has the readings of others in it, with times of their own."""
    format_ = declared(
        "several",
        of=[
            {"kind": "regex", "pattern": r"T(?P<t>\d+)", "fields": {"t": "temperature"}},
            {
                "kind": "regex",
                "every": True,
                "pattern": r"G(?P<g>\d+)",
                "device": "{device}-gas",
                "fields": {"g": "volume"},
            },
        ],
    )

    assert [("m", {"temperature": 1}), ("m-gas", {"volume": 2})] == [
        (frame.device, frame.values) for frame in decoded(format_, "T1 G2", "m").frames
    ]
    assert ["m-gas"] == [frame.device for frame in decoded(format_, "G2", "m").frames]
    assert reason(format_, "nothing") == "no_fields"


# Sentences


SENTENCES = {
    "MWV": {
        "fields": {
            "wind_speed": {
                "metric": "wind",
                "to": "m/s",
                "unit": {"field": "wind_speed_units", "of": {"N": "knot", "M": "m/s"}},
                "only_if": {"status": "A"},
            }
        }
    },
    "MTW": {"empty": "failed", "fields": {"temperature": "water_temperature"}},
    "MHU": {"fields": {"1": "humidity"}},
    "XDR": {
        "groups": ["type", "value", "unit", "key"],
        "unit": "{type}{unit}",
        "units": {"CC": "degC", "PB": "bar"},
        "fields": {"P": {"metric": "pressure", "unit": "Pa"}},
        **ANY,
    },
}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("$IIMWV,271.0,R,010.0,N,A*38", {"wind": 463 / 90}),
        ("$IIMWV,271.0,R,010.0,N,V", {"wind": None}),
        ("$RAMTW,,C*1E", {"water_temperature": None}),
        ("$WIMHU,40.5,,,C", {"humidity": 40.5}),
        ("$WIXDR,C,20.5,C,AIR,P,1.0132,B,,P,,B,X", {"AIR": 20.5, "pressure": 1013.2}),
    ],
)
def test_sentences_are_read_by_the_names_of_their_fields(sentence, expected):
    """Or by their places, for those that the library does not know."""
    assert values(declared("nmea0183", sentences=SENTENCES), sentence) == pytest.approx(expected)


@pytest.mark.parametrize("sentence", ["$WIMHU,,,,C", "$GPGSV,1,1,00", "$GPXYZ,1,2", "$PXYZ,1"])
def test_a_sentence_without_a_reading_is_passed_over(sentence):
    """Empty is not zero, and most of what a GPS says is not for us."""
    assert decoded(declared("nmea0183", sentences=SENTENCES), sentence).ignored


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("$IIMWV,271.0,R,010.0,N,A*3B", "bad_checksum"),
        ("hello", "no_fields"),
        ("$", "no_fields"),
        ("\x00", "no_fields"),
    ],
)
def test_what_is_no_sentence_is_refused(sentence, expected):
    """Also where the framing did not check the sum."""
    assert expected == reason(declared("nmea0183", sentences=SENTENCES), sentence)


# Plugins


class Meter:
    """Somebody else's decoder."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def decode(self, payload):
        if payload == b"crash":
            raise RuntimeError("boom")
        if payload == b"nonsense":
            return [42]
        if payload == b"bad":
            return [(None, None, {"x": float("nan"), "y": 1, "z\n": 2, "w": "3"})]
        return [
            ("m1", datetime(2026, 11, 22, tzinfo=UTC), {"energy": len(payload) * self.factor}),
            (None, None, {"t": None}),
        ]


@pytest.fixture
def installed(monkeypatch):
    """As if a package had declared it."""
    point = importlib.metadata.EntryPoint("meter", f"{__name__}:Meter", "barograph.formats")
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda self: Meter)
    monkeypatch.setattr(
        "barograph.collector.decoding.plugins.entry_points",
        lambda group, name=None: [point] if name in (None, "meter") else [],
    )


def test_a_plugin_gives_devices_times_and_values(installed):
    """For what no declaration can say, such as AES."""
    found = decoded(declared("plugin", plugin="meter", options={"factor": 0.5}), b"1234").frames

    assert [("m1", {"energy": 2.0}), ("port", {"t": None})] == [(frame.device, frame.values) for frame in found]
    assert datetime(2026, 11, 22, tzinfo=UTC) == found[0].time


def test_what_a_plugin_returns_is_not_trusted(installed):
    """It costs the frame, or the value, and nothing else."""
    format_ = declared("plugin", plugin="meter")

    assert reason(format_, b"crash") == "no_fields"
    assert reason(format_, b"nonsense") == "no_fields"
    assert values(format_, b"bad") == {"y": 1}
    assert {("not_finite", "x"), ("bad_metric", "z\n"), ("not_a_number", "w")} == set(bad(format_, b"bad"))


def test_a_plugin_that_cannot_be_made_is_a_message(installed):
    """A wrong option is found at the start, and not with the first frame."""
    with pytest.raises(DocumentError, match="cannot be made"):
        decoded(declared("plugin", plugin="meter", options={"key": "x"}), b"1")


def test_patterns_know_letters_from_bytes():
    """A degree sign is two bytes and one letter."""
    format_ = declared("regex", pattern=r"^T=(?P<t>\d+).(?P<unit>.)$", fields={"t": "temperature"}, device="{unit}")

    assert "µ" == decoded(format_, "T=21°µ").frames[0].device
    assert reason(format_, "T=21°µµ") == "no_fields"
    empty = declared("regex", pattern=r"(?P<t>x*)", every=True, fields={"t": "t"})
    assert [None] * 6 == [frame.values["t"] for frame in decoded(empty, "é漢\U0001f600").frames][:6]
