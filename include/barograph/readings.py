"""What we talk about: frames as they travel, readings as they are kept, and the words for what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as _quoted

from barograph.windows import iso, utc

Value = float | int | bool | None

MAX_FRAMES_PER_MESSAGE = 500

# QARTOD flags; the worst of a reading's tests is its flag.
GOOD, UNKNOWN, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9
FLAGS = {GOOD: "good", UNKNOWN: "unknown", SUSPECT: "suspect", FAIL: "fail", MISSING: "missing"}

# Why a reading is not good, in the order in which its reasons stand; docs/quality.md says more about each.
FLAG_REASONS = {
    "no_value": "it was measured badly: there is no value",
    "error_code": "the value is one by which the sensor says that it failed",
    "out_of_range": "no working sensor can report this there",
    "impossible_date": "it claims a time at which it cannot have been measured there",
    "unexpected": "the sensor can report this, and nobody expects it there",
    "spike": "alone: the value before and the one after agree that it was otherwise",
    "too_fast": "the value changed faster than the quantity can",
    "recovering": "the value changed too fast a short time ago, and the sensor is not yet at what surrounds it",
    "stuck": "the sensor says the same for too long",
    "warming_up": "the device began anew a short time ago",
    "other_copy": "the same frame came again with another value",
    "same_time": "two frames of the device claim one time",
    "unlike_neighbours": "the other devices of the zone say otherwise",
    "after_gap": "the first after a silence; explains, and does not worsen the flag",
    "clock_off": "the device's clock was wrong, the time is that of arrival; explains, and does not worsen the flag",
}

# Why something is in `rejects`. Said once, so that counters, pages and runbook use the same words.
REASONS = {
    "not_utf8": "the bytes are not UTF-8 text",
    "not_json": "the text is not a JSON object or an array of them",
    "too_long": "no end within the longest frame that the port allows",
    "bad_checksum": "the checksum is not that of the bytes: the frame was damaged on its way",
    "bad_frame": "the bytes are no frame as its format declares: a mark, an escape or the end of it is missing",
    "no_fields": "the line does not have the fields that its format declares",
    "no_device": "the frame does not say which device it is from",
    "bad_device": "the device's name is too long, or has control characters",
    "bad_metric": "the metric's name is too long, or has characters that no metric has",
    "bad_time": "the time is not ISO 8601",
    "clock_ahead": "the time lies further in the future than any clock may be off",
    "clock_behind": "the time lies before 2000: the device has lost its clock",
    "clock_skew": "the device's clock is too far from the collector's",
    "not_a_number": "the value is not a number",
    "not_finite": "the value is NaN, infinite, or too large for a float64",
    "no_values": "the frame has no values",
    "replayed": "it was decoded later, and stands among the readings now",
    "spool_full": "the spool was full, so readings were lost; the detail says how many",
    "spool_damaged": "the spool was damaged on its disk, so readings were lost; the detail says how many",
}


@dataclass(slots=True)
class Frame:
    """What one device said at once: the unit that travels. Not frozen, which would make it three times slower to make.

    `time` is UTC with microseconds. (device, boot, seq) is the frame's identity; producers that have none leave both
    None and are identified by where in Kafka they stand. A value that was measured badly is None; a metric that was
    not measured is absent.
    """

    device: str
    values: dict[str, Value]
    time: datetime | None = None
    seq: int | None = None
    boot: str | None = None
    port: str | None = None
    raw: str | None = None
    historical: bool = False
    skew: float | None = None
    """Seconds that the device's own clock was ahead of ours, where it was too far off to be trusted: `time` is then
    when the frame came. None: the time stands as it was given."""


def encoded(frames: list[Frame]) -> bytes:
    """One message of the topic `readings`: a JSON frame, or an array of up to 500 frames of one device.

    {"device":"sensor3","time":"2026-11-22T08:00:00.123456Z","seq":41,"boot":"5f0c","port":"usb:0403:6001:A1",
     "values":{"temperature":21.5,"humidity":40.2},"raw":"..."}

    `"skew":-31536000.5` says that the device's own clock was that many seconds ahead and `time` is not its time.
    """
    if len(frames) == 1:
        return _wire(frames[0]).encode()
    if not 0 < len(frames) <= MAX_FRAMES_PER_MESSAGE:
        raise ValueError(f"a message holds 1 to {MAX_FRAMES_PER_MESSAGE} frames, not {len(frames)}")
    if len({frame.device for frame in frames}) > 1:
        raise ValueError("the frames of one message must be of one device")
    return f"[{','.join(map(_wire, frames))}]".encode()


def decoded(message: bytes) -> list[Frame]:
    """The inverse of `encoded`, for tests and tools; drain parses with transforms.parsing. Raises ValueError."""
    content = json.loads(message)
    frames = content if isinstance(content, list) else [content]
    return [Frame(**{**frame, "time": utc(frame["time"]) if frame.get("time") else None}) for frame in frames]


def _wire(frame: Frame) -> str:
    """Put together by hand: the collector does so up to 37,000 times a second, and `json` takes thrice the time."""
    facts = [f'"device":{_quoted(frame.device)}']
    if frame.time is not None:
        facts.append(f'"time":"{iso(frame.time)}"')
    if frame.seq is not None:
        facts.append(f'"seq":{frame.seq}')
    if frame.boot is not None:
        facts.append(f'"boot":{_quoted(frame.boot)}')
    if frame.port is not None:
        facts.append(f'"port":{_quoted(frame.port)}')
    if frame.historical:
        facts.append('"historical":true')
    if frame.skew is not None:
        facts.append(f'"skew":{_number(frame.skew)}')
    values = [f"{_quoted(name)}:{_number(value)}" for name, value in frame.values.items()]
    facts.append(f'"values":{{{",".join(values)}}}')
    if frame.raw is not None:
        facts.append(f'"raw":{_quoted(frame.raw)}')
    return f"{{{','.join(facts)}}}"


def _number(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value - value != 0:
        raise ValueError(f"{value} is not JSON compliant: a value that was measured badly is None")
    return repr(value)
