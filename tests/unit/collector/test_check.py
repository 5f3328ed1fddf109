"""`barograph check`: sites, rules and formats, for themselves and together."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.collector.check import check
from barograph.errors import DocumentError

DEMO = Path(__file__).resolve().parents[3] / "include" / "sites" / "demo"
SITE = {
    "devices": "[{device: cold-1, zone: a, points: {temperature: {low: 1, high: 8}}}]",
    "ports": "[{port: wall, url: /dev/ttyUSB0, format: board, device: cold-1}]",
}
BOARD = "kind: delimited\nseparator: ','\ncolumns:\n  - {metric: temperature}\n"


@pytest.fixture
def site(tmp_path):
    def made(rules: str = "[]", board: str = BOARD, **parts: str) -> Path:
        (tmp_path / "formats").mkdir(exist_ok=True)
        (tmp_path / "formats" / "board.yaml").write_text(board)
        told = {"site": "x", "name": "X", **SITE, **parts}
        (tmp_path / "site.yaml").write_text("".join(f"{name}: {given}\n" for name, given in told.items()))
        (tmp_path / "rules.yaml").write_text(f"rules: {rules}\n")
        return tmp_path

    return made


def test_what_is_right_is_right(site):
    found = check(site())

    assert ([], []) == (found.mistakes, found.notes)


def test_the_demo_has_no_mistake():
    """It is what everybody copies."""
    assert [] == check(DEMO).mistakes


MISTAKES = {
    "a format that nobody has": (
        {"ports": "[{port: wall, url: /dev/ttyUSB0, format: bord, device: cold-1}]"},
        r"site.yaml:4: ports.0.format: there is no format bord.* Did you mean board",
    ),
    "frames that do not say who sends": (
        {"ports": "[{port: wall, url: /dev/ttyUSB0, format: board}]"},
        r"site.yaml:4: ports.0.device: the frames of format board do not say who",
    ),
    "a limit that cannot be": (
        {"devices": "[{device: cold-1, zone: a, points: {temperature: {high: 800}}}]"},
        r"site.yaml:3: devices.0.points.temperature.high: 800 °C is not within -90 … 125 °C.*another unit",
    ),
    "a rule for a device that is not there": (
        {"rules": "[{rule: r, metric: temperature, devices: [cold-2], above: 8}]"},
        r"rules.yaml:1: rules.0.devices.0: cold-2 is no device of site x. Did you mean cold-1",
    ),
    "a rule for a point that is not there": (
        {"rules": "[{rule: r, metric: humidity, devices: [cold-1], above: 8}]"},
        r"rules.yaml:1: rules.0.metric: humidity is no point of cold-1; they have temperature",
    ),
    "a rule in another unit": (
        {"rules": "[{rule: r, metric: temperature, above: 281}]"},
        r"rules.yaml:1: rules.0.above: 281 °C is not within",
    ),
    "a request that cannot be said": (
        {"ports": "[{port: wall, url: /dev/ttyUSB0, format: board, device: cold-1, poll: {request: 'hex:0'}}]"},
        r"site.yaml:4: ports.0.poll.request: ",
    ),
    "a decoder that is not installed": (
        {"board": "kind: plugin\nplugin: no-such-thing\n"},
        r"plugin no-such-thing: nothing installed here",
    ),
    "a format with a mistake": (
        {"board": BOARD.replace("separator", "seperator")},
        r"board.yaml:2: seperator: is not a known field. Did you mean `separator`",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_what_to_try(site, case):
    """The files are right each for itself; together they are not."""
    parts, message = MISTAKES[case]

    found = check(site(**parts))

    assert [True] == [bool(re.search(message, mistake)) for mistake in found.mistakes], found.mistakes


NOTES = {
    "a metric nobody knows": ({"board": BOARD.replace("temperature", "temprature")}, "Did you mean temperature"),
    "a device that no port can say": (
        {"devices": "[{device: cold-1, zone: a}, {device: cold-2, zone: a}]"},
        "no port of this site can say cold-2",
    ),
    "a port that speaks for a stranger": (
        {"ports": "[{port: wall, url: /dev/ttyUSB0, format: board, device: cold-1},"
                  " {port: roof, url: /dev/ttyUSB1, format: board, device: cold1}]"},
        "cold1 is not registered.* Did you mean cold-1",
    ),
    "a format that nobody uses": (
        {"ports": "[{port: wall, url: /dev/ttyUSB0, format: sdi12, device: cold}]", "devices": "[]"},
        "no port of site x uses it",
    ),
    "a rule for devices that may come": (
        {"rules": "[{rule: r, metric: temperature, devices: ['warm-*'], above: 8}]"},
        r"no registered device is like warm-\*",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTES)
def test_a_note_fails_nothing(site, case):
    """It works, and is probably not meant."""
    parts, message = NOTES[case]

    found = check(site(**parts))

    assert [] == found.mistakes
    assert any(re.search(message, note) for note in found.notes), found.notes


def test_a_name_that_frames_say_in_a_pattern_is_compared_with_it(site):
    """`bx-{board}` can say bx-17, and never cold-1."""
    board = BOARD.replace("columns:", 'device: "bx-{board}"\ncolumns:\n  - {name: board}')
    ports = "[{port: wall, url: /dev/ttyUSB0, format: board}]"
    devices = "[{device: bx-17, zone: a}, {device: cold-1, zone: a}]"

    (note,) = check(site(board=board, ports=ports, devices=devices)).notes

    assert "can say cold-1" in note


def test_all_mistakes_come_in_one_listing_and_the_exit_code_is_2(site):
    """One look, one round of mending."""
    folder = site(rules="[{rule: r, metric: temperature, above: 281, devices: [cold-2, cold-1]}]")
    (folder / "formats" / "board.yaml").write_text(BOARD.replace("separator", "seperator"))

    result = CliRunner().invoke(make_app(), ["check", str(folder)])

    assert 2 == result.exit_code
    assert "3 mistakes" in result.output


def test_two_sites_cannot_claim_one_device(site, tmp_path):
    """Its readings would belong to both."""
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.yaml").write_text(f"site: {name}\nname: N\ndevices: [{{device: cold-1, zone: a}}]\n")

    (mistake,) = check(tmp_path).mistakes

    assert "south/site.yaml:3: devices.0.device: device cold-1 is also in" in mistake


def test_a_folder_without_a_site_says_what_one_is(tmp_path):
    with pytest.raises(DocumentError, match="no site here"):
        check(tmp_path)
