"""Dumps of the two databases, each by its own role. Only home of pg_dump, pg_restore and psql.

Passwords go by the environment of the one program that needs them, never by its arguments.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from barograph.errors import BackupError, ServiceUnavailable
from barograph.settings import Settings
from barograph.tools import tool

SUPERUSER = "postgres"
AIRFLOW = "airflow"
"""Airflow's database."""

TABLES = text(
    """select format('%I.%I', nspname, relname)
       from pg_class join pg_namespace on pg_namespace.oid = relnamespace
       where relkind in ('r', 'p') and not relispartition
         and nspname <> 'information_schema' and nspname not like 'pg\\_%'
       order by 1"""
)

EMPTY = """
set lock_timeout = '10s';
drop schema public cascade;
create schema public authorization pg_database_owner;
comment on schema public is 'standard public schema';
grant usage on schema public to public;
"""
"""The schema of a new database. Whatever was there goes, also what the dump does not know."""


@dataclass(frozen=True)
class Database:
    name: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> URL:
        return URL.create(
            "postgresql+psycopg2",
            username=self.user,
            password=self.password or None,
            host=self.host,
            port=self.port,
            database=self.name,
        )

    @property
    def environment(self) -> dict[str, str]:
        """All that a PostgreSQL program is given: nothing of ours leaks in."""
        variables = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.name,
            "PGCONNECT_TIMEOUT": "10",
            "PGAPPNAME": "barograph backup",
            "LC_ALL": "C.UTF-8",
        }
        return {name: value for name, value in variables.items() if value}


def databases(settings: Settings) -> dict[str, Database]:
    """Both databases as their own roles reach them."""
    host, port = settings.postgres.host, settings.postgres_port
    ours = settings.postgres
    return {
        "airflow": Database(AIRFLOW, host, port, "airflow", settings.secret("postgres_airflow")),
        "barograph": Database(ours.database, host, port, ours.user, settings.secret("postgres_barograph")),
    }


def superuser(settings: Settings) -> Database:
    """Who may create databases on our own server."""
    secret = settings.secret("postgres_superuser")
    return Database("postgres", settings.postgres.host, settings.postgres_port, SUPERUSER, secret)


def server(address: str) -> Database:
    """Another server by its URL. Raises BackupError if it is none; a password may also stand in ~/.pgpass."""
    try:
        url = make_url(address)
        if not url.drivername.startswith("postgres") or not url.host or not url.username:
            raise ArgumentError("it needs a user and a host")
    except (ArgumentError, ValueError) as error:
        raise BackupError(
            f"Not the address of a PostgreSQL server ({error}). Like: postgresql://me@host:5432"
        ) from None
    return Database(url.database or "postgres", url.host, url.port or 5432, url.username, str(url.password or ""))


def dump(database: Database, target: Path) -> dict[str, int]:
    """Write a dump; the rows it has of every table."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with connected(database) as connection:
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        snapshot = connection.scalar(text("select pg_export_snapshot()"))
        # Not compressed: restic does that, and can't see through a compression that what it gets is nearly the same.
        options = ("--format=custom", "--compress=0", "--no-owner", "--no-acl", f"--snapshot={snapshot}")
        _run(database, "pg_dump", *options, f"--file={target}")
        return counts(connection)


def load(source: Path, database: Database) -> dict[str, int]:
    """Fill a new database from a dump; the rows it has now. All or nothing."""
    options = ("--no-owner", "--no-acl", "--exit-on-error", "--single-transaction")
    _run(database, "pg_restore", *options, f"--dbname={database.name}", str(source))
    return counted(database)


def replace_content(source: Path, database: Database, scratch: Path) -> dict[str, int]:
    """Put a dump in the place of all that a database holds, in one transaction; the rows it has now."""
    script, empty = scratch / "restore.sql", scratch / "empty.sql"
    empty.write_text(EMPTY, encoding="utf-8")
    _run(database, "pg_restore", "--no-owner", "--no-acl", f"--file={script}", str(source))
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", "--output=/dev/null")
    _run(database, "psql", *options, f"--file={empty}", f"--file={script}")
    script.unlink()
    return counted(database)


def create(maintenance: Database, name: str, owner: Database) -> Database:
    """A new database that `owner`'s role owns. Raises BackupError if there is one of this name."""
    with connected(maintenance, autocommit=True) as connection:
        if connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": name}):
            raise BackupError(f"There is a database {name} already; it stays as it is. Choose another name.")
        quote = connection.dialect.identifier_preparer.quote_identifier
        connection.execute(
            text(f"create database {quote(name)} owner {quote(owner.user)} template template0 encoding 'UTF8'")
        )
    return replace(owner, name=name)


def counted(database: Database) -> dict[str, int]:
    with connected(database) as connection:
        return counts(connection)


def counts(connection: Connection) -> dict[str, int]:
    """The rows of every table, by quoted name."""
    tables = connection.scalars(TABLES).all()
    return {table: connection.scalar(text(f"select count(*) from {table}")) or 0 for table in tables}  # noqa: S608


@contextmanager
def connected(database: Database, autocommit: bool = False) -> Iterator[Connection]:
    """A connection of its own. Raises ServiceUnavailable, or BackupError for what the server refuses."""
    where = f"{database.user}@{database.host}:{database.port}/{database.name}"
    options = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    engine = create_engine(database.url, poolclass=NullPool, connect_args={"connect_timeout": 10}, **options)
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise ServiceUnavailable(f"PostgreSQL does not answer as {where}: {error.orig}") from error
    try:
        with connection:
            yield connection
    except DBAPIError as error:
        raise BackupError(f"PostgreSQL refuses, as {where}: {error.orig}") from error


def _run(database: Database, program: str, *arguments: str) -> None:
    line = (str(tool(program)), *arguments)
    done = subprocess.run(line, env=database.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise BackupError(f"{program} failed for the database {database.name} as {database.user}: {said}")
