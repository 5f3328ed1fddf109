"""Clients of InfluxDB with one of our tokens; a question to it, and a deletion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from influxdb_client import InfluxDBClient
from influxdb_client.domain.dialect import Dialect
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from barograph.errors import ServiceUnavailable
from barograph.settings import Settings
from barograph.windows import TICK, Window

WORDS = {"metric": "_measurement"}
"""What InfluxDB calls it in a deletion, where that is another word."""


def client_of(settings: Settings, token: str, timeout: float | None = None) -> InfluxDBClient:
    """A client with one of our tokens, for a `with`. `timeout`: seconds, else as the settings say."""
    return InfluxDBClient(
        settings.influx_url,
        token=settings.secret(token),
        org=settings.influx.org,
        timeout=int((timeout or settings.influx.timeout) * 1000),
    )


def ask(settings: Settings, question: str, params: Mapping[str, Any], timeout: float | None = None) -> bytes:
    """The answer as CSV, by the token that can only read. What varies is in `params`. Raises ServiceUnavailable."""
    dialect = Dialect(header=True, annotations=[], delimiter=",", comment_prefix="#")
    with client_of(settings, "influx_reader", timeout) as client:
        try:
            answer: bytes = client.query_api().query_raw(question, dialect=dialect, params=params).data
        except (ApiException, HTTPError, OSError) as error:
            raise ServiceUnavailable(
                f"InfluxDB at {settings.influx_url} does not answer a question: {error}"
            ) from error
    return answer


def erase(settings: Settings, bucket: str, points: Iterable[tuple[Window, str]]) -> None:
    """Delete what lies in `[start, end)` and has the tags of a `predicate`. Raises ServiceUnavailable."""
    with client_of(settings, "influx_loader") as client:
        try:
            for window, wanted in points:
                # The end that InfluxDB is told still belongs to what it deletes.
                client.delete_api().delete(window.start, window.end - TICK, wanted, bucket, settings.influx.org)
        except (ApiException, HTTPError, OSError) as error:
            raise ServiceUnavailable(f"InfluxDB at {settings.influx_url} does not delete: {error}") from error


def predicate(tags: Mapping[str, str]) -> str:
    """InfluxDB's words for points with these tags: `device="fridge-1" AND site="demo"`."""
    return " AND ".join(f'{WORDS.get(name, name)}="{_escaped(value)}"' for name, value in tags.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
