"""Clients of InfluxDB with one of our tokens, and a question to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from influxdb_client import InfluxDBClient
from influxdb_client.domain.dialect import Dialect
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from barograph.errors import ServiceUnavailable
from barograph.settings import Settings


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
