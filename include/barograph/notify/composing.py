"""What is pending for one channel becomes one message: about one alarm, or a digest of many. Pure.

What is said is how things are when it is said: an alarm that ended before anybody heard of it came and went, and one
that was withdrawn before that is told nobody.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from barograph import metrics
from barograph.notify.contacts import Book
from barograph.notify.news import SEVERITIES, rank
from barograph.state.outbox import Composed, Composition
from barograph.windows import iso

Said = Literal[
    "opened", "already", "escalated", "reopened", "raised", "repeated", "passed", "happened", "cleared", "withdrawn"
]

SHOWN = 50
"""Alarms of a digest that are named; the others are counted."""
REFERENCES = 20
"""Earlier messages that one names."""


def composition(
    name: str | None,
    book: Book,
    rows: Sequence[Any],
    alarms: Mapping[int, Mapping[str, Any]],
    threads: Mapping[int, Sequence[str]],
    at: datetime,
    identity: str,
) -> Composition:
    """`rows`: the pending notices of one channel of contact `name`, None if it is gone.

    `alarms` say `acknowledged` and `shelved` too.
    """
    if name is None:
        return Composition(None, {row.notice: "there is no such channel any more" for row in rows}, {})
    of: dict[int, list[Any]] = {}
    for row in rows:
        of.setdefault(row.alarm, []).append(row)
    drop: dict[int, str] = {}
    later: dict[int, datetime] = {}
    told: list[int] = []
    entries: list[dict[str, Any]] = []
    for number, mine in of.items():
        alarm, before = alarms[number], threads.get(number, ())
        if "shelved" in alarm and alarm["state"] == "open":
            later.update(dict.fromkeys((row.notice for row in mine), alarm["shelved"]))
            continue
        said, why = said_of({row.kind for row in mine}, alarm, bool(before))
        if said is None:
            drop.update(dict.fromkeys((row.notice for row in mine), why))
            continue
        told += [row.notice for row in mine]
        entries.append(entry(said, alarm, book, before[0] if before else identity))
    if not entries:
        return Composition(None, drop, later)
    entries.sort(key=lambda one: (one["over"], -rank(one["severity"]), one["started"], one["alarm"]))
    facts = _facts(name, book, entries, _earlier(threads, of), at)
    thread = entries[0]["thread"] if len({one["thread"] for one in entries}) == 1 else identity
    return Composition(Composed(identity, thread, facts, told), drop, later)


def said_of(kinds: Collection[str], alarm: Mapping[str, Any], before: bool) -> tuple[Said | None, str]:
    """What of these notices is told, or None and why not. `before`: whether this channel heard of the alarm already."""
    state = alarm["state"]
    if state in ("withdrawn", "suppressed"):
        return ("withdrawn", "") if before and "withdrawn" in kinds else (None, f"it was {state} before it was told")
    if state != "open":
        if not before:
            # Lost messages are lost at once: that was not over before anybody heard of it.
            return "happened" if alarm["cleared"] == alarm["opened"] else "passed", ""
        return ("cleared", "") if "cleared" in kinds else (None, "it was over")
    if before and {"cleared", "reopened"} <= set(kinds):
        kinds = set(kinds) - {"cleared", "reopened"}
    if alarm.get("acknowledged"):
        kinds = set(kinds) - {"escalated", "repeated"}
    order: tuple[Said, ...] = ("escalated", "opened", "already", "reopened", "raised", "repeated")
    said = next((each for each in order if each in kinds), None)
    return said, "" if said else "it was acknowledged, or is as it was told"


def entry(said: Said, alarm: Mapping[str, Any], book: Book, thread: str) -> dict[str, Any]:
    """An alarm as messages have it: all that templates and receivers know."""
    site = book.sites.get(alarm["site"])
    known = site.devices if site else {}
    # A whole port that is silent is called port:cold-wall.
    label, zone = known.get(alarm["device"], (alarm["device"].replace(":", " "), ""))
    metric = metrics.metric(alarm["metric"])
    return {
        "said": said,
        "over": said in ("passed", "cleared", "withdrawn"),
        "alarm": alarm["alarm"],
        "key": key(alarm),
        "thread": thread,
        "site": alarm["site"],
        "site_name": site.name if site else "Barograph",
        "zone": zone,
        "rule": alarm["rule"],
        "severity": alarm["severity"],
        "device": alarm["device"],
        "label": label,
        "kind": alarm["kind"],
        "code": alarm["thresholds"].get("code"),
        "metric": alarm["metric"],
        "metric_label": metric.label,
        "unit": metric.unit,
        "value": alarm["value"],
        "limit": alarm["limit"],
        "started": iso(alarm["started"]),
        "opened": iso(alarm["opened"]),
        "cleared": iso(alarm["cleared"]) if alarm["cleared"] else None,
        "message": alarm["message"],
        "acknowledged": bool(alarm.get("acknowledged")),
        "provisional": bool(alarm.get("provisional")),
    }


def key(alarm: Mapping[str, Any]) -> str:
    """The same for the same alarm in a database that was restored, where it may have another number."""
    told = [alarm["site"], alarm["rule"], alarm["device"], alarm["metric"], iso(alarm["opened"])]
    return hashlib.blake2b("/".join(told).encode(), digest_size=8).hexdigest()


def _facts(
    name: str, book: Book, entries: Sequence[Mapping[str, Any]], earlier: Sequence[str], at: datetime
) -> dict[str, Any]:
    placed = book.contacts[name]
    return {
        "contact": name,
        "language": placed.contact.language,
        "timezone": placed.timezone,
        "as_of": iso(at),
        "entries": list(entries[:SHOWN]),
        "references": list(earlier),
        "counts": {
            "alarms": len(entries),
            "open": sum(not one["over"] and one["said"] != "happened" for one in entries),
            "severities": _counted((one["severity"] for one in entries), SEVERITIES[::-1]),
            "rules": Counter(one["rule"] for one in entries).most_common(10),
            "sites": sorted({one["site_name"] for one in entries})[:10],
        },
    }


def _counted(those: Iterable[str], order: Sequence[str]) -> list[tuple[str, int]]:
    counted = Counter(those)
    return [(name, counted[name]) for name in order if counted[name]]


def _earlier(threads: Mapping[int, Sequence[str]], those: Iterable[int]) -> list[str]:
    """First what began the threads, then what went on with them."""
    firsts = [threads[number][0] for number in those if threads.get(number)]
    rest = [one for number in those for one in threads.get(number, ())[1:]]
    return list(dict.fromkeys([*firsts, *rest]))[:REFERENCES]
