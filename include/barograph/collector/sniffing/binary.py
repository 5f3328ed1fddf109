"""Formats that bytes may have: where frames begin and end is found first, then what checks them, then their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from barograph.collector.frames.ended import from_cobs, from_slip
from barograph.collector.sniffing.draft import Draft, shown
from barograph.collector.sniffing.heard import Heard
from barograph.collector.sniffing.numbers import fields_of
from barograph.collector.sniffing.sums import in_frames
from barograph.errors import FrameError

FEWEST = 3
LONGEST = 300
STARTS = 12
"""Bytes, or pairs of them, that come most often and are tried as starts."""
FRAMES = 60
KINDS = 6
"""Sizes of frames that are described."""
TYPES: dict[str, Callable[[bytes, int], int]] = {
    "u8": lambda data, at: data[at],
    "u16be": lambda data, at: data[at] << 8 | data[at + 1],
    "u16le": lambda data, at: data[at + 1] << 8 | data[at],
}


@dataclass(frozen=True)
class Cutting:
    """A way to cut what was heard."""

    frame: dict[str, Any]
    frames: list[bytes]
    covered: float
    """Share of the bytes."""
    why: str
    hopes: float


def binary_drafts(told: Heard) -> Iterator[Draft]:
    for cutting in _cuttings(told):
        yield from _drafts(cutting)


def _drafts(cutting: Cutting) -> Iterator[Draft]:
    frames = [frame for frame in cutting.frames if len(frame) > 1][:FRAMES]
    if len(frames) < FEWEST:
        return
    sizes = Counter(map(len, frames))
    checksum, tail = next(in_frames(frames), (None, 0))
    frame = dict(cutting.frame)
    if checksum:
        frame["checksum"] = checksum
    # Unstuffed first and right then: that is no coincidence.
    stuffed = cutting.frame["cut"] in ("cobs", "slip")
    hopes = min(0.99 if stuffed else 0.97, cutting.hopes + (0.12 if stuffed else 0.08) * bool(checksum))
    why = cutting.why + (f", {checksum['kind']} is right in all" if checksum else ", no checksum found")
    skip = _head(frame)
    often = [size for size, many in sizes.most_common() if many > 1 or len(sizes) == 1][:KINDS]
    kinds = {size: fields_of([each for each in frames if len(each) == size], skip, size - tail) for size in often}
    kinds = {size: fields for size, fields in kinds.items() if fields}
    if not kinds:
        return
    about = {"about": "sniffed: to be checked field by field"}
    first = next(iter(kinds))
    if len(sizes) == 1:
        body: dict[str, Any] = {**about, "kind": "binary", "frame": frame, "fields": kinds[first]}
    else:
        why += f"; of {len(sizes)} sizes"
        of = {size: {"kind": "binary", "fields": _said_once(fields)} for size, fields in sorted(kinds.items())}
        body = {**about, "kind": "choice", "frame": frame, "by": {"length": True}, "of": of, "otherwise": "ignore"}
    notes = [
        why[0].upper() + why[1:] + ".",
        "Which bytes belong together is a guess. What they are must be found out: compare with a display or a manual.",
        "No field is known to say who sends: the port's `device` does.",
    ]
    read = [each for each in frames if len(each) in kinds]
    yield Draft([shown(each) for each in read[:3]], body, why, hopes * len(read) / len(frames), notes)


def _said_once(fields: list[Any]) -> list[Any]:
    return [each for each in fields if each.what.get("metric") or each.what.get("name")]


def _head(frame: dict[str, Any]) -> set[int]:
    """Offsets that are framing: start and length."""
    start = bytes.fromhex(frame["start"].removeprefix("hex:")) if "start" in frame else b""
    taken = set(range(len(start)))
    if "at" in frame:
        taken |= set(range(frame["at"], frame["at"] + (1 if frame["type"] == "u8" else 2)))
    return taken


def _cuttings(told: Heard) -> list[Cutting]:
    data = told.data
    found: list[Cutting] = [*_stuffed(data), *_bursts(told)]
    for start in _starts(data):
        found += [each for each in (_fixed(data, start), _sized(data, start)) if each]
    found.sort(key=lambda each: -each.covered * each.hopes)
    best: list[Cutting] = []
    for each in found:
        if each.covered >= 0.6 and len(best) < 8:
            best.append(each)
    return best


def _stuffed(data: bytes) -> Iterator[Cutting]:
    """COBS and SLIP: a byte that is nowhere else ends each frame, and what is within can be unstuffed."""
    for name, end, unstuffed in (("cobs", b"\0", from_cobs), ("slip", b"\xc0", from_slip)):
        pieces = [piece for piece in data.split(end)[1:-1] if piece]
        if data.startswith(end) is False and data.count(end) > FEWEST:
            pieces = [piece for piece in data.split(end)[:-1] if piece]
        if len(pieces) < FEWEST or max(map(len, pieces)) > LONGEST or sum(map(len, pieces)) < 3 * len(pieces):
            continue
        frames = []
        for piece in pieces:
            try:
                frames.append(unstuffed(piece))
            except FrameError:
                continue
        share = len(frames) / len(pieces)
        if share > 0.9:
            covered = sum(map(len, pieces)) / max(1, len(data) - data.count(end))
            # A run of zeros can part anything; that all blocks come out even cannot be chance.
            hopes = 0.88 if name == "cobs" or any(b"\xdb" in piece for piece in pieces) else 0.8
            yield Cutting({"cut": name}, frames, min(1.0, covered) * share, f"{name.upper()} frames", hopes)


def _bursts(told: Heard) -> Iterator[Cutting]:
    gap = told.gap
    if gap is None:
        return
    frames = told.bursts(gap)
    if len(frames) >= FEWEST and max(map(len, frames)) <= LONGEST:
        milliseconds = max(1.0, round(gap * 1000, 1))
        alike = Counter(map(len, frames)).most_common(1)[0][1] / len(frames)
        why = f"silences of {milliseconds:g} ms and more between frames"
        yield Cutting({"cut": "idle", "gap_ms": milliseconds}, frames, 1.0, why, 0.6 + 0.15 * alike)


def _starts(data: bytes) -> list[bytes]:
    """What comes most often: where there are frames, their first bytes are among it."""
    pairs = Counter(data[at : at + 2] for at in range(len(data) - 1))
    single = Counter(data[at : at + 1] for at in range(len(data)))
    often = [each for each, many in pairs.most_common(STARTS) if many >= FEWEST]
    often += [each for each, many in single.most_common(STARTS) if many >= FEWEST]
    first = [data[:2], data[:1]]
    return [each for each in dict.fromkeys([*first, *often]) if each.strip(b"\0")]


def _places(data: bytes, start: bytes) -> list[int]:
    found: list[int] = []
    at = data.find(start)
    while at >= 0 and len(found) < 5000:
        found.append(at)
        at = data.find(start, at + 1)
    return found


def _fixed(data: bytes, start: bytes) -> Cutting | None:
    """The same start again and again, as far from each other."""
    places = _places(data, start)
    steps = Counter(later - earlier for earlier, later in pairwise(places))
    # A start may also be in a frame by chance: the steps are looked for in all that is not far.
    known = set(places)
    best: tuple[float, int, list[bytes]] | None = None
    for step in {step for step, _ in steps.most_common(5)} | {b - a for a, b in zip(places, places[2:], strict=False)}:
        if not max(4, len(start) + 2) <= step <= LONGEST:
            continue
        frames, at = [], places[0]
        while at + step <= len(data):
            if at in known and (at + step in known or at + step == len(data)):
                frames.append(data[at : at + step])
                at += step
            else:
                at = next((place for place in places if place > at), len(data))
        covered = len(frames) * step / len(data)
        # Twice the distance fits as well.
        if len(frames) >= FEWEST and (best is None or covered - step / 2000 > best[0] - best[1] / 2000):
            best = (covered, step, frames)
    if best is None:
        return None
    covered, step, frames = best
    if len(start) == 1 and len({frame[1] for frame in frames}) == 1:
        start = frames[0][:2]
    begins = places[0] == 0
    hopes = 0.76 + 0.06 * (len(start) > 1) + 0.06 * begins
    why = f"{step} bytes each, beginning with {start.hex(' ')}"
    return Cutting({"cut": "fixed", "size": step, "start": f"hex:{start.hex(' ')}"}, frames, covered, why, hopes)


def _sized(data: bytes, start: bytes) -> Cutting | None:
    """A number behind the start says how far it is to the next one."""
    places = _places(data, start)
    if len(places) < FEWEST:
        return None
    best: tuple[float, Cutting] | None = None
    for kind, read in TYPES.items():
        width = 1 if kind == "u8" else 2
        for at in range(len(start), len(start) + 4):
            for add in _adds(data, places, read, at, width):
                frames, covered = _chain(data, start, places, read, at, width, add)
                if len(frames) < FEWEST or covered < 0.6:
                    continue
                several = len(set(map(len, frames)))
                if several < 2:
                    continue  # Then a fixed size says the same, and more simply.
                frame = {"cut": "length", "start": f"hex:{start.hex(' ')}", "at": at, "type": kind, "add": add}
                if not add:
                    del frame["add"]
                why = f"the length stands at {at}, behind {start.hex(' ')}"
                hopes = 0.84 + 0.04 * (len(start) > 1)
                rank = covered - 0.01 * at
                if best is None or rank > best[0] + 0.005:
                    best = (rank, Cutting(frame, frames, covered, why, hopes))
    return best[1] if best else None


def _adds(data: bytes, places: Sequence[int], read: Callable[[bytes, int], int], at: int, width: int) -> list[int]:
    """What most often lies between the number and the way to the next start."""
    differences = Counter[int]()
    for earlier, later in pairwise(places[:400]):
        if earlier + at + width <= len(data):
            differences[later - earlier - read(data, earlier + at)] += 1
    return [add for add, many in differences.most_common(2) if many >= 2 and -2 <= add <= 16]


def _chain(
    data: bytes,
    start: bytes,
    places: Sequence[int],
    read: Callable[[bytes, int], int],
    at: int,
    width: int,
    add: int,
) -> tuple[list[bytes], float]:
    frames: list[bytes] = []
    place, covered = places[0], 0
    while 0 <= place < len(data) - at - width and len(frames) < 5000:
        size = read(data, place + at) + add
        end = place + size
        follows = end == len(data) or data.startswith(start, end)
        if at + width <= size <= LONGEST * 4 and end <= len(data) and follows:
            frames.append(data[place:end])
            covered += size
            place = end
        else:
            place = data.find(start, place + 1)
            if place < 0:
                break
    return frames, covered / max(1, len(data))
