#!/usr/bin/env python3
"""Start a command in a container with its secrets in place.

    barograph-entrypoint airflow scheduler

Compose mounts a secret as it lies on the host; libpq and our settings want one that nobody else can read. So every
secret is copied to BAROGRAPH_SECRETS, a folder in memory, and checked. What a command needs of them is handed over as
it is in the local stack: files and commands; only Spark's token must stand in a URL of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

MOUNTED = Path("/run/secrets")
CONTACTS = Path("/run/contacts")
"""What the notifier needs to tell people: files that somebody put into ./secrets/contacts."""
TOKENS = ("influx_loader", "influx_reader")
"""Given by InfluxDB, kept by `prepare` in a volume: they change there when InfluxDB is made anew."""

MAKE = "Run on the host: python3 include/stack/compose/make_secrets.py; then start again."


class Refused(Exception):
    """The command cannot be started; the message says why and what to do."""


def main(command: list[str]) -> None:
    try:
        if os.geteuid() == 0:
            raise Refused("Barograph does not run as root. Set RUN_AS_UID in .env to the owner of ./secrets.")
        private = Path(os.environ["BAROGRAPH_SECRETS"])
        copy_secrets(MOUNTED, private)
        copy_secrets(CONTACTS, private)
        link_tokens(Path(os.environ.get("STACK_TOKENS", "")), private)
        os.environ.update(spark_urls(os.environ, private))
        if command[:1] == ["airflow"]:
            os.environ.update(airflow_variables(os.environ))
        os.execvp(command[0], command)  # noqa: S606
    except (Refused, OSError) as error:
        sys.exit(f"Not started: {error}")


def copy_secrets(mounted: Path, private: Path) -> None:
    """Copy each mounted secret; raises Refused for one that is missing, empty or not ours to read."""
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    for source in sorted(mounted.iterdir()) if mounted.is_dir() else ():
        content = read(source)
        target = private / source.name
        if target.exists() and target.read_text() == content:
            continue
        beside = private / f".{source.name}.{os.getpid()}"
        beside.touch(mode=0o600)
        beside.write_text(content)
        beside.replace(target)


def read(secret: Path) -> str:
    if secret.is_dir():
        # Some versions of Docker make a folder where a file to mount is missing.
        raise Refused(f"The secret {secret.name} is missing: secrets/{secret.name} is a folder. Remove it. {MAKE}")
    try:
        content = secret.read_text().strip()
    except PermissionError as error:
        raise Refused(
            f"The secret {secret.name} belongs to uid {secret.stat().st_uid}, and only it may read it; "
            f"this is uid {os.geteuid()}. Set RUN_AS_UID in .env to the owner of ./secrets and build again. "
            "Where Docker maps users (rootless), run: python3 include/stack/compose/make_secrets.py --readable"
        ) from error
    if not content:
        raise Refused(f"The secret {secret.name} is empty. Remove secrets/{secret.name}. {MAKE}")
    return content


def link_tokens(tokens: Path, private: Path) -> None:
    for name in TOKENS if tokens.is_absolute() and tokens.is_dir() else ():
        link = private / name
        if not os.path.lexists(link):
            link.symlink_to(tokens / name)


def spark_urls(environment: Mapping[str, str], private: Path) -> dict[str, str]:
    """The servers' URLs. The token goes as the header that it becomes: with `token=` the client insists on TLS."""
    servers = {name: environment.get(f"STACK_SPARK_{name}") for name in ("LIVE", "HISTORY")}
    token = private / "spark_token"
    if not token.exists():
        return {}
    return {
        f"BAROGRAPH_SPARK__{name}": f"sc://{address}/;authorization=Bearer%20{token.read_text()}"
        for name, address in servers.items()
        if address
    }


def airflow_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The local stack's variables; what docker-compose.yml says itself stays."""
    from barograph.settings import load_settings
    from barograph.stack import environment as stack

    return {name: value for name, value in stack.airflow(load_settings()).items() if name not in environment}


if __name__ == "__main__":
    main(sys.argv[1:] or ["barograph", "--help"])
