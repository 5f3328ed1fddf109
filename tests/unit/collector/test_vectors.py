"""Recorded vectors of real devices: bytes in, values out, and what is damaged is refused."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest
from tests.unit.collector.declared import Heard, data, decoded, near, ours
from tests.unit.collector.families import FAMILIES, RECORDINGS, Family, Vector, bytes_of, table

from barograph.errors import FrameError

DOCS = Path(__file__).resolve().parents[3] / "docs" / "formats.md"
TRIED = [family for family in FAMILIES if family.wanted]
EXACT = 1e-9
ROUNDED = {
    "weather_station_packets": 2e-3,
    "nmea0183_weather": 2e-3,
    "environment_sensor_uart": 3e-3,
    "ruuvi_payloads": 1e-4,
}
"""Where the expected values are rounded, or say how far they may be off."""


def vectors(family: Family) -> list[Vector]:
    return json.loads(data("serial", "vectors", f"{family.file}.json").read_text())["vectors"]


@pytest.mark.parametrize("family", TRIED, ids=lambda family: family.file)
def test_each_vector_is_read_or_refused(family):
    """The values that its source expects, in our words and units; or none at all."""
    outcomes = {"read": 0, "passed over": 0, "refused": 0}
    for vector in vectors(family):
        outcomes[outcome(family, vector)] += 1

    assert {"read": family.read, "passed over": family.passed_over, "refused": family.refused} == outcomes


def outcome(family: Family, vector: Vector) -> str:
    wanted = family.wanted(vector)
    heard = Heard(ours(wanted.format), wanted.stream)
    if family.file == "iec62056_21_readouts" and vector["id"].startswith("dataset"):
        heard = payload_of(wanted.format, vector)
    if "expect_error" in vector:
        assert not wanted.damaged & heard.values.keys(), vector["id"]
        assert wanted.damaged or not heard.frames, vector["id"]
        # An empty file is no frame; all others are told.
        assert heard.refused or heard.bad or not wanted.stream.strip(), vector["id"]
        return "refused"
    assert [] == heard.bad, vector["id"]
    assert near(wanted.values, ROUNDED.get(family.file, EXACT)) == {
        metric: heard.values.get(metric) for metric in wanted.values
    }, vector["id"]
    for device, told in wanted.others.items():
        assert near(told, EXACT) in [frame.values for frame in heard.frames if frame.device == device], vector["id"]
    assert wanted.devices <= {frame.device for frame in heard.frames}, vector["id"]
    assert {datetime.fromisoformat(each) for each in wanted.times} <= {frame.time for frame in heard.frames}
    assert wanted.frames in (None, len(heard.frames)), vector["id"]
    if heard.frames:
        return "read"
    assert heard.ignored and not any(value is not None for value in wanted.values.values()), vector["id"]
    return "passed over"


def payload_of(name: str, vector: Vector) -> Heard:
    """Of a vector that is not a whole frame."""
    heard = Heard(ours(name), b"")
    try:
        heard.frames = decoded(ours(name), bytes_of(vector)).frames
    except FrameError as error:
        heard.refused = [error.reason]
    return heard


@pytest.mark.parametrize("family", [family for family in FAMILIES if family.code], ids=lambda family: family.file)
def test_what_needs_code_is_not_shipped_as_if_it_did_not(family):
    """A format that reads half of a protocol would be worse than none."""
    assert not family.formats
    assert family.wanted is None


@pytest.mark.parametrize("path", RECORDINGS)
def test_a_whole_recording_is_read(path):
    """As long as it is, with all that a port hears beside the readings."""
    name, frames, _ = RECORDINGS[path]

    heard = Heard(ours(name), data("serial", "raw", *path.split("/")).read_bytes())

    assert frames == len(heard.frames)
    assert [] == heard.bad
    assert len(heard.refused) <= 1  # the beginning, where the recording starts in the middle of something


def test_a_recording_of_a_charge_controller_has_the_values_it_was_checked_with():
    """Whoever recorded it counted the blocks, and noted the first and the last."""
    folder = data("serial", "raw", "vedirect")
    expected = json.loads((folder / "bluesolar_1.23.dump.expected.json").read_text())

    heard = Heard(ours("ve-direct"), (folder / "bluesolar_1.23.dump").read_bytes())

    assert expected["blocks_valid"] == len(heard.frames)
    for block, frame in ((expected["first_valid"], heard.frames[0]), (expected["last_valid"], heard.frames[-1])):
        assert float(block["V"]) / 1000 == frame.values["voltage"]
        assert float(block["VPV"]) / 1000 == frame.values["panel_voltage"]
        assert float(block["I"]) / 1000 == frame.values["current"]
        assert float(block["H19"]) / 100 == frame.values["yield_total"]
        assert (block["LOAD"] == "ON") == frame.values["load"]


@pytest.mark.parametrize("recording", ["humminbird-M37", "pypilot", "tnt-revolution"])
def test_sentences_of_a_recording_agree_with_another_decoder(recording):
    """Each water temperature and each transducer, as an independent reader has it."""
    path = data("serial", "raw", "nmea", f"{recording}.log.expected.json.gz")
    names = {"PTCH": "PTCH", "ROLL": "ROLL"}
    for sentence in json.loads(gzip.decompress(path.read_bytes()))["weather_sentences"]:
        fields = sentence["expect"]["fields"]
        found = Heard(ours("nmea0183"), sentence["text"].encode() + b"\r\n").values
        if sentence["expect"]["type"] == "MTW":
            assert float(fields["temperature"]) == found["water_temperature"]
        elif sentence["expect"]["type"] == "XDR":
            groups = zip(*[iter(sentence["expect"]["data"])] * 4, strict=True)
            assert {names.get(name, name): float(value) for _, value, _, name in groups} == found


def test_the_table_in_the_docs_is_this_one():
    """Made by `families.table()`; who adds a family prints it anew."""
    assert table() in DOCS.read_text(encoding="utf-8")
