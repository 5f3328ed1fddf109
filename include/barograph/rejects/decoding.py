"""A reject to messages, as they would have come had its format been right. Pure but for the files of the formats.

A reject of stage `collect` is cut and decoded by what its port declares now; one of stage `drain` is its bytes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from barograph import registry
from barograph.collector.decoding import Bad, Decoded, decode
from barograph.collector.formats import Format, read_format
from barograph.collector.frames import Refused, cutter
from barograph.errors import FrameError
from barograph.readings import Frame, encoded
from barograph.registry import Port


@dataclass(frozen=True)
class Listening:
    """A port and what it declares."""

    port: Port
    declared: Format


Listeners = Mapping[str, Listening]
"""By the port's name."""


def listeners(folder: Path, ports: Sequence[str]) -> Listeners:
    """The ports of these names, of all sites, as their files have them now. Raises DocumentError."""
    return {
        port.port: Listening(port, read_format(path.parent, port.format))
        for path in sorted(folder.glob("*/site.yaml"))
        for port in registry.read_site(path.parent).ports
        if port.port in ports
    }


@dataclass(frozen=True)
class Message:
    value: bytes
    frame: int
    """Place among the frames of its reject."""


def messages(reject: Mapping[str, Any], heard: Listeners) -> list[Message]:
    """What the reject says, as messages of the topic `readings`. Raises FrameError: why it still says nothing."""
    raw = bytes(reject["raw"] or b"")
    if reject["stage"] != "collect":
        return [Message(raw, 0)]
    listening = heard.get(reject["port"] or "")
    if listening is None:
        raise FrameError(reject["reason"], f"no site has a port {reject['port']}")
    frames = _frames(raw, reject, listening)
    at = reject["time"] or reject["published"]
    return [Message(encoded([_named(frame, reject, listening.port, at, k)]), k) for k, frame in enumerate(frames)]


def _frames(raw: bytes, reject: Mapping[str, Any], listening: Listening) -> list[Frame]:
    cuts = cutter(listening.declared.frame, listening.port.max_line)
    device = reject["device"] or listening.port.device
    frames: list[Frame] = []
    refused: list[Bad] = []
    ignored = ""
    for found in [*cuts.feed(raw), *cuts.end()]:
        if isinstance(found, Refused):
            raise FrameError(found.reason, found.detail)
        decoded: Decoded = decode(found.payload, listening.declared, device)
        frames += decoded.frames
        refused += decoded.bad
        ignored = ignored or decoded.ignored
    # What else its line said is in the record since then.
    frames = [frame for frame in frames if reject["device"] in (None, frame.device)]
    metric = reject["metric"]
    if metric is not None:
        ours = [frame for frame in frames if metric in frame.values]
        frames = [replace(frame, values={metric: frame.values[metric]}) for frame in ours]
        refused = [bad for bad in refused if bad.metric == metric]
    if not frames:
        why = refused[0] if refused else None
        raise FrameError(why.reason if why else "no_values", why.detail if why else ignored or "it has no values")
    return frames


def _named(frame: Frame, reject: Mapping[str, Any], port: Port, at: Any, place: int) -> Frame:
    """With time, port and an identity: the same for every copy of the reject that the collector sent."""
    moment = frame.time or at
    ahead = (moment - at).total_seconds()
    if port.max_skew is not None and abs(ahead) > port.max_skew:
        raise FrameError("clock_skew", f"the frame says {moment.isoformat()}, {ahead:+.0f} s from our clock")
    numbered = reject["boot"] is not None and reject["seq"] is not None
    boot = f"{reject['boot']}/{port.port}/reject-{reject['seq']}" if numbered else None
    return replace(frame, time=moment, seq=place if numbered else None, boot=boot, port=port.port)
