"""`barograph doctor`: whether this machine has what Barograph needs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Check versions, tools, disk, memory, folders and ports. Changes nothing; exit code 0 if all will do."""
    from barograph.doctor import run_checks

    checks = run_checks()
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        print("\n".join(check.line() for check in checks))
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)
