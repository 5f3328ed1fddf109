"""`barograph influx`: InfluxDB is a view of the record; here it is made anew."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

FORMAT, LIKE = ["%Y-%m-%d"], "YYYY-MM-DD"


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="InfluxDB: rebuild it from the record, ask it, see what it refused.", no_args_is_help=True)
    group.command()(rebuild)
    group.command()(refused)
    group.command()(replay)
    app.add_typer(group, name="influx")


def rebuild(
    site: Annotated[str | None, typer.Option(help="Only this site.")] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=FORMAT, metavar=LIKE, help="Its first day; else all there are.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=FORMAT, metavar=LIKE, help="The last day.")] = None,
) -> None:
    """Load InfluxDB from the record, day by day, and prove that it shows what the archive has.

    Every field of every series is compared by the number of its points and a hash over them: values, raw values, flags,
    reasons, all statistics. What should not be there is deleted. The day that is still running is loaded, not compared.
    """
    import logging
    from datetime import date

    from rich.progress import Progress

    from barograph.history import days_of_record
    from barograph.history import rebuild as again
    from barograph.influx.load import mark_repaired
    from barograph.logs import configure
    from barograph.settings import load_settings

    configure(level=logging.WARNING)
    settings = load_settings()
    begin, end = first.date() if first else date.min, last.date() if last else date.max
    days = [each for each in days_of_record(settings) if begin <= each[1] <= end and site in (None, each[0].site)]
    points = 0
    with Progress() as progress:
        work = progress.add_task("rebuilding InfluxDB", total=len(days))
        for place, day in days:
            progress.update(work, description=f"{place.site} {day}")
            proof = again(settings, place, day)
            points += proof.points if proof else 0
            progress.advance(work)
    if site is None:
        mark_repaired(settings, begin, end)
    typer.echo(f"{len(days)} days loaded from the record; {points:,} points are as the archive has them.")


def refused() -> None:
    """Show the lines that InfluxDB refused, and why. Exit code 1 if there are any."""
    import json

    from barograph.influx.sink import dead_letters
    from barograph.settings import load_settings

    folder = dead_letters(load_settings())
    letters = sorted(folder.glob("*.json"))
    for path in letters:
        letter = json.loads(path.read_text(encoding="utf-8"))
        typer.echo(f"{letter['bucket']}: {letter['line']}\n    {letter['reason']}")
    typer.echo(f"{len(letters)} lines refused ({folder}).")
    raise typer.Exit(1 if letters else 0)


def replay() -> None:
    """Send the refused lines once more; those that InfluxDB takes now wait no longer. Exit code 1 if some still do."""
    from barograph.influx.sink import send_again
    from barograph.settings import load_settings

    taken, left = send_again(load_settings())
    typer.echo(f"{taken} lines taken, {left} refused again.")
    raise typer.Exit(1 if left else 0)
