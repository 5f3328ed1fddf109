"""Whatever stands in a payload: no crash, no hang, no value that is none, and the neighbours are read."""

import json
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.collector.declared import Heard, data, declared, decoded, ours, reason, values

from barograph.collector.decoding import Decoder, decoder
from barograph.collector.decoding.result import MOST_BAD, MOST_VALUES
from barograph.collector.formats import shipped
from barograph.errors import FrameError
from barograph.readings import REASONS, encoded

PAIRS = {"fields": {"t": "temperature"}, "unknown": "keep"}
TEXTS = {
    "json": declared("json", device=["id", "a.b"], time={"field": "ts"}, fields={"t": {"metric": "t", "scale": 0.1}}),
    "json-lenient": declared("json", texts="ignore"),
    "placed": declared("delimited", separator=",", columns=[{"is": "device"}, {"is": "time"}, {"metric": "t"}]),
    "quoted": declared(
        "delimited", separator=",", quote='"', extra="ignore", columns=[{"metric": "t", "optional": True}]
    ),
    "blanks": declared("delimited", separator="blanks", columns=[{"metric": "a"}, {"metric": "b", "base": 16}]),
    "header": declared("delimited", separator=",", quote='"', header=True, unknown="keep"),
    "name lines": declared("delimited", separator="blanks", name_lines="(?P<column>.)=(?P<name>.)", unknown="keep"),
    "pairs": declared("pairs", **PAIRS),
    "pairs with units": declared(
        "pairs", separator="blanks", assign=":", value_pattern="(?P<value>.)(?P<unit>.)", **PAIRS
    ),
    "regex": declared("regex", pattern=r"(?P<t>\S+)", fields={"t": "temperature"}),
    "every": declared("regex", pattern=r"(?P<d>\w)(?P<t>\S*)", every=True, device="{d}", fields={"t": "temperature"}),
    "list": declared("regex", pattern=r"(?P<key>\w*)(?P<value>\W*)", unknown="keep"),
    "columns": declared("columns", fields=[{"metric": "a", "columns": [0, 3]}, {"metric": "b", "columns": [3, None]}]),
    "hex": declared("bytes", of={"kind": "binary", "fields": [{"metric": "a", "at": 0}]}),
    "decimal": declared("bytes", spelled="decimal", of={"kind": "binary", "fields": [{"metric": "a", "at": -1}]}),
    "choice": declared(
        "choice", by={"matches": True}, of={"^[{]": {"kind": "json"}}, otherwise={"kind": "pairs", **PAIRS}
    ),
    "key": declared("choice", by={"key": "a.b"}, of={"c": {"kind": "json"}}, otherwise="ignore"),
    "latin-1": declared("pairs", encoding="latin-1", **PAIRS),
}
BY_BYTE = st.binary(max_size=300)
SHORT = 5.0
"""Seconds of work for a payload: what runs away takes minutes, and the slowest takes a hundredth of this."""


DECODERS: dict[int, Decoder] = {}


def ready(format_) -> Decoder:
    """Put together once, as a port has it."""
    return DECODERS.setdefault(id(format_), DECODERS.get(id(format_)) or decoder(format_))


def harmless(format_, payload: bytes) -> list:
    """Read it; whatever is wrong has a word that we know, and whatever is right can travel."""
    began = time.process_time()
    try:
        found = ready(format_)(payload, "port")
    except FrameError as error:
        assert error.reason in REASONS
        assert len(error.detail) < 500
        return []
    finally:
        assert time.process_time() - began < SHORT
    assert all(each.reason in REASONS for each in found.bad)
    assert len(found.bad) <= MOST_BAD
    for frame in found.frames:
        assert encoded([frame])
        assert all(value is None or math.isfinite(value) for value in frame.values.values())
    return found.frames


@pytest.fixture(scope="module")
def naughty() -> list[str]:
    return [each["s"] for each in json.loads(data("malformed", "naughty_strings.json").read_text())["strings"]]


def files(*path: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(data("malformed", *path).iterdir())]


@pytest.mark.parametrize("name", TEXTS)
def test_naughty_strings_do_no_harm(name, naughty):
    """Names, values and whole lines of what breaks others: they are refused, kept out, or are the text they are."""
    for text in naughty:
        quoted = json.dumps(text)
        for payload in (
            text,
            f"{text},{text}",
            f"t={text},h=1",
            f"{text}=1",
            f'{{{quoted}:1,"t":{quoted}}}',
            f"1,{text},{text}",
            f"{text}\t{text}",
            f"a.b {text}",
        ):
            harmless(TEXTS[name], payload.encode("utf-8", "surrogatepass"))


def test_naughty_names_do_not_spoil_their_neighbours(naughty):
    """One value costs itself."""
    for text in naughty:
        payload = json.dumps({"device": "a", text: {"x": text}, "neighbour": 4.5})
        found = decoded(declared("json", device="device"), payload)

        assert [4.5] == [frame.values["neighbour"] for frame in found.frames]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("folder", ["json", "json_transform", "csv"])
def test_malformed_files_do_no_harm(name, folder):
    """As a whole, and line by line."""
    for content in files(folder):
        harmless(TEXTS[name], content)
        for line in content.splitlines():
            harmless(TEXTS[name], line)


