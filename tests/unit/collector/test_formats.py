from pathlib import Path

import pytest

from barograph.collector.formats import DelimitedFormat, JsonFormat, read_format
from barograph.errors import DocumentError
from barograph.registry import read_site
from barograph.rules.model import read_rules

DEMO = Path(__file__).parents[3] / "include" / "sites" / "demo"


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
    assert "fridge-too-warm" in [rule.rule for rule in read_rules(DEMO)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: jsn", "board.yaml:1: kind: must be one of json, delimited (found 'jsn')."),
        ("kind: json\nrenam: {t: temperature}", "board.yaml:2: renam: is not a known field. Did you mean `rename`?"),
        ("kind: delimited\ncolumns:\n  - {is: device}", "no column is a metric"),
        ("kind: delimited\ncolumns:\n  - {metric: t}\n  - {metric: t}", "metric t stands in two columns"),
        ("kind: delimited\ncolumns:\n  - {metric: t, is: skip}", "board.yaml:3: columns.0: give exactly one of"),
        ("kind: delimited\nseparator: ','\ndecimal: ','\ncolumns: [{metric: t}]", "are the same"),
        ("kind: delimited\ncolumns: [{metric: t, scale: 0}]", "scale 0 would make every value 0"),
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
