"""`barograph sniff`: what a newcomer tries first with a board that came without a manual."""

import json
import os
import threading
import time
import tty

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app
from barograph.collector.formats import read_format_file
from barograph.errors import DocumentError, PortError

LINES = b"".join(b"freezer-%s;-18,%d;%d\r\n" % ([b"ice", b"fish"][i % 2], i, i % 2) for i in range(12))
WXT = b"0R2,Ta=16.1C,Ua=79.3P,Pa=959.7H\r\n0R1,Dn=160D,Dm=182D,Dx=197D,Sn=3.0M,Sm=4.1M,Sx=5.8M\r\n" * 3


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "recording.bin"
    path.write_bytes(LINES)
    return path


def sniffed(*arguments):
    return CliRunner().invoke(make_app(), ["sniff", *map(str, arguments)])


def test_a_new_board_is_shown_with_its_frames_and_a_first_format(recording):
    """Frames with what was read of them, then the YAML, then the line for site.yaml."""
    result = sniffed(recording)

    assert 0 == result.exit_code
    assert "✓ freezer-ice value_2 -18" in result.output
    assert "3 columns between semicolons" in result.output
    assert "a recording has no rate" in result.output
    assert "{is: device}" in result.output
    assert "format: my-board" in result.output


def test_a_format_that_comes_with_us_is_named(tmp_path):
    """Nobody needs a second one; the port must say whose frames they are."""
    (tmp_path / "wxt.txt").write_bytes(WXT)

    result = sniffed(tmp_path / "wxt.txt")

    assert "`vaisala-wxt` comes with Barograph" in result.output
    assert "format: vaisala-wxt, device: wxt" in result.output


def test_what_is_written_is_a_format_that_reads_it(recording, tmp_path):
    """And nothing of somebody's is overwritten."""
    path = tmp_path / "formats" / "my-board.yaml"

    assert 0 == sniffed(recording, "--write", path).exit_code
    assert "delimited" == read_format_file(path).kind
    with pytest.raises(DocumentError, match="--force"):
        raise sniffed(recording, "--write", path).exception
    assert 0 == sniffed(recording, "--write", path, "--force").exit_code


def test_a_script_gets_json_and_no_colours(recording):
    """Guesses with their scores, the YAML, and the port."""
    facts = json.loads(sniffed(recording, "--json").output)

    assert len(LINES) == facts["bytes"]
    assert facts["guesses"][0]["format"] is None
    assert 12 == facts["guesses"][0]["frames"]
    assert ["freezer-ice", "freezer-fish"] == facts["guesses"][0]["devices"]
    assert facts["yaml"].startswith("# freezer-ice;-18,0;0")


def test_what_was_heard_can_be_heard_again(recording, tmp_path):
    """With its times, for a closer look or a report of a mistake."""
    assert 0 == sniffed(recording, "--record", tmp_path / "again.jsonl").exit_code

    again = json.loads(sniffed(f"file://{tmp_path}/again.jsonl", "--json").output)

    assert len(LINES) == again["bytes"]


def test_seven_bits_are_read_as_such_and_the_port_says_so(tmp_path):
    """Many meters speak so; as eight bits it would be noise."""
    (tmp_path / "even.bin").write_bytes(bytes(byte | (byte.bit_count() & 1) << 7 for byte in LINES))

    result = sniffed(tmp_path / "even.bin")

    assert "bits: 7, parity: even" in result.output
    assert "✓ freezer-ice" in result.output


def test_nothing_heard_says_what_to_try(tmp_path):
    """Many devices only answer."""
    (tmp_path / "empty.bin").write_bytes(b"")

    result = sniffed(tmp_path / "empty.bin")

    assert 1 == result.exit_code
    assert "poll" in result.output and "--baud" in result.output


def test_a_port_that_is_not_there_is_one_message():
    with pytest.raises(PortError, match="is it plugged in"):
        raise sniffed("/dev/tty-no-such-port", "--baud", 9600).exception


def test_a_port_is_listened_to_until_its_time_is_over(tmp_path):
    """A pseudo-terminal stands for a board; its bytes come in pieces."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    done = threading.Event()

    def speak():
        while not done.is_set():
            os.write(ours, b"Temp: 21.5 C, Hum: 4%d %%\r\n" % (time.monotonic() % 10))
            done.wait(0.02)

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        facts = json.loads(sniffed(os.ttyname(theirs), "--seconds", 0.5, "--infer", "--json").output)
    finally:
        done.set()
        speaker.join()
        os.close(ours)
        os.close(theirs)

    assert "names and values, `:` between them" == facts["guesses"][0]["why"]
    assert "device: pts-" in facts["port"]
