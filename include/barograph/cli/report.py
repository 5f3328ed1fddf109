"""`barograph report`: make, list and show the daily reports."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from barograph.errors import ReportError
from barograph.registry import Site, read_sites
from barograph.settings import Settings, load_settings

if TYPE_CHECKING:
    from barograph.reports.shelf import Published

SiteName = Annotated[str | None, typer.Argument(metavar="[SITE]", help="Needed only where there are several.")]
Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The last complete local day, unless said."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]

MARKS = {"fine": "[green]✓[/]", "events": "[red]![/]", "incomplete": "[yellow]…[/]", "empty": "[yellow]∅[/]"}

out = Console(highlight=False, soft_wrap=True)
app = typer.Typer(help="Make, list and show the daily reports.", no_args_is_help=True)


def register(main: typer.Typer) -> None:
    main.add_typer(app, name="report")


@app.command()
def make(site: SiteName = None, day: Day = None, as_json: AsJson = False) -> None:
    """Make the report of a settled day. The same data is never a second revision."""
    from barograph.reports.publish import report

    settings = load_settings()
    chosen = _site(settings, site)
    made = report(settings, chosen, day.date() if day else _yesterday(chosen))
    if as_json:
        facts = {
            name: getattr(made, name) for name in ("site", "revision", "fingerprint", "changed", "verdict", "headline")
        }
        _print_json({**facts, "day": made.day.isoformat(), "page": str(made.page)})
        return
    news = "new" if made.changed else "unchanged"
    out.print(f"{MARKS[made.verdict]} [bold]{escape(made.headline)}[/]")
    out.print(f"{made.site}, {made.day}: revision {made.revision}, {news}")
    out.print(escape(str(made.page)))


@app.command("list")
def list_(site: SiteName = None, as_json: AsJson = False) -> None:
    """List the published reports, newest day first."""
    from barograph.reports.publish import listing

    reports = [found for found in listing(load_settings()) if site in (None, found.site)]
    if as_json:
        _print_json([_row(found) for found in reports])
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("day", "site", "", "headline", "revision"):
        table.add_column(name)
    for found in reports:
        row = _row(found)
        mark = MARKS.get(row["verdict"], "?")
        table.add_row(row["day"], row["site"], mark, escape(row["headline"]), str(row["revision"]))
    out.print(table if reports else "No reports yet. Make one with: barograph report make --day YYYY-MM-DD")


@app.command()
def show(
    site: SiteName = None,
    day: Day = None,
    revision: Annotated[int | None, typer.Option(min=1, help="The latest, unless said.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a published report says, and where its page is."""
    from barograph.reports.publish import find

    settings = load_settings()
    chosen = _site(settings, site)
    found = find(settings, chosen.site, day.date() if day else _yesterday(chosen), revision)
    said = found.summary
    if as_json:
        _print_json(said)
        return
    out.print(f"{MARKS.get(said['verdict'], '?')} [bold]{escape(said['headline'])}[/]")
    for finding in [*said["wrong"], *said["notes"]]:
        out.print(f"  {escape(finding['text'])} [dim]{escape(finding['note'])}[/]".rstrip())
    if ledger := said["ledger"]:
        out.print("  {read} read = {stored} stored + {duplicate} duplicate + {rejected} rejected".format(**ledger))
    others = ", ".join(str(number) for number in found.revisions)
    out.print(f"{found.site}, {found.day}: revision {found.revision} of {others}")
    out.print(escape(str(found.page)))


def _row(found: Published) -> dict[str, Any]:
    try:
        said = found.summary
    except ReportError as error:
        said = {"verdict": "damaged", "headline": str(error)}
    return {
        "day": found.day.isoformat(),
        "site": found.site,
        "verdict": said.get("verdict", ""),
        "headline": said.get("headline", ""),
        "revision": found.revision,
        "page": str(found.page),
    }


def _site(settings: Settings, name: str | None) -> Site:
    sites = read_sites(settings.sites_folder)
    known = ", ".join(site.site for site in sites)
    if name is None:
        if len(sites) > 1:
            raise ReportError(f"Which site? There are {known}.")
        return sites[0]
    found = next((site for site in sites if site.site == name), None)
    if found is None:
        raise ReportError(f"There is no site {name}. There are {known}.")
    return found


def _yesterday(site: Site) -> date:
    """The last complete local day; the clock is looked at here, at the edge, and nowhere inside."""
    return datetime.now(UTC).astimezone(ZoneInfo(site.timezone)).date() - timedelta(days=1)


def _print_json(facts: object) -> None:
    typer.echo(json.dumps(facts, ensure_ascii=False))
