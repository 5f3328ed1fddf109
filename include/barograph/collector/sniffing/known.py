"""Formats that exist already, tried on what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from barograph.collector.formats import Format, read_format_file, shipped
from barograph.collector.frames import Cut
from barograph.collector.sniffing.heard import Heard, Piece
from barograph.collector.sniffing.score import Score, cut, score
from barograph.errors import BarographError

FIRST = 4096
"""Bytes on which all are tried; the whole is read only by those that read something of these."""


def tried(heard: Heard, more: Mapping[str, Path] | None = None) -> list[tuple[str, Format, Score]]:
    """The shipped formats, and `more` of a site, that read something of it: the best first."""
    begin = _begin(heard)
    found: list[tuple[str, Format, Score]] = []
    for name, path in {**shipped(), **(more or {})}.items():
        try:
            declared = _format(path)
            # Cutting costs next to nothing; what reads frames is only put together where there are some.
            if not any(isinstance(each, Cut) for each in cut(declared, begin)) or score(declared, begin).share < 0.1:
                continue
            found.append((name, declared, score(declared, heard)))
        except BarographError:
            continue  # `barograph check` says what is wrong with a file.
    found.sort(key=lambda each: (-round(each[2].total, 3), -each[2].values, each[0]))
    return [each for each in found if each[2].total >= 0.1]


@cache
def _format(path: Path) -> Format:
    """Guessing goes on while a port is listened to; the files do not change meanwhile."""
    return read_format_file(path)


def _begin(heard: Heard) -> Heard:
    pieces: list[Piece] = []
    left = FIRST
    for piece in heard.pieces:
        if left <= 0:
            break
        pieces.append(Piece(piece.data[:left], piece.rest))
        left -= len(piece.data)
    return Heard(tuple(pieces))
