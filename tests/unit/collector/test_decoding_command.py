"""`barograph decode`: what whoever connects a board looks at first."""

import json

import pytest
from tests.unit.collector.declared import CASES
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.collector.formats import shipped
from barograph.errors import DocumentError

WXT = CASES / "vaisala-wxt" / "damaged_field" / "frame.txt"
P1 = CASES / "dsmr-p1" / "electricity_and_gas" / "frame.txt"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def shown(*arguments, **more):
    return CliRunner().invoke(make_app(), ["decode", *map(str, arguments)], **more)


def test_each_frame_is_shown_with_its_values_or_why_not():
    """The damaged value is named beside its good neighbours."""
    result = shown("vaisala-wxt", WXT)

    assert 0 == result.exit_code
    assert "✓ port" in result.output
    assert "pressure" in result.output and "959.7" in result.output and "hPa" in result.output
    assert "internal_temperature" in result.output and "null" in result.output
    assert "! not_a_number  temperature: '1Ua=79.3P'" in result.output
    assert "1 frame, 2 values; 1 value refused (not_a_number 1)" in result.output


def test_a_damaged_frame_is_shown_with_its_bytes():
    """To be compared with the protocol's description."""
    result = shown("mcu680", CASES / "mcu680" / "damaged" / "frame.bin")

    assert "✗ bad_checksum" in result.output
    assert "5a 5a 3f 0f" in result.output
    assert "1 frame refused (bad_checksum 1)" in result.output


def test_strict_tells_a_script_that_something_was_refused():
    """And says nothing is wrong where nothing is."""
    assert 1 == shown("vaisala-wxt", WXT, "--strict").exit_code
    assert 0 == shown("dsmr-p1", P1, "--strict").exit_code


def test_a_script_gets_an_object_a_frame():
    """Values as they are, with the offset and the bytes they came from."""
    (one,) = map(json.loads, shown("dsmr-p1", P1, "--json").output.splitlines())

    assert 0 == one["offset"]
    assert P1.read_bytes().startswith(bytes.fromhex(one["raw"]))
    assert ["port", "port-2"] == [frame["device"] for frame in one["frames"]]
    assert "2026-07-01T10:00:00.000000Z" == one["frames"][0]["time"]
    assert {"volume": 42.125} == one["frames"][1]["values"]
    refused = json.loads(shown("mcu680", CASES / "mcu680" / "damaged" / "frame.bin", "--json").output)
    assert "bad_checksum" == refused["refused"]


def test_a_recording_may_come_through_a_pipe():
    """From whatever reads the port today."""
    result = shown("vaisala-wxt", "-", "--device", "roof", input=WXT.read_bytes())

    assert "✓ roof" in result.output


def test_a_format_may_be_a_file_or_one_of_a_site(home, tmp_path):
    """The way to try one's own, before a port uses it."""
    recording = tmp_path / "recording"
    recording.write_bytes(b"21.5;40\n")
    own = tmp_path / "my.yaml"
    own.write_text("kind: delimited\ncolumns: [{metric: temperature}, {metric: humidity}]\n")

    assert "21.5" in shown(own, recording).output
    (home / "sites" / "shop" / "formats").mkdir(parents=True)
    own.rename(home / "sites" / "shop" / "formats" / "my.yaml")
    assert "21.5" in shown("shop/my", recording).output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["vaisala", WXT], "Did you mean vaisala-wxt"),
        (["no-such-thing-at-all", WXT], "decode --list"),
        (["vaisala-wxt", "/no/such/recording"], "cannot be read"),
        (["/no/such.yaml", WXT], "cannot be read"),
    ],
)
def test_a_mistake_says_what_to_try(arguments, expected):
    """No traceback, and no guess."""
    result = shown(*arguments)

    assert isinstance(result.exception, DocumentError)
    assert expected in str(result.exception)


def test_without_a_file_the_help_says_what_is_missing():
    assert 2 == shown("vaisala-wxt").exit_code
    assert 2 == shown().exit_code


def test_the_list_shows_what_comes_with_us():
    """With what each of them reads."""
    told = json.loads(shown("--list", "--json").output)

    assert list(shipped()) == list(told)
    assert all(told.values())
    assert "Vaisala WXT510" in shown("--list").output
