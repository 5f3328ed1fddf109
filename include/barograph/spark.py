"""Sessions on the Spark Connect servers, or the one of the spark-submit that started us."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from barograph.errors import JobFailed, ServiceUnavailable
from barograph.progress import Progress
from barograph.settings import Settings, is_submitted

SUBMITTED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""What answers depend on, for a session of spark-submit; our own servers have it from include/stack/spark/connect.conf.
"""
WORTH_COMPILING = 100_000
"""Readings from which compiled expressions save more than compiling them costs."""
TOO_LARGE = " The answer is larger than a server may hold: ask for less (WHERE, LIMIT, GROUP BY) or in several parts."

log = structlog.get_logger()

_open: list[SparkSession] = []


@contextmanager
def session(settings: Settings, server: str = "live", lasting: str | None = None) -> Iterator[SparkSession]:
    """A session on the `live` or the `history` server. Raises ServiceUnavailable if nobody listens, JobFailed.

    Started by spark-submit, it is that one's own session, wherever its master is.

    Python workers belong to a session, and starting them takes seconds. Under a name, `lasting`, the server keeps
    the session and the next process goes on with it; its callers must hold a lock, one at a time.
    """
    where = "spark-submit" if is_submitted() else f"server `{server}`"
    try:
        spark = _submitted() if is_submitted() else _connected(settings, server, lasting)
    except (PySparkException, Py4JError) as error:
        raise ServiceUnavailable(f"Spark {where} refused a session: {_first_words(error)}") from error
    _open.append(spark)
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        hint = TOO_LARGE if "maxResultSize" in str(error) else ""
        raise JobFailed(f"Spark {where}: {_first_words(error)}{hint}") from error
    except BaseException:
        # A task whose time is over, a Ctrl-C: the server knows nothing of it, and would work on.
        _interrupt(spark)
        raise
    finally:
        _open.remove(spark)
        spark.stop()


def use_in_this_thread(spark: SparkSession) -> None:
    """For a thread of our own: a session of spark-submit finds a Python data source only where it is active."""
    if is_submitted():
        SparkSession._get_j_spark_session_class(spark._jvm).setActiveSession(spark._jsparkSession)


def interrupt() -> None:
    """End whatever this process has asked of Spark and not got yet; who waits for it gets JobFailed."""
    for spark in list(_open):
        _interrupt(spark)


def _interrupt(spark: SparkSession) -> None:
    with suppress(PySparkException, Py4JError):
        if is_submitted():
            spark.sparkContext.cancelAllJobs()
        elif ended := spark.interruptAll():
            log.warning("interrupted", operations=len(ended))


def _submitted() -> SparkSession:
    logging.getLogger("py4j").setLevel(logging.WARNING)
    builder = SparkSession.builder
    for name, value in SUBMITTED.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _connected(settings: Settings, server: str, lasting: str | None) -> SparkSession:
    url = settings.spark_url(server)
    _knock(server, url)
    return _lasting(settings, url, f"{server}-{lasting}") if lasting else _fresh(url)


def expect(spark: SparkSession, readings: int) -> None:
    """From here on, work on about so many readings.

    Spark makes Java of each plan's expressions, and every batch is a new plan: of a small one that is a third of the
    work, and interpreting them instead takes 15 us more of a reading. The answers are the same.
    """
    how = "FALLBACK" if readings >= WORTH_COMPILING else "NO_CODEGEN"
    spark.conf.set("spark.sql.codegen.factoryMode", how)


@contextmanager
def watched(spark: SparkSession, step: str, **facts: object) -> Iterator[None]:
    """While this lasts, log how far the session's work is: tasks of the stages that Spark has planned by now."""
    if is_submitted():
        # Only Connect tells; spark-submit shows its own stages.
        yield
        return
    progress = Progress(step, facts)

    def said(stages: Any, inflight_tasks: int, operation_id: str | None, done: bool) -> None:
        planned = list(stages or ())
        progress.reached(
            sum(stage.num_completed_tasks for stage in planned),
            sum(stage.num_tasks for stage in planned),
            "tasks",
            megabytes=round(sum(stage.num_bytes_read for stage in planned) / 1e6),
        )

    spark.registerProgressHandler(said)
    try:
        yield
    finally:
        spark.removeProgressHandler(said)


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
        # Only one at a time: what still works there was asked for by somebody who was killed.
        _interrupt(spark)
        spark.catalog.clearCache()
    except (OSError, PySparkException):
        session_id = str(uuid4())
        spark = _fresh(url, session_id)
        note.write_text(session_id)
    spark.release_session_on_close = False
    return spark


def _first_words(error: PySparkException | Py4JError) -> str:
    """A failure in a Python worker comes with a hundred lines of JVM; the last of its own is what happened."""
    said = error.getMessage() if isinstance(error, PySparkException) else None
    text = (said or str(error)).split("JVM stacktrace:")[0]
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
