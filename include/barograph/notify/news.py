"""What a change of an alarm is to somebody who was told this or that before. Pure.

    told        now          news            told        now           news
    nothing     open         opened          it is open  cleared       cleared
    nothing     cleared      opened (*)      it is over  open          reopened
    nothing     withdrawn    -               anything    withdrawn     withdrawn, a correction
    it is open  open, worse  raised          anything    as was told   -

(*) It came and went between two looks, within the last day: composing says so. What is historical or suppressed is
never news. Who comes to be told of alarms that are open by then, for he or his wishes are new, is told that they are
open `already`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

Kind = Literal["opened", "already", "raised", "reopened", "cleared", "withdrawn", "repeated", "escalated"]

SEVERITIES = ("warning", "minor", "major", "critical")

LONG_AGO = timedelta(hours=24)
"""What ended before that and was never told is history."""

OPEN: frozenset[Kind] = frozenset({"opened", "already", "raised", "reopened", "repeated", "escalated"})
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


def news(
    alarm: Mapping[Any, Any],
    told: Iterable[Told],
    now: datetime,
    resolved: bool = True,
    restored: datetime | None = None,
) -> News | None:
    """What somebody is told who was told `told`, in its order. `resolved`: whether the end of an alarm is wanted.

    Whether he wants this alarm at all is for who asks. `restored`: when the database was, from a backup that does not
    know what was told last: what opened before is no news, and is only told as open `already`, if it is.
    """
    known = list(told)
    kind = _kind(alarm, [one for one in known if not one.dropped], now, resolved)
    if kind == "opened" and restored is not None and alarm["opened"] < restored:
        kind = "already" if alarm["state"] == "open" else None
    return News(kind, sum(one.kind == kind for one in known)) if kind else None


def _kind(alarm: Mapping[Any, Any], told: list[Told], now: datetime, resolved: bool) -> Kind | None:
    state, last = alarm["state"], told[-1].kind if told else None
    if last is None:
        fresh = state == "open" or (state == "cleared" and now - alarm["cleared"] < LONG_AGO)
        return "opened" if fresh and not alarm["historical"] else None
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
