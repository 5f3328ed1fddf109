"""`barograph settle`: make a day anew from the record."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(settle)


def settle(
    day: Annotated[str, typer.Option(help="The local day, as 2026-11-22.")],
    site: Annotated[str | None, typer.Option(help="The site; needed only where there are several.")] = None,
    influx: Annotated[bool, typer.Option(help="Load InfluxDB as well.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the day's sums as JSON.")] = False,
) -> None:
    """Settle one local day of a site: refined readings, windows, rollups and the day's sums, from the record."""
    from datetime import date

    from barograph.logs import configure
    from barograph.registry import choose_site
    from barograph.settings import load_settings
    from barograph.settle import settle as make

    configure()
    try:
        local_day = date.fromisoformat(day)
    except ValueError as error:
        raise typer.BadParameter(f"{day} is not a day such as 2026-11-22") from error
    settings = load_settings()
    summary = make(settings, choose_site(settings.sites_folder, site), local_day, influx)
    if as_json:
        typer.echo(json.dumps({"site": summary.site, "day": day, **summary.counts}))
    else:
        sums = "read {read:,} = stored {stored:,} + duplicate {duplicate:,} + rejected {rejected:,}"
        typer.echo(f"{summary.site} {day}: {sums.format(**summary.counts)}")
