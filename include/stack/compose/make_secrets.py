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
import os
import re
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CHECKOUT / "include"))

from barograph.errors import BarographError  # noqa: E402
from barograph.stack import secrets  # noqa: E402

ROOTS_DEPUTY = 1000
"""Whom containers run as when root makes the secrets."""


def make(folder: Path, owner: tuple[int, int], readable: bool = False) -> list[str]:
    """Make what is missing and return its names."""
    for name in (*secrets.GENERATED, *secrets.SHAPED):
        if (folder / name).is_dir():
            # Left by a Docker that was started before the secrets were made.
            (folder / name).rmdir()
    made = secrets.make(folder)
    contacts = folder / "contacts"
    contacts.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(contacts, *owner)
    for path in (folder, *(folder / name for name in (*secrets.GENERATED, *secrets.SHAPED))):
        if os.geteuid() == 0:
            os.chown(path, *owner)
        if path != folder:
            # In a folder that only its owner may enter, a readable file is readable to who is handed it: a container.
            path.chmod(0o444 if readable else 0o600)
    return made


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
    except (BarographError, OSError) as error:
        print(error if isinstance(error, BarographError) else f"{error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"secrets: {', '.join(made) if made else 'all there'}; containers run as {owner[0]}:{owner[1]} (.env).")
    print("Next: docker compose up --build --detach. Airflow's password for admin is in secrets/airflow_admin.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
