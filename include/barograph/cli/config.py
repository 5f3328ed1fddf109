"""`barograph config ...`: which settings hold, and whether all files are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    config = typer.Typer(help="Settings, sites, rules and formats.", no_args_is_help=True)
    config.command()(show)
    config.command()(check)
    app.add_typer(config, name="config")


def show(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Print the settings that hold, wherever they come from. Secrets are files, and are not shown."""
    import yaml

    from barograph.settings import load_settings

    facts = load_settings().model_dump(mode="json")
    print(
        json.dumps(facts, indent=2) if as_json else yaml.safe_dump(facts, sort_keys=False, allow_unicode=True), end=""
    )


def check() -> None:
    """Read settings, sites, rules and formats, and name every mistake with file, line and field."""
    from barograph import registry
    from barograph.collector.formats import read_format
    from barograph.errors import BarographError
    from barograph.rules.model import read_rules
    from barograph.settings import load_settings

    def read_formats(folder: Path) -> None:
        for path in sorted((folder / "formats").glob("*.yaml")):
            read_format(folder, path.stem)

    settings = load_settings()
    mistakes: list[str] = []
    for folder in sorted(path.parent for path in settings.sites_folder.glob("*/site.yaml")):
        for read in (registry.read_site, read_rules, read_formats):
            try:
                read(folder)
            except BarographError as error:
                mistakes += str(error).splitlines()
    try:
        sites = registry.read_sites(settings.sites_folder)
    except BarographError as error:
        sites = []
        mistakes += [line for line in str(error).splitlines() if line not in mistakes]
    if mistakes:
        typer.echo("\n".join(mistakes), err=True)
        raise typer.Exit(2)
    typer.echo("\n".join(f"{site.site}: {len(site.devices)} devices, {len(site.ports)} ports" for site in sites))
