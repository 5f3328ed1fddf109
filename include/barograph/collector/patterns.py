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
    """A compiled pattern; what it finds are its named groups that took part."""

    def __init__(self, text: str) -> None:
        import re2  # type: ignore[import-untyped]

        options = re2.Options()
        options.max_mem = MEMORY
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(text, options=options)
        except (re2.error, UnicodeError) as error:
            why = error.args[0] if error.args else error
            raise PatternError(f"is not a pattern: {why.decode() if isinstance(why, bytes) else why}") from error
        self.groups = frozenset(self._compiled.groupindex)

    def found(self, text: str) -> bool:
        return self._compiled.search(text) is not None

    def named(self, text: str) -> dict[str, str] | None:
        """The named groups of the first match, or None if there is no match."""
        match = self._compiled.search(text)
        return None if match is None else _groups(match)

    def after(self, text: str) -> str:
        """What follows the first match."""
        match = self._compiled.search(text)
        return text if match is None else text[match.end() :]

    def first(self, text: str) -> str | None:
        """The first group of the first match, or all of it."""
        match = self._compiled.search(text)
        if match is None:
            return None
        told: str | None = match.group(1 if self._compiled.groups else 0)
        return told

    def every(self, text: str) -> Iterator[dict[str, str]]:
        for match in self._compiled.finditer(text):
            yield _groups(match)


@lru_cache(maxsize=256)
def compiled(text: str) -> Pattern:
    """Raises PatternError."""
    return Pattern(text)


def checked(text: str) -> str:
    """For models: the text itself, or ValueError."""
    compiled(text)
    return text


def _groups(match: Any) -> dict[str, str]:
    return {name: told for name, told in match.groupdict().items() if told is not None}
