"""A reject is decoded as its port declares now, and says no more than what was missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from barograph.errors import FrameError
from barograph.readings import decoded
from barograph.rejects.decoding import listeners, messages

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SITE = """\
site: shop
name: A shop
timezone: Europe/Berlin
devices:
  - {device: fridge, zone: wall, cadence: 30}
ports:
  - {port: wall, url: run/ports/wall, format: wall, device: fridge}
"""
FORMAT = """\
kind: delimited
separator: ";"
columns: [{metric: temperature}, {metric: humidity}]
"""


@pytest.fixture
def heard(tmp_path: Path):
    (tmp_path / "shop" / "formats").mkdir(parents=True)
    (tmp_path / "shop" / "site.yaml").write_text(SITE)
    (tmp_path / "shop" / "formats" / "wall.yaml").write_text(FORMAT)
    return listeners(tmp_path, ["wall"])


def a_reject(raw: bytes, **facts: Any) -> dict[str, Any]:
    usual = {"stage": "collect", "port": "wall", "reason": "no_fields", "device": None, "metric": None, "boot": "5f0c"}
    return {**usual, "seq": 7, "time": NOON, "published": NOON + timedelta(hours=2), "raw": raw, **facts}


def frames(reject, heard):
    return [frame for message in messages(reject, heard) for frame in decoded(message.value)]


def test_what_the_format_reads_now_becomes_a_frame_of_its_time(heard):
    """The time at which the collector read it, not when Kafka got it after an outage."""
    [frame] = frames(a_reject(b"4.5;60\r\n"), heard)

    assert ("fridge", {"temperature": 4.5, "humidity": 60.0}, NOON) == (frame.device, frame.values, frame.time)
    assert "wall" == frame.port


def test_two_copies_of_a_reject_have_one_identity_and_two_rejects_have_two(heard):
    """The collector sends its last minute again after a broker restart."""
    [first], [copy] = (frames(a_reject(b"4.5;60\r\n", published=at), heard) for at in (NOON, NOON + timedelta(hours=3)))
    [other] = frames(a_reject(b"4.5;60\r\n", seq=8), heard)

    assert (first.boot, first.seq) == (copy.boot, copy.seq)
    assert (first.boot, first.seq) != (other.boot, other.seq)


def test_a_single_value_brings_in_nothing_but_itself(heard):
    """The other values of its line are in the record since then."""
    [frame] = frames(a_reject(b"4.5;60\r\n", metric="humidity", device="fridge"), heard)

    assert {"humidity": 60.0} == frame.values


def test_what_still_cannot_be_read_says_why_now(heard):
    with pytest.raises(FrameError) as still:
        messages(a_reject(b"4.5;60;9;9\r\n"), heard)

    assert "no_fields" == still.value.reason


def test_a_port_that_is_gone_keeps_the_reason_and_says_so(heard):
    with pytest.raises(FrameError, match="no site has a port dock") as still:
        messages(a_reject(b"4.5;60\r\n", port="dock", reason="bad_checksum"), heard)

    assert "bad_checksum" == still.value.reason


def test_a_message_that_drain_refused_is_its_bytes_again(heard):
    [message] = messages(a_reject(b'{"device":"a"}', stage="drain"), heard)

    assert b'{"device":"a"}' == message.value


def test_any_bytes_end_in_a_frame_or_a_reason(heard):
    for raw in (b"", b"\x00" * 10_000, b"\xff;\xfe\r\n", b";" * 5_000, b"4.5;60", None):
        try:
            messages(a_reject(raw), heard)
        except FrameError as error:
            assert error.reason
