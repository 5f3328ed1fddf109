"""Positions, batches and targets in memory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa

from barograph.destinations import ParquetTarget
from barograph.errors import WriterBusy
from barograph.state.ledger import Batch
from barograph.state.resettled import Resettled
from barograph.state.targets import Position
from barograph.targets import Content
from barograph.testing import TIME
from barograph.windows import Window, utc

NOON = utc("2026-11-22T12:00:00Z")
MINUTE = timedelta(minutes=1)
READINGS = pa.schema(
    [("device", pa.string()), ("metric", pa.string()), ("time", TIME), ("value", pa.float64())],
)
WINDOWS = pa.schema(
    [("device", pa.string()), ("metric", pa.string()), ("start", TIME), ("mean", pa.float64())],
)


def a_target(name="lake", what=("readings",), **facts):
    return ParquetTarget(name=name, what=list(what), kind="parquet", folder="out", **facts)


def a_batch(number):
    return Batch(number, "drain", "ingest", str(number), NOON, [], touched=[minute(number)], done=True)


def minute(number):
    return Window(NOON + number * MINUTE, NOON + (number + 1) * MINUTE)


def readings(*values, at=NOON, device="fridge-1"):
    rows = [
        {"device": device, "metric": "temperature", "time": at + n * timedelta(seconds=5), "value": value}
        for n, value in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, READINGS)


def an_alarm(change, **facts):
    return {
        "alarm": 1, "change": change, "site": "shop", "rule": "warm", "rule_version": "1", "severity": "major",
        "device": "fridge-1", "metric": "temperature", "limit": 8.0, "value": 9.5, "started": NOON, "opened": NOON,
        "cleared": None, "state": "open", "historical": False, "message": "above 8", **facts,
    }  # fmt: skip


class Memory:
    """Stands in for the SQL."""

    def __init__(self, batches=0, alarms=()):
        self.finished = [a_batch(number + 1) for number in range(batches)]
        self.alarms = list(alarms)
        self.resettled = []
        self.places = {}
        self.busy = set()

    @contextmanager
    def lock(self, target):
        if target in self.busy:
            raise WriterBusy(target)
        yield

    def of(self, target):
        return self.places.get(target)

    def begin(self, target, first):
        batch, change = (0, 0) if first else self.newest()
        newest = max((day.number for day in self.resettled), default=0)
        self.places.setdefault(target, Position(target, batch, change=change, resettled=newest))

    def note(self, target, **facts):
        self.places[target] = replace(self.places[target], **facts)

    def behind(self, place):
        return (
            sum(batch.batch > place.batch for batch in self.finished),
            sum(alarm["change"] > place.change for alarm in self.alarms),
        )

    def batches(self, above, limit):
        return [batch for batch in self.finished if batch.batch > above][:limit]

    def changes(self, above, limit):
        return [alarm for alarm in self.alarms if alarm["change"] > above][:limit]

    def days(self, above, limit=None):
        return [day for day in self.resettled if day.number > above][:limit]

    def newest(self):
        return len(self.finished), max((alarm["change"] for alarm in self.alarms), default=0)


class Contents:
    """A batch has a minute in `parts` stretches; it is remembered which were made out."""

    def __init__(self, parts=1):
        self.parts = parts
        self.made_out = []

    @contextmanager
    def __call__(self, batch):
        self.made_out.append(batch.batch)
        start, part = minute(batch.batch).start, MINUTE / self.parts
        cuts = [Window(start + n * part, start + (n + 1) * part) for n in range(self.parts)]
        yield Content(cuts, lambda what, stretch: readings(4.0, at=stretch.start))


def resettled(number, batch):
    return Resettled(number, "shop", date(2026, 11, 21), batch)


def a_day(parts=1):
    """A minute of the day before in so many stretches."""
    start, part = NOON.replace(day=21, hour=0), MINUTE / parts
    cuts = [Window(start + n * part, start + (n + 1) * part) for n in range(parts)]
    return lambda day: Content(cuts, lambda what, stretch: readings(4.0, at=stretch.start))


class Sink:
    """A target that takes all, until it is told to answer otherwise to a parcel."""

    def __init__(self):
        self.taken = []
        self.answers = {}

    def send(self, parcel):
        answer = self.answers.get(f"{parcel.what}/{parcel.name}")
        if answer:
            raise answer
        self.taken.append(f"{parcel.what}/{parcel.name}")

    def close(self):
        pass
