"""Regular expressions of sites, on lines that anybody may have sent: time grows with the line, never with the pattern.

Only home of RE2, which has no backtracking and so no look-around and no back-references either.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

MEMORY = 4 << 20
"""Bytes that one compiled pattern may take; RE2 goes slower, not further, when its cache is full."""


class PatternError(ValueError):
    """A pattern that is none; the message says where it breaks."""


class Pattern:
    """A compiled pattern; what it finds are its named groups that took part.

    It works on UTF-8: for texts RE2 would count characters as often as there are groups.
    """

    def __init__(self, text: str) -> None:
        import re2  # type: ignore[import-untyped]

        options = re2.Options()
        options.max_mem = MEMORY
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(text.encode(), options=options)
        except (re2.error, UnicodeError) as error:
            why = error.args[0] if error.args else error
            raise PatternError(f"is not a pattern: {why.decode() if isinstance(why, bytes) else why}") from error
        places: dict[Any, int] = self._compiled.groupindex
        self._places = [(name.decode() if isinstance(name, bytes) else name, at) for name, at in places.items()]
        self._first = 1 if self._compiled.groups else 0
        self.groups = frozenset(name for name, _ in self._places)

    def found(self, text: str) -> bool:
        return self._compiled.search(_raw(text)) is not None

    def named(self, text: str) -> dict[str, str] | None:
        """The named groups of the first match, or None if there is no match."""
        raw = _raw(text)
        match = self._compiled.search(raw)
        return None if match is None else self._groups(match, raw)

    def begun(self, text: str) -> tuple[dict[str, str], str] | None:
        """The same, and what follows the match."""
        raw = _raw(text)
        match = self._compiled.search(raw)
        return None if match is None else (self._groups(match, raw), raw[match.end() :].decode(errors="replace"))

    def first(self, text: str) -> str | None:
        """The first group of the first match, or all of it."""
        raw = _raw(text)
        match = self._compiled.search(raw)
        return None if match is None else _part(raw, match.span(self._first))

    def every(self, text: str) -> Iterator[dict[str, str]]:
        raw = _raw(text)
        for match in self._compiled.finditer(raw):
            yield self._groups(match, raw)

    def _groups(self, match: Any, raw: bytes) -> dict[str, str]:
        found = {}
        for name, at in self._places:
            told = _part(raw, match.span(at))
            if told is not None:
                found[name] = told
        return found


def _raw(text: str) -> bytes:
    """A lone surrogate, as JSON can escape one, is no letter."""
    return text.encode(errors="replace")


def _part(raw: bytes, span: tuple[int, int]) -> str | None:
    begin, end = span
    return raw[begin:end].decode(errors="replace") if begin >= 0 else None


@lru_cache(maxsize=256)
def compiled(text: str) -> Pattern:
    """Raises PatternError."""
    return Pattern(text)


def checked(text: str) -> str:
    """For models: the text itself, or ValueError."""
    compiled(text)
    return text
