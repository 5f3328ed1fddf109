"""Secrets are made once, for their owner's eyes only."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from barograph.settings import Settings
from barograph.stack import secrets


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_nobody_else_can_read_them(settings: Settings) -> None:
    secrets.generate(settings)

    assert stat.S_IMODE(settings.secrets_folder.stat().st_mode) == 0o700
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in settings.secrets_folder.iterdir()}


def test_none_ends_with_a_newline(settings: Settings) -> None:
    """Airflow takes the file as it is: a newline would be a part of the key."""
    secrets.generate(settings)

    texts = [path.read_text() for path in settings.secrets_folder.iterdir()]
    assert texts == [text.strip() for text in texts]
    assert all(texts)


def test_an_existing_secret_is_never_touched(settings: Settings) -> None:
    secrets.generate(settings)
    before = {path.name: path.read_text() for path in settings.secrets_folder.iterdir()}

    assert secrets.generate(settings) == []
    assert before == {path.name: path.read_text() for path in settings.secrets_folder.iterdir()}


def test_only_what_is_missing_is_made(settings: Settings) -> None:
    secrets.generate(settings)
    (settings.secrets_folder / "spark_token").unlink()

    assert secrets.generate(settings) == ["spark_token"]


def test_airflows_keys_are_long_enough(settings: Settings) -> None:
    """With less than 64 bytes every call of Airflow warns."""
    secrets.generate(settings)

    assert len(settings.secret("airflow_jwt")) >= 64
    assert len(settings.secret("airflow_fernet")) == 44
    logins = json.loads(settings.secret("airflow_passwords.json"))
    assert {"admin": settings.secret("airflow_admin")} == logins
