"""Text: where its frames end, in what encoding it is, and the checksum behind each line."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from barograph.collector.sniffing.sums import right

PRINTABLE = 0.9
"""Of all lines, so many are wholly text."""
MARKED = re.compile(r"^(?P<said>.*?)(?P<mark>[*#;,~|:! ]?)(?P<sum>[0-9A-Fa-f]{8}|[0-9A-Fa-f]{4}|[0-9A-Fa-f]{2})$")
MOST = 400
ENOUGH_LINES = 0.8


@dataclass(frozen=True)
class Lines:
    texts: list[str]
    """Without what ends them and without their checksum."""
    heard: list[str]
    """With it."""
    frame: dict[str, Any]
    note: str
    encoding: str


def lines_of(data: bytes) -> Lines | None:
    """None where it is no text."""
    frame: dict[str, Any] = {}
    if data.count(b"\x02") >= 2 and data.count(b"\x03") >= 2:
        frame = {"cut": "between", "start": "hex:02", "end": "hex:03"}
        raws = re.findall(rb"\x02([^\x02\x03]*)\x03", data)
        note = "each frame stands between STX and ETX"
    else:
        ends = Counter(re.findall(rb"\r\n|\n|\r", data))
        if not ends:
            return None
        whole = data[: max(data.rfind(b"\r"), data.rfind(b"\n")) + 1]
        raws = [line for line in re.split(rb"[\r\n]+", whole) if line.strip()]
        note = ""
    raws = raws[:MOST]
    if not raws or sum(map(len, raws)) < 2 * len(raws):
        return None
    texts, encoding = _decoded(raws)
    if len(texts) < PRINTABLE * len(raws):
        return None
    heard = texts
    declared = _checksum(texts)
    if declared:
        checksum, texts = declared
        frame = {**(frame or {"cut": "line"}), "checksum": checksum}
    return Lines(texts, heard, frame, note, encoding)


def _decoded(raws: list[bytes]) -> tuple[list[str], str]:
    for encoding in ("utf-8", "latin-1"):
        texts = []
        for raw in raws:
            try:
                text = raw.decode(encoding).strip()
            except UnicodeDecodeError:
                continue
            if text and all(letter.isprintable() or letter == "\t" for letter in text):
                texts.append(text)
        plain = sum(letter.isascii() for text in texts for letter in text)
        # As latin-1 every byte is a letter: few of them may be strange ones.
        if len(texts) >= PRINTABLE * len(raws) and (encoding == "utf-8" or plain >= 0.9 * sum(map(len, texts))):
            return texts, encoding
    return [], "utf-8"


def _checksum(texts: list[str]) -> tuple[dict[str, Any], list[str]] | None:
    """What stands behind most lines and is right there, and the lines without it."""
    found = [match for text in texts if (match := MARKED.match(text))]
    if len(found) < max(3, ENOUGH_LINES * len(texts)):
        return None
    shape = Counter((match["mark"], len(match["sum"])) for match in found).most_common(1)[0][0]
    alike = [match for match in found if (match["mark"], len(match["sum"])) == shape]
    if len(alike) < ENOUGH_LINES * len(texts) or len({match["sum"] for match in alike}) < 3:
        return None
    mark, digits = shape
    width = 4 * digits
    for skip in (0, 1):
        for behind in ("", mark) if mark else ("",):
            cases = [
                ((match["said"][skip:] + behind).encode("utf-8", "replace"), int(match["sum"], 16)) for match in alike
            ]
            name = right(cases[:40], width)
            if name is None:
                continue
            declared: dict[str, Any] = {"kind": name}
            first = {match["said"][:1] for match in alike}
            if mark:
                if skip and len(first) == 1:
                    declared["between"] = [first.pop(), mark]
                else:
                    declared["over"] = [skip, -digits if behind else -digits - 1]
                declared["after"] = mark
            else:
                declared |= {"at": -digits} | ({"over": [skip, -digits]} if skip else {})
            return {**declared, "as": "hex"}, [match["said"] for match in alike]
    return None
