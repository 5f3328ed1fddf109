import re
from pathlib import Path

import pytest
from tests.unit.collector.declared import Heard

from barograph.collector.formats import (
    KINDS,
    BinaryField,
    By,
    Column,
    DelimitedFormat,
    JsonFormat,
    TimeField,
    read_format,
    read_format_file,
)
from barograph.collector.formats.framing import LineFraming
from barograph.errors import DocumentError
from barograph.registry import read_site
from barograph.rules.book import read_rules

DEMO = Path(__file__).parents[3] / "include" / "sites" / "demo"
DOCS = Path(__file__).parents[3] / "docs" / "formats.md"


def written(folder: Path, text: str) -> Path:
    (folder / "formats").mkdir()
    (folder / "formats" / "board.yaml").write_text(text)
    return folder


def test_the_demo_site_is_sound():
    """It is the example that everybody copies."""
    site = read_site(DEMO)

    formats = {port.port: read_format(DEMO, port.format) for port in site.ports}

    assert {
        "cold-wall": JsonFormat,
        "freezers": DelimitedFormat,
        "shop-floor": JsonFormat,
        "dock": DelimitedFormat,
    } == {port: type(declared) for port, declared in formats.items()}
    assert len(site.devices) == 12
    assert "fridge-too-warm" in [rule.rule for rule in read_rules(DEMO).rules]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: jsn", "board.yaml:1: kind: must be one of json, delimited, pairs,"),
        ("kind: json\nrenam: {t: temperature}", "board.yaml:2: renam: is not a known field. Did you mean `rename`?"),
        ("kind: delimited\ncolumns:\n  - {is: device}", "no column is a metric"),
        ("kind: delimited\ncolumns:\n  - {metric: t}\n  - {metric: t}", "metric t stands in two columns"),
        ("kind: delimited\ncolumns:\n  - {metric: t, is: skip}", "board.yaml:3: columns.0: give exactly one of"),
        ("kind: delimited\nseparator: ','\ndecimal: ','\ncolumns: [{metric: t}]", "are the same"),
        ("kind: delimited\ncolumns: [{metric: t, scale: 0}]", "scale 0 would make every value 0"),
        (
            "kind: json\nfields:\n  t: {metric: temperature, unit: degQ}",
            "board.yaml:3: fields.t: degQ is not a known unit",
        ),
        ("kind: json\nfields:\n  t: {metric: temperature, unit: hPa}", "cannot become °C"),
        ("kind: json\nfields:\n  t: {metric: pressure, to: bar}", "`to` is for other metrics: pressure is kept in hPa"),
        ("kind: json\nfields: {t: [{metric: a}, {metrc: b}]}", "fields.t.1.metrc: is not a known field. Did you mean"),
        ("kind: json\nfields: {t: {metric: t, enum: {on: 1}}}", "put the word in quotes"),
        ("kind: json\nfields: {t: {metric: t, nulls: [yes]}}", "put the word in quotes"),
        ("kind: json\nfields: {t: a}\nrename: {t: b}", "t stands in `rename` and in `fields`"),
        ("kind: json\ntime: {field: t, zone: Mars/Base}", "board.yaml:2: time.zone: is not a time zone"),
        ("kind: json\ntime: {unit: seconds}", "give exactly one of `field` and `from`"),
        ("kind: pairs\nfields: {t: t}\nseparator: '='", "separator and assign are the same"),
        ("kind: pairs", "no field is a metric"),
        ("kind: regex\npattern: '(?P<t>'\nfields: {t: t}", "board.yaml:2: pattern: is not a pattern: missing )"),
        ("kind: regex\npattern: '(?=x)(?P<t>.)'\nfields: {t: t}", "is not a pattern: invalid perl operator"),
        ("kind: regex\npattern: 't=(.)'\nfields: {t: t}", "the pattern has no named groups"),
        ("kind: regex\npattern: '(?P<t>.)'\nfields: {x: t}", "the pattern has no group x"),
        ("kind: delimited\nheader: true\ncolumns: [{metric: t}]", "`columns` is a mapping from name to field"),
        ("kind: delimited\ncolumns: {t: t}", "give `header: true` for columns by name"),
        ("kind: binary\nfields: [{metric: t, at: 0, type: u12}]", "board.yaml:2: fields.0.type: String should match"),
        ("kind: binary\nfields: [{metric: t, at: 0, type: bcd}]", "`size` is for bcd, bcdle, hex, hexle, ascii"),
        ("kind: binary\nfields: [{metric: t, at: 0, bits: [6, 4]}]", "bits [6, 4] are not within a u8"),
        ("kind: binary\nfields: [{metric: t, at: -1, type: u16be}]", "reach behind the end"),
        ("kind: binary\nfields: [{metric: t, at: 0, repeat: 3}]", "`repeat` goes with a metric that has {n} in it"),
        ("kind: binary\nfields: [{name: t, at: 0}]", "no field is a metric"),
        ("kind: choice\nby: {at: 0, key: a}\nof: {1: ignore}", "give exactly one of at, key, column"),
        ("kind: choice\nby: {at: 0}\nof: {x: ignore}", "'x' is not a whole number such as 82 or 0x52"),
        ("kind: choice\nby: {at: 0}\nof: {1: {like: 2}}", "1 is like 2, which is not described here"),
        (
            "kind: choice\nby: {at: 0}\nof:\n  1:\n    kind: json\n    frame: {cut: line}",
            "`frame` stands once, at the top",
        ),
        (
            "kind: choice\nby: {at: 0}\nof:\n  0x52:\n    kind: binary\n    fields: [{metric: t, at: 0, typ: u8}]",
            "board.yaml:6: of.0x52.fields.0.typ: is not a known field. Did you mean `type`?",
        ),
        ("kind: json\nframe: {cut: lines}", "board.yaml:2: frame.cut: must be one of line"),
        ("kind: nmea0183\nsentences: {mtw: {}}", "String should match"),
        ("kind: plugin\nplugin: My Meter", "String should match"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_field(tmp_path, text, expected):
    """Whoever connects a board at night needs the place, not a traceback."""
    with pytest.raises(DocumentError) as refused:
        read_format(written(tmp_path, text), "board")

    assert expected in str(refused.value)


def test_a_format_that_is_not_there_names_those_that_are(tmp_path):
    """Most often it is a slip of the pen."""
    with pytest.raises(DocumentError, match="Formats there: board"):
        read_format(written(tmp_path, "kind: json"), "bord")


@pytest.mark.parametrize("name", ["cold-wall", "freezers", "shop-floor", "dock"])
def test_formats_of_the_first_version_mean_what_they_meant(name):
    """A site that was set up last year must not be set up again."""
    site = read_site(DEMO)
    (port,) = [port for port in site.ports if port.port == name]
    declared = read_format(DEMO, port.format)

    assert declared.frame == LineFraming()
    assert declared.nulls == ["", "----"]
    assert declared.about == ""


def test_whoever_lost_the_beginning_of_json_shows_it():
    """The first line after plugging in may be half of one: half an object is none, half a row is another row."""
    assert JsonFormat(kind="json").shows_its_end
    assert not DelimitedFormat(kind="delimited", columns=[{"metric": "t"}]).shows_its_end


def test_every_example_of_the_documentation_is_a_format(tmp_path):
    """Whoever copies one must not be told that it is wrong."""
    examples = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)

    for number, text in enumerate(examples):
        path = tmp_path / f"example{number}.yaml"
        path.write_text(text, encoding="utf-8")
        assert read_format_file(path).kind
    assert len(examples) > 5


def test_the_worked_example_reads_its_board(tmp_path):
    """The lines, the YAML and what comes of them stand in one page, and belong together."""
    text = DOCS.read_text(encoding="utf-8")
    lines = re.search(r"says:\n\n```\n(.*?)```", text, re.DOTALL)[1].encode()
    last = next(example for example in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "bx2-{board}" in example)
    path = tmp_path / "bx2.yaml"
    path.write_text(last, encoding="utf-8")

    heard = Heard(read_format_file(path), lines)

    assert [] == heard.refused
    assert [
        ("bx2-0017", {"temperature": 23.6, "humidity": 55.0, "door": 1.0}),
        ("bx2-0018", {"temperature": -18.2, "humidity": None, "door": 0.0}),
    ] == [(frame.device, frame.values) for frame in heard.frames]


def test_every_kind_and_word_is_documented():
    """A word that is not in the reference is one that nobody finds."""
    text = DOCS.read_text(encoding="utf-8")
    words = set(KINDS)
    for model in (*KINDS.values(), Column, BinaryField, TimeField, By):
        words |= {field.alias or name for name, field in model.model_fields.items()} - {"kind", "first", "size"}

    assert [] == sorted(word for word in words if f"`{word}" not in text and f" {word}" not in text)
