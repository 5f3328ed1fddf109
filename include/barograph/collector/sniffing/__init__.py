"""What is it that a port says? From bytes with their times to ranked guesses. Pure: the port is opened elsewhere.

    heard --known--> formats that exist, with their scores -.
          `-text, binary--> drafts --score--> guesses -------`-> the best first

lines, words, columns   what text may mean     sums    which checksum is right     draft   a format and its YAML
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from barograph.collector.formats import Format
from barograph.collector.sniffing.binary import binary_drafts
from barograph.collector.sniffing.draft import Draft
from barograph.collector.sniffing.heard import Heard, at_once, heard
from barograph.collector.sniffing.known import tried
from barograph.collector.sniffing.score import Read, Score, reads, score
from barograph.collector.sniffing.text import text_drafts
from barograph.errors import BarographError

__all__ = ["Guess", "Heard", "Read", "Score", "at_once", "guesses", "heard", "reads"]


@dataclass(frozen=True)
class Guess:
    """A format that what was heard may be of."""

    name: str
    """Of a format that exists, or what was inferred."""
    declared: Format
    score: Score
    rank: float
    """From 0 to 1."""
    why: str
    draft: Draft | None = None
    """Where the format was inferred."""

    @property
    def sure(self) -> bool:
        return self.rank >= 0.8

    @property
    def names_its_device(self) -> bool:
        """Whether frames say who sends; else the port must."""
        return self.score.devices not in ((), ("port",))


def guesses(told: Heard, *, known: bool = True, more: Mapping[str, Path] | None = None) -> list[Guess]:
    """What it may be, the best first. `more` are formats of a site; without `known` nothing that exists is tried."""
    found = list(_known(told, more)) if known and told.data else []
    if told.data:
        found += _inferred(told)
    # Of two that fit alike: the one with evidence of its own, and the one that reads more.
    return sorted(found, key=lambda each: (-round(each.rank, 2), each.draft is not None, -each.score.values))


def _known(told: Heard, more: Mapping[str, Path] | None) -> Iterator[Guess]:
    for name, declared, its in tried(told, more):
        why = f"reads {its.share:.0%} of the bytes"
        why += "; any numbers look so" if not its.evidence else ""
        yield Guess(name, declared, its, its.total, why)


def _inferred(told: Heard) -> Iterator[Guess]:
    seen: set[str] = set()
    for draft in [*text_drafts(told.data)] or binary_drafts(told):
        if draft.yaml() in seen:
            continue
        seen.add(draft.yaml())
        try:
            declared = draft.format()
        except BarographError:
            continue  # A draft that the language refuses is none.
        its = score(declared, told)
        if its.share > 0.3:
            yield Guess("new", declared, its, its.share * draft.hopes, draft.why, draft)
