"""`barograph refine`: load a stretch of time into InfluxDB again, from the record."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(refine)


def refine(
    start: Annotated[str, typer.Option(help="First moment, ISO 8601; UTC unless it says otherwise.")],
    end: Annotated[str, typer.Option(help="First moment that is not included.")],
) -> None:
    """Refine the record of a window again and load readings and sliding windows into InfluxDB."""
    from barograph.ingest.again import refine_again
    from barograph.logs import configure
    from barograph.settings import load_settings
    from barograph.windows import Window, utc

    configure()
    try:
        window = Window(utc(start), utc(end))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    loaded = refine_again(load_settings(), window)
    typer.echo(f"{loaded:,} readings of {window} refined and loaded.")
