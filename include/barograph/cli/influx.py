"""`barograph influx`: InfluxDB is a view of the record; here it is made anew."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="InfluxDB: rebuild it from the record, ask it, see what it refused.", no_args_is_help=True)
    group.command()(rebuild)
    group.command()(refused)
    app.add_typer(group, name="influx")


def rebuild(
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    since: Annotated[str | None, typer.Option(help="First local day, as 2026-11-22; else all there are.")] = None,
) -> None:
    """Load InfluxDB from the record, day by day. What is right already is only written again."""
    import logging
    from datetime import date

    from rich.progress import Progress

    from barograph.history import days_of_record
    from barograph.logs import configure
    from barograph.settings import load_settings
    from barograph.settle import settle

    configure(level=logging.WARNING)
    settings = load_settings()
    first = date.fromisoformat(since) if since else date.min
    days = [(place, day) for place, day in days_of_record(settings) if day >= first and site in (None, place.site)]
    with Progress() as progress:
        work = progress.add_task("rebuilding InfluxDB", total=len(days))
        for place, day in days:
            progress.update(work, description=f"{place.site} {day}")
            settle(settings, place, day)
            progress.advance(work)
    typer.echo(f"{len(days)} days loaded from the record.")


def refused() -> None:
    """Show the lines that InfluxDB refused, and why. Exit code 1 if there are any."""
    import json

    from barograph.influx.load import dead_letters
    from barograph.settings import load_settings

    folder = dead_letters(load_settings())
    letters = sorted(folder.glob("*.json"))
    for path in letters:
        letter = json.loads(path.read_text(encoding="utf-8"))
        typer.echo(f"{letter['bucket']}: {letter['line']}\n    {letter['reason']}")
    typer.echo(f"{len(letters)} lines refused ({folder}).")
    raise typer.Exit(1 if letters else 0)
