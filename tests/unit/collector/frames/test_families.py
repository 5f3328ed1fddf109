"""Real bytes of real devices, framed by what we would declare for them."""

import json
import os
from pathlib import Path

import pytest
from tests.unit.collector.frames.framings import CARRIED, cut, framing, payloads, reasons

from barograph.collector.frames import Cut

DATA = Path(os.environ.get("BAROGRAPH_TEST_DATA", Path(__file__).resolve().parents[5] / "shared" / "data"))

NMEA = framing("line", checksum={"kind": "nmea", "between": ["$", "*"], "after": "*", "as": "hex", "optional": True})
DSMR = framing(
    "between",
    start="/",
    end="!",
    after="line",
    checksum={"kind": "crc16-arc", "after": "!", "as": "hex", "optional": True},
)
UARTS = {
    "PMSx003": CARRIED["length, Plantower"].declared,
    "PMS3003": CARRIED["length, Plantower"].declared,
    "SDS01x": framing(
        "fixed", size=10, start="hex:aa c0", end="hex:ab", checksum={"kind": "sum8", "over": [2, 8], "at": 8}
    ),
    "MCU680": framing("fixed", size=20, start="ZZ", checksum={"kind": "sum8", "at": -1}),
    "MHZ19B": framing("fixed", size=9, start="hex:ff 86", checksum={"kind": "twos8", "over": [1, 8], "at": 8}),
}
WEATHER = {
    "davis-vantage-LOOP": framing("fixed", size=99, start="LOO", checksum={"kind": "crc16-xmodem", "at": -2}),
    "ecowitt-gw1000-livedata": framing(
        "length", start="hex:ff ff", at=3, type="u16be", add=2, checksum={"kind": "sum8", "over": [2, None], "at": -1}
    ),
    "peet-ultimeter-data-logger-mode": framing("between", start="!!", end="\r\n", hex=True),
}


def vectors(name: str) -> list[dict]:
    path = DATA / "serial" / "vectors" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no vectors at {path}: set BAROGRAPH_TEST_DATA to a folder that has them")
    return json.loads(path.read_text())["vectors"]


def recording(name: str) -> bytes:
    path = DATA / "serial" / "raw" / name
    if not path.exists():
        pytest.skip(f"no recording at {path}: set BAROGRAPH_TEST_DATA to a folder that has it")
    return path.read_bytes()


def stream(vector: dict) -> bytes:
    return bytes.fromhex(vector["hex"]) if "hex" in vector else vector["text"].encode("latin-1")


def all_whole(found) -> bool:
    return bool(found) and all(isinstance(each, Cut) and each.whole for each in found)


def test_every_frame_of_an_air_sensor_is_whole():
    """Sums of all sorts, at fixed sizes and behind lengths."""
    for vector in vectors("environment_sensor_uart"):
        declared = UARTS.get(vector["sensor"])
        if declared:
            assert all_whole(cut(stream(vector) * 2, declared)), vector["id"]


@pytest.mark.parametrize("name", ["mbus_frames", "mbus_error_frames"])
def test_mbus_long_frames_are_whole(name):
    """Whatever is wrong with those errors is wrong in what they say, not in their frames."""
    for vector in vectors(name):
        assert all_whole(cut(stream(vector), CARRIED["length, M-Bus"].declared)), vector["id"]


def test_enocean_telegrams_have_two_checksums():
    for vector in vectors("enocean_esp3"):
        found = cut(stream(vector), CARRIED["length, EnOcean"].declared)

        assert (["bad_checksum"] if "expect_error" in vector else []) == reasons(found), vector["id"]


def test_dsmr_telegrams_are_checked_where_they_can_be():
    """Old meters send no CRC, and some leave its leading zeros out."""
    for vector in vectors("dsmr_p1"):
        found = cut(stream(vector), DSMR, limit=4096)

        if "expect_error" in vector:
            assert [] == payloads(found), vector["id"]
        else:
            assert vector["expect"].get("telegrams", 1) == len(payloads(found)), vector["id"]


def test_sml_transport_frames_of_real_meters_are_whole():
    """Whole dumps; of those that we have the beginning of, all but the last frame."""
    for vector in vectors("sml_meter_dumps"):
        found = payloads(cut(stream(vector), CARRIED["between, SML"].declared, limit=4096))

        if not vector["cut"]:
            assert vector["frames_in_whole_dump"] - vector["bad_frames_in_whole_dump"] <= len(found), vector["id"]
        elif vector["id"] != "EMH-ED300L_delivery":
            assert len(found) >= 2, vector["id"]


def test_modbus_frames_stand_between_silences():
    for vector in vectors("modbus_frames"):
        if "hex" in vector and vector["id"] < "modbus_frames-014":
            found = cut(stream(vector), CARRIED["idle, Modbus"].declared)

            assert (["bad_checksum"] if "expect_error" in vector else []) == reasons(found), vector["id"]


def test_modbus_ascii_goes_on_behind_a_bad_frame():
    wanted = {vector["id"]: vector for vector in vectors("modbus_frames") if stream(vector).startswith(b":")}

    for name, vector in wanted.items():
        found = cut(stream(vector), CARRIED["between, Modbus ASCII"].declared)

        assert ([] if "expect_error" in vector else [vector["expect"]["pdu"]]) == [
            one[1:].hex() for one in payloads(found)
        ], name


def test_weather_stations_are_framed():
    for vector in vectors("weather_station_packets"):
        if vector["id"] in WEATHER:
            assert 1 == len(payloads(cut(stream(vector), WEATHER[vector["id"]]))), vector["id"]


def test_sdi12_answers_are_checked_where_they_can_be():
    sdi12 = framing("line", checksum={"kind": "crc16-arc", "at": -3, "as": "sdi12", "optional": True})

    for vector in vectors("sdi12_answers"):
        found = cut(stream(vector), sdi12)

        assert (["bad_checksum"] if "CRC" in vector.get("expect_error", "") else []) == reasons(found), vector["id"]


def test_rfxcom_packets_begin_with_their_length():
    for vector in vectors("rfxcom_packets"):
        found = cut(stream(vector), CARRIED["length, RFXCOM"].declared)

        assert (["bad_frame"] if "expect_error" in vector else []) == reasons(found), vector["id"]


def test_every_block_of_a_solar_charger_is_read_past_its_hex_messages():
    """A whole recording, which begins in the middle of a block."""
    expected = json.loads(recording("vedirect/bluesolar_1.23.dump.expected.json"))

    found = cut(recording("vedirect/bluesolar_1.23.dump"), CARRIED["delimited, VE.Direct"].declared)

    assert expected["blocks_valid"] - 1 == len(payloads(found))
    assert ["bad_checksum"] == reasons(found)
    assert b":" not in b"".join(payloads(found))


@pytest.mark.parametrize("name", ["humminbird-M37", "pypilot", "tnt-revolution", "nmea-fuzzy-cases"])
def test_every_sentence_of_a_recording_has_its_checksum(name):
    """All but those that gpsd recorded as bad."""
    told = recording(f"nmea/{name}.log")
    sentences = [line for line in told.splitlines() if line.startswith(b"$")]

    found = cut(b"\n".join(sentences) + b"\n", NMEA)

    assert [] == reasons(found)
    assert len(sentences) == len(payloads(found))
