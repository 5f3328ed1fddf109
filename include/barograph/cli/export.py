"""`barograph export`: settled readings as a file for other programs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

out = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    metric: Annotated[str, typer.Option(help="Which metric, such as temperature.")],
    output: Annotated[Path, typer.Option(help="The file; its suffix tells the format: .csv .parquet .arrow .jsonl")],
    pivot: Annotated[
        bool, typer.Option("--pivot", help="A table of time by device; else a row for each reading.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--from", help="From here on: a local day, or 2026-11-22T08:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this; a local day is not in it.")] = None,
    devices: Annotated[
        str | None, typer.Option(help="Only these: patterns with commas, such as 'fridge-*,door'.")
    ] = None,
    every: Annotated[str | None, typer.Option(help="One row for each 30s, 5m, 1h or 1d (local); else as read.")] = None,
    how: Annotated[str, typer.Option(help="What they become: mean, median, min, max, first, last, count.")] = "mean",
    columns: Annotated[str | None, typer.Option(help="Only these columns, in this order, with commas.")] = None,
    sort: Annotated[str, typer.Option(help="By this column; -COLUMN is the largest first.")] = "time",
    where: Annotated[
        list[str] | None, typer.Option(help="Rows that meet this: 'fridge-1 > 5', 'door is null'.")
    ] = None,
    suspect: Annotated[bool, typer.Option("--suspect", help="Suspect values count too.")] = False,
    site: Annotated[str | None, typer.Option(help="The site; needed only where there are several.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="csv, parquet, arrow or json.")] = None,
) -> None:
    """Write settled readings of one metric to a file: as a table of time by device, resampled or as read.

    Days that were not settled are not in it, and are named. The same table is what charts and models read.
    """
    from rich.progress import Progress

    from barograph import export as exporting
    from barograph.archive import Archive
    from barograph.registry import choose_site
    from barograph.settings import load_settings
    from barograph.windows import Window
    from barograph.writing import format_of

    settings = load_settings()
    chosen = choose_site(settings.sites_folder, site)
    start, end = _moment(since, chosen.timezone), _moment(until, chosen.timezone)
    wanted = exporting.Wanted(
        chosen,
        Window(start or datetime(1970, 1, 1, tzinfo=UTC), end or datetime(9000, 1, 1, tzinfo=UTC)),
        metric,
        _names(devices),
        pivot,
        exporting.every(every) if every else None,
        how,
        _names(columns),
        sort,
        where or (),
        suspect,
    )
    with Progress(console=out, transient=True) as progress:
        work = progress.add_task("exporting", total=None)

        def tell(done: int, days: int, rows: int) -> None:
            progress.update(work, completed=done, total=days, description=f"exporting, {rows:,} rows")

        made = exporting.export(Archive.of(settings), wanted, output, format_of(output, format_), tell)
    out.print(f"{made.rows:,} rows, {len(made.columns)} columns, {made.days} settled days in {escape(str(output))}")
    if made.unsettled:
        names = ", ".join(str(day) for day in made.unsettled[:5]) + (" ..." if len(made.unsettled) > 5 else "")
        out.print(f"[yellow]Not settled, and not in it: {names}[/] (`barograph settle --day` settles one)")


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _moment(text: str | None, zone: str) -> datetime | None:
    """A local day begins at its midnight."""
    from barograph.windows import Window, utc

    if text is None:
        return None
    try:
        return Window.local_day(date.fromisoformat(text), zone).start if len(text) == 10 else utc(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not like 2026-11-22 or 2026-11-22T08:00Z") from error
