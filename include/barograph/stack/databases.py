"""The two databases and their owners. Neither role can look into the other's: restoring one never touches the other."""

from __future__ import annotations

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from barograph.errors import ServiceUnavailable
from barograph.settings import Settings

OWNED = {"airflow": "postgres_airflow", "barograph": "postgres_barograph"}
"""Database and role of one name, and the secret with the role's password."""


def make_databases(settings: Settings) -> list[str]:
    """Make what is missing of roles and databases; returns what was changed."""
    engine = create_engine(url(settings, "postgres", "postgres_superuser"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            return [change for name, secret in OWNED.items() for change in _make(connection, settings, name, secret)]
    except OperationalError as error:
        raise ServiceUnavailable(
            f"PostgreSQL at {settings.postgres.host}:{settings.postgres_port} refuses its superuser: {error.orig}"
        ) from error
    finally:
        engine.dispose()


def url(settings: Settings, role: str, secret: str, database: str | None = None) -> URL:
    return URL.create(
        "postgresql+psycopg2",
        username=role,
        password=settings.secret(secret),
        host=settings.postgres.host,
        port=settings.postgres_port,
        database=database or role,
    )


def airflow_revision(settings: Settings) -> str | None:
    """Which of Airflow's migrations its database has; None where it has no tables yet."""
    engine = create_engine(url(settings, "airflow", "postgres_airflow"))
    try:
        with engine.connect() as connection:
            if not connection.scalar(text("select to_regclass('alembic_version')")):
                return None
            return str(connection.scalar(text("select version_num from alembic_version")))
    finally:
        engine.dispose()


def _make(connection: Connection, settings: Settings, name: str, secret: str) -> list[str]:
    changes = []
    password = {"password": settings.secret(secret)}
    if not connection.scalar(text("select 1 from pg_roles where rolname = :name"), {"name": name}):
        connection.execute(text(f"create role {name} login password :password"), password)
        changes.append(f"role {name}")
    if not connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": name}):
        connection.execute(text(f"create database {name} owner {name} template template0 encoding 'UTF8'"))
        changes.append(f"database {name}")
    if connection.scalar(text("select has_database_privilege('public', :name, 'connect')"), {"name": name}):
        connection.execute(text(f"revoke all on database {name} from public"))
        changes.append(f"rights on {name}")
    if not _can_log_in(settings, name, secret):
        connection.execute(text(f"alter role {name} login password :password"), password)
        changes.append(f"password of {name}")
    return changes


def _can_log_in(settings: Settings, name: str, secret: str) -> bool:
    engine = create_engine(url(settings, name, secret))
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True
