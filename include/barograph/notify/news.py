"""What a change of an alarm is to somebody who was told this or that before. Pure.

    told        now          news            told        now           news
    nothing     open         opened          it is open  cleared       cleared
    nothing     cleared      opened (*)      it is over  open          reopened
    nothing     withdrawn    -               anything    withdrawn     withdrawn, a correction
    it is open  open, worse  raised          anything    as was told   -

(*) It came and went between two looks: composing says so. What is historical or suppressed is never news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["opened", "raised", "reopened", "cleared", "withdrawn", "repeated", "escalated"]

SEVERITIES = ("warning", "minor", "major", "critical")

OPEN: frozenset[Kind] = frozenset({"opened", "raised", "reopened", "repeated", "escalated"})
"""Whoever heard one of these last believes that it is open."""


@dataclass(frozen=True)
class Told:
    """A notice that was made before: about one alarm, to one contact, on one channel."""

    kind: Kind
    number: int
    severity: str
    dropped: bool = False
    """Nobody heard it: it was no longer true when it was due."""


@dataclass(frozen=True)
class News:
    """What somebody is to be told. `number`: how many of its kind came before."""

    kind: Kind
    number: int = 0


def news(alarm: Mapping[str, Any], told: Iterable[Told], resolved: bool = True) -> News | None:
    """What somebody is told now who was told `told`, in its order. `resolved`: whether the end of an alarm is wanted.

    Whether he wants this alarm at all is for who asks.
    """
    known = list(told)
    kind = _kind(alarm, [one for one in known if not one.dropped], resolved)
    return News(kind, sum(one.kind == kind for one in known)) if kind else None


def _kind(alarm: Mapping[str, Any], told: list[Told], resolved: bool) -> Kind | None:
    state, last = alarm["state"], told[-1].kind if told else None
    if last is None:
        return "opened" if state in ("open", "cleared") and not alarm["historical"] else None
    if state == "open":
        if last not in OPEN:
            return "reopened"
        return "raised" if rank(alarm["severity"]) > max(rank(one.severity) for one in told) else None
    if state == "cleared":
        return "cleared" if last in OPEN and resolved else None
    if state == "withdrawn":
        return "withdrawn" if last != "withdrawn" else None
    return None


def rank(severity: str) -> int:
    """How bad it is; what nobody knows is as bad as can be."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
