"""The numbers in frames of one size: which bytes never change, which count, and which belong together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

from barograph.collector.sniffing.draft import Noted

MOST = 40


def fields_of(frames: Sequence[bytes], skip: set[int], end: int) -> list[Noted]:
    """Those up to `end`; offsets of `skip` are framing."""
    columns = list(zip(*frames, strict=True))
    changing = {at: len(set(column)) > 1 for at, column in enumerate(columns)}
    found: list[Noted] = []
    at = 0
    while at < end and len(found) < MOST:
        if at in skip:
            at += 1
            continue
        pair = at + 1 < end and at + 1 not in skip
        if pair and (kind := _word(columns[at], columns[at + 1])):
            found.append(_number(frames, at, kind))
            at += 2
        elif changing[at]:
            found.append(_number(frames, at, "u8"))
            at += 1
        else:
            at += 1
    if not any("metric" in each.what for each in found):
        # Nothing moved: all that can be said is where numbers may stand.
        rest = [at for at in range(end) if at not in skip]
        found = [_number(frames, at, "u8") for at in rest[:MOST]]
    taken = {at for each in found for at in range(each.what["at"], each.what["at"] + (2 if "type" in each.what else 1))}
    constant = [at for at in range(end) if at not in skip | taken and not changing[at]]
    if found and constant:
        last = found[-1]
        told = ", ".join(f"{at}: {frames[0][at]:02x}" for at in constant[:8]) + (", …" if len(constant) > 8 else "")
        found[-1] = Noted(last.what, f"{last.note}\n  # Never changed so far, by offset: {told}" if last.note else "")
    return found


def _word(high: Sequence[int], low: Sequence[int]) -> str | None:
    """Whether two bytes are one number: one of them moves little, and the two together move smoothly."""
    if len(set(high)) == 1 and len(set(low)) == 1:
        return None
    if len(set(high)) > 1 and len(set(low)) > 1:
        be = [a << 8 | b for a, b in zip(high, low, strict=True)]
        le = [b << 8 | a for a, b in zip(high, low, strict=True)]
        return "u16be" if _roughness(be) <= _roughness(le) else "u16le"
    # A byte that never changed beside one that does: its high byte, if it is small.
    if len(set(high)) == 1 and len(set(low)) > 2 and (high[0] <= 0x10 or high[0] >= 0xF0):
        return "u16be"
    return None


def _roughness(values: Sequence[int]) -> float:
    signed = [value - 65536 if value > 0x7FFF else value for value in values]
    unsigned_steps = fmean(abs(b - a) for a, b in pairwise(values)) if len(values) > 1 else 0.0
    signed_steps = fmean(abs(b - a) for a, b in pairwise(signed)) if len(signed) > 1 else 0.0
    return min(unsigned_steps, signed_steps)


def _number(frames: Sequence[bytes], at: int, kind: str) -> Noted:
    size = 1 if kind == "u8" else 2
    order = "little" if kind.endswith("le") else "big"
    values = [int.from_bytes(frame[at : at + size], order) for frame in frames]  # type: ignore[arg-type]
    modulus = 256**size
    if len(values) >= 4 and all((b - a) % modulus == 1 for a, b in pairwise(values)):
        return Noted({"name": f"counter_{at}", "at": at, "type": kind}, "a counter: each frame has one more")
    if size == 2 and max(values) > 0xF000 and (min(values) < 0x1000 or min(values) > 0xF000):
        kind = "i" + kind[1:]
        values = [value - 65536 if value > 0x7FFF else value for value in values]
    spec: dict[str, Any] = {"metric": f"value_{at}", "at": at}
    if kind != "u8":
        spec["type"] = kind
    told = f"always {values[0]}" if len(set(values)) == 1 else f"{min(values)} … {max(values)}"
    return Noted(spec, f"{told}: what is it?")
