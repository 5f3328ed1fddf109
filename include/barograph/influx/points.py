"""Single points, rendered and posted without Spark: what the pipeline says about itself, and alarms (notes.py).

events,collector=till-2,event=port_lost,level=warning,port=cold-wall count=1,reason="unplugged" 1795334400123456

A field that has once been a number can never become a text: all numbers are float64, however they were written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite

from barograph.influx.clients import client_of
from barograph.influx.delivery import deliver
from barograph.influx.load import compression
from barograph.influx.sink import posting
from barograph.settings import Settings
from barograph.windows import microseconds

NAME = re.compile(r"[A-Za-z][\w.-]{0,63}")
"""Of measurements, tags and fields: they are ours, and `_` begins InfluxDB's own."""
LONGEST = 1_000
"""Characters of a tag's or a field's text."""
MOST_TAGS, MOST_FIELDS = 16, 64
TIMEOUT = 5.0
PATIENCE = 10.0
"""Seconds for one request, and for all attempts: readings come first, these can wait for the next run."""

Value = str | float | int | bool


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, Value], at: datetime) -> str:
    """A point as line protocol, with microseconds. Raises ValueError for what no point may have."""
    named = sorted((_name(name), _tag(text)) for name, text in tags.items() if text)
    valued = sorted((_name(name), _field(value)) for name, value in fields.items())
    if not valued or len(valued) > MOST_FIELDS or len(named) > MOST_TAGS:
        raise ValueError(f"a point of {_name(measurement)} with {len(named)} tags and {len(valued)} fields")
    key = ",".join([_name(measurement), *(f"{name}={text}" for name, text in named)])
    return f"{key} {','.join(f'{name}={value}' for name, value in valued)} {microseconds(at)}"


def post(settings: Settings, lines: Sequence[str], bucket: str | None = None) -> list[str]:
    """Write lines to a bucket, `operations` unless said; returns what the server said of those that it refused.

    Raises SinkError if it does not answer.
    """
    refused: list[str] = []
    with client_of(settings, "influx_loader", TIMEOUT) as client:
        write = posting(client, bucket or settings.influx.operations, compression(settings))
        for start in range(0, len(lines), settings.influx.lines_per_request):
            some = list(lines[start : start + settings.influx.lines_per_request])
            deliver(some, write, lambda line, why: refused.append(f"{why}: {line}"), PATIENCE, time.sleep)
    return refused


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no name of a measurement, tag or field")
    return name


def _text(text: str) -> str:
    """A line end would begin another point; a lone surrogate is no character."""
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"a text that is too long or has control characters: {text[:80]!r}")
    return text


def _tag(text: object) -> str:
    if not isinstance(text, str) or text.endswith("\\"):
        raise ValueError(f"{str(text)[:80]!r} cannot be a tag")
    return re.sub(r"([,= ])", r"\\\1", _text(text))


def _field(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        number = float(value)
        if not isfinite(number):
            raise ValueError(f"{number} is no number that InfluxDB takes")
        return repr(number)
    if isinstance(value, str):
        return '"' + _text(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    raise ValueError(f"{str(value)[:80]!r} cannot be a field")
