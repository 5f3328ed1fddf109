"""Sessions on the Spark Connect servers."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlparse
from uuid import uuid4

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from barograph.errors import JobFailed, ServiceUnavailable
from barograph.settings import Settings


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
