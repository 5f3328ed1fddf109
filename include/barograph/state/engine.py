"""Connections to the `barograph` database, locks and migrations. Only home of Alembic."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from barograph.errors import ServiceUnavailable, WriterBusy
from barograph.settings import Settings

CONNECTION = {"connect_timeout": 10, "options": "-c timezone=utc", "application_name": "barograph"}
MIGRATIONS = Path(__file__).parent / "migrations"


def url(settings: Settings) -> URL:
    return URL.create(
        "postgresql+psycopg2",
        username=settings.postgres.user,
        password=settings.secret("postgres_barograph"),
        host=settings.postgres.host,
        port=settings.postgres_port,
        database=settings.postgres.database,
    )


def connect(settings: Settings) -> Engine:
    """An engine of at most two connections, one for a writer's lock and one for work; shared by the process."""
    return _engine(url(settings))


@lru_cache(maxsize=8)
def _engine(address: URL) -> Engine:
    return create_engine(
        address,
        pool_size=1,
        max_overflow=1,
        pool_pre_ping=True,
        connect_args=CONNECTION,
    )


def apart(engine: Engine) -> Engine:
    """The same database, a connection for whoever asks: for more locks at a time than the two connections allow."""
    return create_engine(engine.url, poolclass=NullPool, connect_args=CONNECTION)


@contextmanager
def writer_lock(engine: Engine, writer: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the one lock of a writer of the record. Raises WriterBusy after `patience` seconds, ServiceUnavailable.

    A session lock on a connection of its own: it ends with the process that holds it, however that ends.
    """
    key = crc32(writer.encode())
    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except OperationalError as error:
        raise ServiceUnavailable(f"PostgreSQL does not answer at {engine.url.render_as_string()}: {error}") from error
    with connection:
        if not _taken(connection, key, patience):
            raise WriterBusy(
                f"Another process is writing as `{writer}`. Wait until it ends; a second copy would count twice."
            )
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})


def _taken(connection: Connection, key: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": key}):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.2)
    return True


def migrate(settings: Settings) -> None:
    """Bring the database to the tables of this version; safe to repeat."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url(settings)
    command.upgrade(config, "head")
