"""The template of a decoder of one's own, installed as its reader would, and its case folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.collector.declared import Heard, near

from barograph.collector.formats import read_format_file
from barograph.collector.sniffing import at_once
from barograph.collector.sniffing.known import tried

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "decoder-example"
CASES = sorted(path.parent for path in EXAMPLE.glob("cases/*/expected.json"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """In a folder of its own, so that the environment stays as it is."""
    source = tmp_path_factory.mktemp("example") / "my-meter"
    shutil.copytree(EXAMPLE, source)
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder), str(source)], check=True, capture_output=True)
    return folder


@pytest.fixture
def plugged(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    return read_format_file(EXAMPLE / "my-meter.yaml")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_of_the_example_is_read(plugged, case):
    """Whoever copies the folder has a test to begin with."""
    expected = json.loads((case / "expected.json").read_text())

    heard = Heard(plugged, (case / "frame.bin").read_bytes())

    assert [frame["device"] for frame in expected["frames"]] == [frame.device for frame in heard.frames]
    assert [near(frame["values"]) for frame in expected["frames"]] == [frame.values for frame in heard.frames]
    assert expected.get("refused", []) == heard.refused


def test_a_format_with_a_decoder_of_ones_own_is_recognised_too(plugged):
    """A site's formats are tried beside those that come with us."""
    frame = (EXAMPLE / "cases" / "two_readings" / "frame.bin").read_bytes()

    ((name, _, score), *_) = tried(at_once(frame * 3), {"my-meter": EXAMPLE / "my-meter.yaml"})

    assert "my-meter" == name
    assert 1.0 == score.share
