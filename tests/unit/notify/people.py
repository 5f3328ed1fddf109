"""Contacts, alarms and notices in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from barograph.notify.contacts import Book, Contact, Placed, Sited
from barograph.windows import utc

NOON = utc("2026-11-27T12:00:00Z")
MINUTE = timedelta(minutes=1)


def a_contact(name="anna", **facts):
    usual = {"contact": name, "channels": [{"channel": "desk", "kind": "log"}], "group": 0}
    return Contact.model_validate({**usual, **facts})


def a_book(*contacts, timezone="Europe/Berlin"):
    shop = Sited(
        name="Corner shop",
        timezone=timezone,
        devices={"fridge-1": ("Dairy fridge", "cold-wall"), "room-1": ("Office", "office")},
    )
    return Book(
        contacts={
            one.contact: Placed(site="shop", timezone=timezone, contact=one) for one in contacts or [a_contact()]
        },
        sites={"shop": shop},
    )


def an_alarm(number=1, **facts):
    return {
        "alarm": number, "site": "shop", "rule": "warm", "kind": "limit", "thresholds": {}, "severity": "major",
        "device": "fridge-1", "metric": "temperature", "limit": 8.0, "value": 9.46, "started": NOON - 5 * MINUTE,
        "opened": NOON - 3 * MINUTE, "cleared": None, "state": "open", "historical": False,
        "message": "The goods spoil.", **facts,
    }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A notice as SQL has it."""

    notice: int
    alarm: int = 1
    contact: str = "anna"
    channel: str = "desk"
    kind: str = "opened"
    number: int = 0
    severity: str = "major"
    due: datetime = NOON
    message: int | None = None
    dropped: str | None = None
    now: str = "major"
