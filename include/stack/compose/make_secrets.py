#!/usr/bin/env python3
"""Make ./secrets and .env for docker compose: what is there stays as it is, what is missing is made.

    python3 include/stack/compose/make_secrets.py

One file for each secret, mode 0600, in a folder of mode 0700. Containers read them as their owner, so .env says who
that is. Standard library only: nothing of Barograph needs to be installed. Without Python on the host:

    docker run --rm --user "$(id -u):$(id -g)" -v "$PWD":/work -w /work python:3.11-slim \\
        python include/stack/compose/make_secrets.py
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import secrets
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
ROOTS_DEPUTY = 1000
"""Whom containers run as when root makes the secrets."""


def password() -> str:
    return secrets.token_urlsafe(24)


def long_key() -> str:
    return secrets.token_urlsafe(72)


def fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


# The names and kinds are those of barograph/stack/secrets.py, which needs installed packages; a test compares them.
GENERATED = {
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


def make(folder: Path, owner: tuple[int, int], readable: bool = False) -> list[str]:
    """Make what is missing and return its names."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    made = [name for name, kind in GENERATED.items() if keep(folder / name, kind())]

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    # The same passwords in the shapes that Airflow's login and PostgreSQL's clients read.
    shapes = {
        "airflow_passwords.json": json.dumps({"admin": text("airflow_admin")}),
        "airflow_pgpass": f"*:*:airflow:airflow:{text('postgres_airflow')}",
    }
    made += [name for name, content in shapes.items() if keep(folder / name, content)]
    for path in (folder, *(folder / name for name in (*GENERATED, *shapes))):
        if os.geteuid() == 0:
            os.chown(path, *owner)
        if path != folder:
            # In a folder that only its owner may enter, a readable file is readable to who is handed it: a container.
            path.chmod(0o444 if readable else 0o600)
    return made


def keep(path: Path, content: str) -> bool:
    """Write a file that only its owner can read, unless there is one. No newline: Airflow takes it as it is."""
    if path.is_dir():
        # Left by a Docker that was started before the secrets were made.
        path.rmdir()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    return True


def write_env(checkout: Path, owner: tuple[int, int]) -> None:
    """.env of .env.example, with the owner of the secrets; of an existing one only the owner is changed."""
    env = checkout / ".env"
    text = (env if env.exists() else checkout / ".env.example").read_text(encoding="utf-8")
    for name, value in {"RUN_AS_UID": owner[0], "RUN_AS_GID": owner[1]}.items():
        line = f"{name}={value}"
        text, found = re.subn(rf"^{name}=.*$", line, text, flags=re.MULTILINE)
        text += "" if found else f"{line}\n"
    env.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make ./secrets and .env for docker compose.")
    parser.add_argument(
        "--readable",
        action="store_true",
        help="mode 0444 inside the closed folder, where Docker maps users (rootless, userns-remap)",
    )
    options = parser.parse_args()
    uid, gid = os.getuid(), os.getgid()
    owner = (uid, gid) if uid else (ROOTS_DEPUTY, ROOTS_DEPUTY)
    try:
        made = make(CHECKOUT / "secrets", owner, options.readable)
        write_env(CHECKOUT, owner)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}. Is the folder yours?", file=sys.stderr)
        return 1
    print(f"secrets: {', '.join(made) if made else 'all there'}; containers run as {owner[0]}:{owner[1]} (.env).")
    print("Next: docker compose up --build --detach. Airflow's password for admin is in secrets/airflow_admin.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
