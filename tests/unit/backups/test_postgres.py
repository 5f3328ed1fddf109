"""How PostgreSQL's programs are called: the right role, and no password where others could read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from barograph.backups import postgres
from barograph.errors import BackupError
from barograph.settings import Settings


def test_each_database_is_reached_by_its_own_role(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    for role in ("airflow", "barograph"):
        (tmp_path / "secrets" / f"postgres_{role}").write_text(f"{role}'s secret")
        (tmp_path / "secrets" / f"postgres_{role}").chmod(0o600)

    found = postgres.databases(Settings(home=tmp_path))

    assert [("airflow", "airflow", "airflow's secret"), ("barograph", "barograph", "barograph's secret")] == [
        (database.name, database.user, database.password) for database in found.values()
    ]


def test_another_server_is_a_url() -> None:
    found = postgres.server("postgresql://me:hush@scratch.example:5444")

    assert ("postgres", "scratch.example", 5444, "me", "hush") == (
        found.name, found.host, found.port, found.user, found.password,
    )  # fmt: skip


@pytest.mark.parametrize("address", ["", "scratch.example", "mysql://me@host", "postgresql:///x", "postgresql://h"])
def test_what_is_no_server_is_refused(address: str) -> None:
    with pytest.raises(BackupError, match="postgresql://me@host:5432"):
        postgres.server(address)


def test_a_password_is_not_shown() -> None:
    database = postgres.server("postgresql://me:hush@host")

    assert "hush" not in repr(database)
    assert "hush" not in str(database.url)


def test_without_a_password_the_variable_is_not_set() -> None:
    """An empty PGPASSWORD would hide the one in ~/.pgpass."""
    assert "PGPASSWORD" not in postgres.server("postgresql://me@host").environment
