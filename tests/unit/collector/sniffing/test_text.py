"""Boards that speak text: what is inferred of a few lines, and that it reads them."""

from functools import reduce
from operator import xor

import pytest

from barograph.collector.formats import DelimitedFormat
from barograph.collector.sniffing import Guess, at_once, guesses


def inferred(stream: bytes) -> Guess:
    """The best format that is made of nothing but the bytes."""
    return guesses(at_once(stream), known=False)[0]


def lines(count: int, form: str) -> bytes:
    return b"".join(form.format(i=i).encode() + b"\r\n" for i in range(count))


def checked(count: int) -> bytes:
    said = [f"BX2,0017,{235 + i:+05d},{55 + i % 3:03d},{i % 2}".encode() for i in range(count)]
    return b"".join(b"$" + each + b"*%02X\r\n" % reduce(xor, each) for each in said)


def test_json_names_its_device_its_clock_and_its_values():
    """The board's own words for them are telling enough."""
    guess = inferred(
        lines(8, '{{"id":"fridge-{i}","ts":"2026-01-01T00:00:0{i}Z","data":{{"t":{i}.5,"door":false}},"fw":"1.2"}}')
    )

    assert "json" == guess.declared.kind
    assert ["id"] == guess.declared.device
    assert "ts" == guess.declared.time.field
    assert {"data.t": "temperature", "data.door": "door"} == {n: f.metric for n, f in guess.declared.fields.items()}
    assert 8 == guess.score.frames


def test_pairs_are_split_from_their_units():
    """`Ta=16.1C` is a name, a number and its unit."""
    guess = inferred(lines(8, "0R2,Ta=1{i}.1C,Ua=79.3P,Pa=959.7H"))

    assert "pairs" == guess.declared.kind
    assert ["temperature", "humidity", "pressure"] == [field.metric for field in guess.declared.fields.values()]


def test_columns_have_a_device_a_decimal_comma_and_numbers():
    """As many European loggers write them."""
    guess = inferred(b"".join(b"freezer-%s;-18,%d;%d\n" % ([b"ice", b"fish"][i % 2], i, i % 2) for i in range(8)))

    assert (";", ",") == (guess.declared.separator, guess.declared.decimal)
    assert ["device", None, None] == [column.is_ for column in guess.declared.columns]
    assert {"freezer-ice", "freezer-fish"} == set(guess.score.devices)


def test_a_header_line_names_the_columns_and_is_no_row():
    """It may not come again: the columns go by place."""
    guess = inferred(b"time,temp,hum\n" + lines(8, "2026-01-01 00:00:0{i},2{i}.5,44"))

    assert isinstance(guess.declared, DelimitedFormat)
    assert ["temperature", "humidity"] == [column.metric for column in guess.declared.columns[1:]]
    assert "time" == guess.declared.time.field
    assert (8, 1) == (guess.score.frames, guess.score.passed_over)


def test_the_checksum_behind_a_line_is_found():
    """Then damage shows, and a half line is none."""
    guess = inferred(checked(9))

    (checksum,) = guess.declared.frame.checksum
    assert ("xor8", "hex", b"*") == (checksum.kind, checksum.as_, checksum.after)
    assert ["0017"] == list(guess.score.devices)


def test_a_sentence_for_people_becomes_a_pattern():
    """Many sketches print words around their numbers."""
    guess = inferred(lines(8, "Temp: 2{i}.5 *C, Hum: 40.{i} %, lux 300"))

    assert "regex" == guess.declared.kind
    assert {"temperature", "humidity", "light"} == set(guess.declared.fields)


def test_lines_of_several_kinds_are_told_apart_by_how_they_begin():
    """A board with more than one sensor says one line for each."""
    guess = inferred(b"".join(b"T,%d.5\r\n" % i if i % 2 else b"D,open,%d\r\n" % i for i in range(12)))

    assert "choice" == guess.declared.kind
    assert {"T", "D"} == set(guess.declared.of)
    assert 12 == guess.score.frames


def test_a_mark_for_no_value_is_not_taken_for_a_number():
    """-9999 would be a temperature."""
    guess = inferred(b"".join(b"board-7;%s\n" % (b"-9999" if i == 3 else b"21.%d" % i) for i in range(8)))

    assert [-9999] == guess.declared.columns[1].nulls


@pytest.mark.parametrize(
    ("stream", "kind"),
    [
        (lines(8, "2{i}.5"), "delimited"),
        (lines(8, "21.5   40   101{i}.2"), "delimited"),
        (b"".join(b"\x02%d;40\x03" % (20 + i) for i in range(8)), "delimited"),
    ],
    ids=["a number a line", "blanks", "STX and ETX"],
)
def test_what_is_written_can_be_read_again(stream, kind):
    """The YAML is a format like any other, and reads what was heard."""
    guess = inferred(stream)

    assert kind == guess.declared.kind
    assert (8, 0, 0) == (guess.score.frames, guess.score.refused, guess.score.bad)
    assert guess.draft.format() == guess.declared


def test_what_is_a_guess_says_so():
    """Nobody must take it for the maker's word."""
    yaml = inferred(checked(9)).draft.yaml()

    assert "# $BX2,0017,+0235,055,0*" in yaml
    assert "(a guess)" in yaml and "what is it?" in yaml
