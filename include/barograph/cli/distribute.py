"""`barograph distribute`: hand on to further targets what they do not have yet."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def register(app: typer.Typer) -> None:
    app.command()(distribute)


def distribute(
    target: Annotated[
        str | None, typer.Option(help="Only this one; all that settings.yaml names unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Send to further targets what lies between their position and the newest batch: at most ten batches of each, and
    days that were settled anew.

    `ingest` does the same after every batch. Here targets that were stopped are tried again: call it when what they
    refused is mended. Exit code 1 if one did not take all that it was sent.
    """
    from barograph.ingest.distribute import distribute_by_hand
    from barograph.logs import configure
    from barograph.settings import load_settings

    configure()
    done = distribute_by_hand(load_settings(), target)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in done], indent=2))
    elif not done:
        typer.echo("No targets: docs/targets.md says how to name some in settings.yaml.")
    else:
        table = Table("target", "rows sent", "batches behind", "alarms behind", "days behind", "how it is")
        for one in done:
            said = "well" if one.well else f"{'stopped' if one.stopped else 'down'}: {one.error}"
            numbers = [f"{number:,}" for number in (one.rows, one.batches_behind, one.alarms_behind, one.days_behind)]
            table.add_row(one.target, *numbers, escape(said))
        Console().print(table)
    raise typer.Exit(0 if all(one.well for one in done) else 1)