def test_what_is_no_json_gives_no_value():
    """Of JSONTestSuite: what parsers must refuse, we do not read."""
    for path in sorted(data("malformed", "json").glob("n_*.json")):
        assert [] == harmless(TEXTS["json"], path.read_bytes()), path.name


def test_what_is_json_is_read():
    """Of JSONTestSuite: an object in it may have no values for us, but it is JSON."""
    for path in sorted(data("malformed", "json").glob("y_*.json")):
        try:
            decoded(TEXTS["json"], path.read_bytes())
        except FrameError as error:
            assert error.reason != "not_utf8"
            assert error.reason != "not_json" or not path.read_bytes().strip().startswith(b"{"), path.name


def test_quoted_columns_are_read_as_everybody_reads_them():
    """csv-spectrum, as far as a line of a port can be one of a file."""
    for path in sorted(data("malformed", "csv").glob("*.csv")):
        wanted = json.loads(path.with_suffix(".json").read_text())
        lines = path.read_bytes().decode().splitlines()
        if len(lines) != len(wanted) + 1:
            continue  # line ends within quotes: the framing has cut them
        read = decoder(declared("delimited", separator=",", quote='"', header=True, unknown="keep", texts="ignore"))
        read(lines[0].encode(), "x")
        for line, row in zip(lines[1:], wanted, strict=True):
            numbers = {name: float(cell) for name, cell in row.items() if cell.isdigit()}
            if numbers:
                found = read(line.encode(), "x").frames[0].values
                assert numbers == {name: value for name, value in found.items() if value is not None}


@given(BY_BYTE)
def test_no_bytes_do_harm_to_any_text_kind(payload):
    """A line that was hit by noise."""
    for format_ in TEXTS.values():
        harmless(format_, payload)


@pytest.mark.parametrize("name", shipped())
@settings(max_examples=60)
@given(payload=BY_BYTE)
def test_no_bytes_do_harm_to_a_shipped_format(name, payload):
    """Neither as a payload nor as a stream."""
    harmless(FORMATS[name], payload)
    heard = Heard(FORMATS[name], payload, read=ready(FORMATS[name]))
    assert set(heard.refused) <= set(REASONS)


FORMATS = {name: ours(name) for name in shipped()}


LONG = 1_000_000


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("json", b"[" * LONG, "not_json"),
        ("json", b'{"a":' * LONG, "not_json"),
        ("json", b'{"id":1,"t":' + b"9" * LONG + b"}", None),
        ("json", b'{"id":1,%s"z":1}' % b"".join(b'"a%d":1,' % n for n in range(MOST_VALUES + 1)), "too_long"),
        ("json", b'{"id":1,%s"z":1}' % b"".join(b'"a%d":"x",' % n for n in range(MOST_VALUES - 5)), None),
        ("json", b'{"id":1,' + b'"a":{"a":' * 400 + b"1" + b"}" * 801, None),
        ("placed", b"," * LONG, "no_fields"),
        ("header", b"a," * LONG, "too_long"),
        ("pairs", b"a=1," * (LONG // 4), "too_long"),
        ("pairs", b"=" * LONG, None),
        ("every", b"a1 " * (LONG // 3), "too_long"),
        ("list", b"a1 " * (LONG // 3), "too_long"),
        ("regex", b" " * LONG, "no_fields"),
        ("columns", b"1" * LONG, None),
        ("hex", b"0" * LONG, None),
        ("decimal", b"1 " * (LONG // 2), None),
    ],
)
def test_a_line_of_a_million_characters_costs_little(name, payload, expected):
    """A board that lost its line ends; the port allows so much at most."""
    try:
        decoded(TEXTS[name], payload)
    except FrameError as error:
        assert expected in (None, error.reason)
    else:
        assert expected is None
    harmless(TEXTS[name], payload)


@pytest.mark.parametrize("pattern", [r"^(?P<t>(a+)+)$", r"(?P<t>(x+x+)+y)", r"(?P<t>(.*)*)=", r"(?P<t>(a|a|a)*)b"])
def test_no_pattern_makes_time_explode(pattern):
    """With another engine each of these takes longer than the universe on a line of a hundred letters."""
    format_ = declared("regex", pattern=pattern, fields={"t": "t"})

    for line in (b"a" * 10_000 + b"!", b"x" * 10_000, b"=" * 10_000):
        harmless(format_, line)


def test_a_line_full_of_bad_values_is_told_in_some():
    """Each one would be a reject with the whole line in it."""
    line = json.dumps({f"a{n}": "x" for n in range(500)} | {"good": 1})

    found = decoded(declared("json"), line)

    assert MOST_BAD == len(found.bad)
    assert [{"good": 1}] == [frame.values for frame in found.frames]


def test_names_that_never_end_do_not_fill_the_memory():
    """A hostile board names its metric anew in each line."""
    format_ = declared("json")
    read = decoder(format_)

    for number in range(5000):
        read(b'{"m%d":1}' % number, "a")

    assert values(format_, '{"m9999":1}') == {"m9999": 1}


def test_a_device_cannot_speak_for_our_own_names():
    """What we call a unit in a record is nothing that a board can say."""
    format_ = declared(
        "pairs", fields={"t": {"metric": "temperature", "unit": {"of": {"F": "degF"}, "otherwise": "degC"}}}
    )

    assert values(format_, "\0t=F,t=68") == {"temperature": 68}
    assert reason(format_, "\0t=F") == "no_fields"
