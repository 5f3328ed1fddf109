"""`barograph status`: how everything is, and why not."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Show health, ports, lag, the last batch and runs, open alarms, the latest report. Exit code 0 if all is well."""
    from barograph.settings import load_settings
    from barograph.stack import health

    answers = health.look(load_settings(), datetime.now(UTC))
    well = health.healthy(answers)
    if as_json:
        print(json.dumps({"healthy": well, "answers": [asdict(answer) for answer in answers]}, indent=2, default=str))
    else:
        Console().print(_table(answers))
    raise typer.Exit(0 if well else 1)


def _table(answers: list[health.Answer]) -> Table:  # type: ignore[name-defined]  # noqa: F821
    table = Table(box=None, pad_edge=False)
    for title in ("", "part", "what", "how it is"):
        table.add_column(title, overflow="fold")
    signs = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[yellow]?[/]"}
    before = ""
    for answer in answers:
        found = escape(answer.found)
        shown = found if answer.ok else f"[red]{found}[/]"
        part = answer.part if answer.part != before else ""
        table.add_row(signs[answer.ok], part, escape(answer.name), shown)
        before = answer.part
    return table
