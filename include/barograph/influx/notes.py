"""Alarms as points beside the readings: in the bucket of the readings, measurement `alarm`.

alarm,alarm=17,device=fridge-1,metric=temperature,rule=warm,site=demo,transition=opened limit=8 1795334400123456

A point is identified by its alarm, its transition and its time. `value` and `flag` are fields of readings, never of
these: `barograph influx rebuild` compares those with the archive.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from barograph.errors import ServiceUnavailable
from barograph.influx import points
from barograph.influx.clients import client_of, erase, predicate
from barograph.settings import Settings
from barograph.windows import EPOCH, Window, microseconds

MEASUREMENT = "alarm"
FOREVER = Window(EPOCH, EPOCH.replace(year=2200))

TRANSITIONS = (
    "opened", "escalated", "downgraded", "cleared", "acknowledge", "comment", "assign", "shelve", "unshelve", "close",
    "reopen",
)  # fmt: skip

QUERY = """
from(bucket: in_bucket)
  |> range(start: from_time, stop: to_time)
  |> filter(fn: (r) => r._measurement == "alarm" and r._field == "severity")
  |> filter(fn: (r) => contains(value: r.alarm, set: of_alarms))
  |> keep(columns: ["_time", "alarm", "transition"])
"""


class Note(NamedTuple):
    """One transition of an alarm, judged or done by somebody."""

    alarm: Mapping[str, Any]
    transition: str
    at: datetime
    severity: str
    value: float | None = None
    who: str = ""
    comment: str = ""

    @property
    def identity(self) -> tuple[str, str, int]:
        return str(self.alarm["alarm"]), self.transition, microseconds(self.at)


def lines(notes: Sequence[Note]) -> tuple[list[str], list[str]]:
    """The points as lines; and why others are none, since devices of strangers may have any name."""
    told, refused = [], []
    for note in notes:
        try:
            told.append(_line(note))
        except ValueError as error:
            refused.append(str(error))
    return told, refused


def known(settings: Settings, alarms: Collection[int], window: Window) -> set[tuple[str, str, int]]:
    """The identities of the points that InfluxDB has of these alarms. Raises ServiceUnavailable."""
    params: dict[str, Any] = {
        "in_bucket": settings.influx.readings, "from_time": window.start, "to_time": window.end,
        "of_alarms": [str(alarm) for alarm in alarms],
    }  # fmt: skip
    with client_of(settings, "influx_reader") as client:
        try:
            found = client.query_api().query_stream(QUERY, params=params)
            return {(row["alarm"], row["transition"], microseconds(row["_time"])) for row in found}
        except (ApiException, HTTPError, OSError) as error:
            raise ServiceUnavailable(
                f"InfluxDB at {settings.influx_url} does not answer a question: {error}"
            ) from error


def remove(settings: Settings, alarm: str | None = None, site: str | None = None, window: Window = FOREVER) -> None:
    """Delete the points of an alarm, or of a site. Raises ServiceUnavailable."""
    of = {"alarm": str(int(alarm))} if alarm is not None else {"site": str(site)}
    # Only our own points have a transition; a device may well measure something called `alarm`.
    ours = ({"metric": MEASUREMENT, **of, "transition": transition} for transition in TRANSITIONS)
    erase(settings, settings.influx.readings, [(window, predicate(tags)) for tags in ours])


def post(settings: Settings, told: Sequence[str]) -> list[str]:
    """Returns what the server said of those that it refused. Raises SinkError if it does not answer."""
    return points.post(settings, told, settings.influx.readings)


def _line(note: Note) -> str:
    alarm = note.alarm
    tags = {name: str(alarm[name]) for name in ("alarm", "device", "metric", "rule", "site")}
    fields: dict[str, points.Value] = {"severity": note.severity}
    for name, fact in (("extreme", note.value), ("limit", alarm["limit"])):
        if fact is not None:
            fields[name] = fact
    for name, text in (("message", alarm["message"]), ("who", note.who), ("comment", note.comment)):
        if text:
            fields[name] = _one_line(text)
    return points.line(MEASUREMENT, {**tags, "transition": note.transition}, fields, note.at)


def _one_line(text: str) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown[: points.LONGEST]
