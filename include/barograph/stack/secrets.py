"""Secrets are made once, on the machine that uses them: a folder of mode 0700, a file of mode 0600 for each.

Standard library only: for Docker Compose a host makes them that has nothing of ours installed.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from barograph.errors import SettingsError

if TYPE_CHECKING:
    from barograph.settings import Settings


def password() -> str:
    return secrets.token_urlsafe(24)


def long_key() -> str:
    """64 bytes and more: with less, every call of Airflow warns."""
    return secrets.token_urlsafe(72)


def fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


GENERATED: dict[str, Callable[[], str]] = {
    "postgres_superuser": password,
    "postgres_airflow": password,
    "postgres_barograph": password,
    "influx_operator": password,
    "influx_operator_token": long_key,
    "airflow_admin": password,
    "airflow_fernet": fernet_key,
    "airflow_api_secret": long_key,
    "airflow_jwt": long_key,
    "spark_token": password,
    "restic_password": password,
}
"""What nobody else gives us. `influx_loader` and `influx_reader` come from InfluxDB, see influx/admin.py."""


SHAPED: dict[str, tuple[str, Callable[[str], str]]] = {
    "airflow_passwords.json": ("airflow_admin", lambda password: json.dumps({"admin": password})),
    "airflow_pgpass": ("postgres_airflow", lambda password: f"*:*:airflow:airflow:{password}"),
}
"""The same passwords in the shapes that Airflow's login and PostgreSQL's clients read: of which, and how."""


def generate(settings: Settings) -> list[str]:
    """Make what is missing and return its names; an existing secret is never touched."""
    return make(settings.secrets_folder)


def make(folder: Path) -> list[str]:
    """Make what is missing in a folder and return its names. Raises SettingsError if it is not ours to write."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise SettingsError(f"Cannot make the folder {folder} ({error.strerror}). Is its parent yours?") from error
    made = [name for name, kind in GENERATED.items() if keep(folder / name, kind())]
    for name, (source, shape) in SHAPED.items():
        if keep(folder / name, shape((folder / source).read_text(encoding="utf-8").strip())):
            made.append(name)
    return made


def keep(path: Path, content: str) -> bool:
    """Write a file that only its owner can read, unless there is one; whether it was written.

    No newline at the end: Airflow takes a secret's file as it is.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f"Cannot write the secret {path} ({error.strerror}). Is the folder yours?") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    return True


def replace(settings: Settings, name: str, content: str) -> None:
    """Put a secret that a server gave us in place of one that it no longer knows."""
    path = settings.secrets_folder / name
    path.unlink(missing_ok=True)
    keep(path, content)
