"""`barograph config show` and `barograph check`: which settings hold, and whether all files are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from barograph.settings import Settings

out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    config = typer.Typer(help="Settings, sites, rules and formats.", no_args_is_help=True)
    config.command()(show)
    app.command()(check)
    app.add_typer(config, name="config")


def show(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Print the settings that hold, wherever they come from. Secrets are files, and are not shown."""
    import yaml

    from barograph.settings import load_settings

    facts = load_settings().model_dump(mode="json")
    print(
        json.dumps(facts, indent=2) if as_json else yaml.safe_dump(facts, sort_keys=False, allow_unicode=True), end=""
    )


def check(
    folder: Annotated[
        Path | None, typer.Argument(help="One site's folder, or a folder of sites; the settings' unless given.")
    ] = None,
) -> None:
    """Read sites, rules and formats together, and name every mistake with file, line, field and what to try.

    Also what they say about each other: formats that a port names, devices and metrics of rules, limits that cannot
    be. Without a folder, contacts and templates of messages too. Exit code 2 if there is a mistake; notes are what is
    probably not meant, and fail nothing.
    """
    from barograph.collector.check import check as checked
    from barograph.settings import load_settings

    found = checked(folder if folder is not None else load_settings().sites_folder)
    if folder is None:
        found.mistakes += [line for line in _contacts(load_settings()) if line not in found.mistakes]
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for kind, colour, lines in (("mistake", "red", found.mistakes), ("note", "yellow", found.notes)):
        for line in lines:
            (errors if kind == "mistake" else out).print(_coloured(line, kind, colour))
    if found.mistakes:
        errors.print(f"[bold red]{_many(len(found.mistakes), 'mistake')}[/], {_many(len(found.notes), 'note')}.")
        raise typer.Exit(2)
    for site in found.sites:
        devices, ports = _many(len(site.devices), "device"), _many(len(site.ports), "port")
        out.print(f"[green]✓[/] {site.site}: {devices}, {ports}")


def _contacts(settings: Settings) -> list[str]:
    """What is wrong with those who are told of alarms, and with templates of the user's own."""
    from barograph.errors import DocumentError
    from barograph.notify import reading, rendering

    try:
        reading.read_book(settings)
    except DocumentError as error:
        return str(error).splitlines()
    return rendering.problems(settings.path("templates"))


def _coloured(line: str, kind: str, colour: str) -> str:
    place, field, message = (*line.split(": ", 2), "", "")[:3]
    if not message:
        return f"[{colour}]{kind}[/] {escape(line)}"
    return f"[{colour}]{kind}[/] [bold]{escape(place)}[/]: [cyan]{escape(field)}[/]: {escape(message)}"


def _many(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
