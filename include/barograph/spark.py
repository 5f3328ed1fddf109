"""Sessions on the Spark Connect servers, and the registry as the small tables that transforms join with."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlparse
from uuid import uuid4

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from barograph.errors import JobFailed, ServiceUnavailable
from barograph.metrics import METRICS
from barograph.registry import UNREGISTERED, Site
from barograph.settings import Settings

WINDOW = 60
SLIDE = 5
"""Seconds: the shipped window. A device with a cadence above 10 s slides by its cadence instead."""


@contextmanager
def session(settings: Settings, server: str = "live", lasting: str | None = None) -> Iterator[SparkSession]:
    """A session on the `live` or the `history` server. Raises ServiceUnavailable if nobody listens, JobFailed.

    Python workers belong to a session, and starting them takes seconds. Under a name, `lasting`, the server keeps
    the session and the next process goes on with it; its callers must hold a lock, one at a time.
    """
    url = settings.spark_url(server)
    _knock(server, url)
    try:
        spark = _lasting(settings, url, f"{server}-{lasting}") if lasting else _fresh(url)
    except PySparkException as error:
        raise ServiceUnavailable(f"Spark server `{server}` refused a session: {error}") from error
    try:
        yield spark
    except PySparkException as error:
        raise JobFailed(f"Spark server `{server}`: {_first_words(error)}") from error
    finally:
        spark.stop()


def _fresh(url: str, session_id: str | None = None) -> SparkSession:
    spark = SparkSession.builder.remote(f"{url};session_id={session_id}" if session_id else url).create()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark


def _lasting(settings: Settings, url: str, name: str) -> SparkSession:
    """Go on with the session of that name, or begin it; the server forgets idle ones after an hour."""
    note = settings.path("run", f"spark-{name}.session")
    note.parent.mkdir(parents=True, exist_ok=True)
    try:
        spark = _fresh(url, note.read_text().strip())
        spark.catalog.clearCache()
    except (OSError, PySparkException):
        session_id = str(uuid4())
        spark = _fresh(url, session_id)
        note.write_text(session_id)
    spark.release_session_on_close = False
    return spark


def _first_words(error: PySparkException) -> str:
    """A failure in a Python worker comes with a hundred lines of JVM; the last of its own is what happened."""
    text = (error.getMessage() or str(error)).split("JVM stacktrace:")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    own = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception)\b.*:", line)]
    return (own or lines or [text])[-1 if own else 0][:1000]


def _knock(server: str, url: str) -> None:
    """Connect's own client goes on trying for minutes; a closed port is known at once."""
    place = urlparse(url)
    try:
        socket.create_connection((place.hostname or "", place.port or 15002), timeout=5).close()
    except OSError as error:
        raise ServiceUnavailable(
            f"Spark server `{server}` does not answer at {place.hostname}:{place.port} ({error}). "
            "`barograph status` shows which servers run."
        ) from error


def shape(cadence: float) -> tuple[int, int]:
    """Size and slide in seconds of the sliding windows of a device with this cadence."""
    slide = SLIDE if cadence <= 2 * SLIDE else max(SLIDE, round(cadence))
    return max(WINDOW, slide), slide


def devices(spark: SparkSession, sites: Sequence[Site]) -> DataFrame:
    rows = [
        (device.device, site.site, device.zone, device.cadence, *shape(device.cadence))
        for site in sites
        for device in site.devices
    ]
    return spark.createDataFrame(rows, "device string, site string, zone string, cadence double, size int, slide int")


def unregistered(spark: SparkSession, site: str, cadence: float) -> DataFrame:
    """The one row of facts for devices that nobody registered."""
    return spark.createDataFrame(
        [(site, UNREGISTERED, cadence, *shape(cadence))],
        "site string, zone string, cadence double, size int, slide int",
    )


def limits(spark: SparkSession, sites: Sequence[Site]) -> DataFrame:
    rows = [
        (device.device, metric, point.valid_min, point.valid_max)
        for site in sites
        for device in site.devices
        for metric, point in device.points.items()
    ]
    return spark.createDataFrame(rows, "device string, metric string, valid_min double, valid_max double")


def metrics(spark: SparkSession) -> DataFrame:
    rows = [(metric.name, float(metric.valid[0]), float(metric.valid[1])) for metric in METRICS]
    return spark.createDataFrame(rows, "metric string, metric_min double, metric_max double")
