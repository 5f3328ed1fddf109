"""`barograph report`: make, list, show and sign reports."""

from __future__ import annotations

import getpass
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from barograph.errors import ReportError
from barograph.registry import Site, read_sites
from barograph.settings import Settings, load_settings
from barograph.windows import iso

if TYPE_CHECKING:
    from barograph.reports.periods import Period, Scope
    from barograph.reports.shelf import Published


class Kind(StrEnum):
    day = "day"
    week = "week"
    month = "month"
    year = "year"


SiteName = Annotated[str | None, typer.Argument(metavar="[SITE]", help="Needed only where there are several.")]
Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="The last complete local day, unless said."),
]
Long = Annotated[Kind, typer.Option("--period", help="The day, or the week, month or year that it lies in.")]
Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Any run of days: from --day to this."),
]
ZoneName = Annotated[str | None, typer.Option("--zone", help="Only this zone.")]
DeviceName = Annotated[str | None, typer.Option("--device", help="Only this device.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]

MARKS = {"fine": "[green]✓[/]", "events": "[red]![/]", "incomplete": "[yellow]…[/]", "empty": "[yellow]∅[/]"}

out = Console(highlight=False, soft_wrap=True)
app = typer.Typer(help="Make, list, show and sign reports of days and longer times.", no_args_is_help=True)


def register(main: typer.Typer) -> None:
    main.add_typer(app, name="report")


@dataclass(frozen=True)
class Asked:
    """Which report a command is about."""

    settings: Settings
    site: Site
    period: Period
    scope: Scope

    def found(self, revision: int | None = None) -> Published:
        """As it was published. Raises ReportError."""
        from barograph.reports.publish import find

        return find(self.settings, self.site.site, self.period.first, revision, self.period.key + self.scope.key)


def _asked(
    site: SiteName = None,
    day: Day = None,
    period: Long = Kind.day,
    until: Until = None,
    zone: ZoneName = None,
    device: DeviceName = None,
) -> Asked:
    settings = load_settings()
    chosen = _site(settings, site)
    return Asked(settings, chosen, _period(chosen, day, period, until), _scope(zone, device))


def about_a_report(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first argument is an Asked gets the options of `_asked` in its place."""
    asks = inspect.signature(_asked, eval_str=True).parameters
    _, *others = inspect.signature(command, eval_str=True).parameters.values()

    @wraps(command)
    def whole(**given: Any) -> None:
        command(_asked(**{name: given.pop(name) for name in asks}), **given)

    whole.__signature__ = inspect.Signature([*asks.values(), *others])  # type: ignore[attr-defined]
    return whole


@app.command()
@about_a_report
def make(asked: Asked, as_json: AsJson = False) -> None:
    """Make the report of settled days. The same data is never a second revision."""
    from barograph.reports import canvas
    from barograph.reports.publish import report

    made = report(asked.settings, asked.site, asked.period, scope=asked.scope)
    if as_json:
        facts = {
            name: getattr(made, name) for name in ("site", "revision", "fingerprint", "changed", "verdict", "headline")
        }
        _print_json({**facts, "day": made.day.isoformat(), "page": str(made.page)})
        return
    news = "new" if made.changed else "unchanged"
    out.print(f"{MARKS[made.verdict]} [bold]{escape(made.headline)}[/]")
    out.print(f"{made.site}, {made.key}: revision {made.revision}, {news}")
    out.print(escape(str(made.page)))
    if made.unwritten:
        out.print(f"[yellow]{canvas.NO_LETTERS}[/]")


@app.command()
@about_a_report
def deliver(asked: Asked, as_json: AsJson = False) -> None:
    """Bring a report to the contacts, folders and webhooks that want it and did not get this revision yet."""
    from barograph.notify.readers import readers
    from barograph.reports.delivery import deliver
    from barograph.state.engine import connect

    settings, found = asked.settings, asked.found()
    took = deliver(settings, found, readers(settings), connect(settings), datetime.now(UTC))
    if as_json:
        facts = {"site": found.site, "day": found.day.isoformat(), "key": found.key, "revision": found.revision}
        _print_json({**facts, "delivered_to": took})
        return
    out.print(f"{found.site}, {found.key}: revision {found.revision} delivered to {', '.join(took) or 'nobody new'}")


@app.command()
def sign(
    site: SiteName = None,
    day: Day = None,
    revision: Annotated[int | None, typer.Option(min=1, help="The latest, unless said.")] = None,
    who: Annotated[str, typer.Option("--as", help="Who signs: you, unless said.")] = "",
    comment: Annotated[str, typer.Option(help="What was seen and done.")] = "",
    as_json: AsJson = False,
) -> None:
    """Confirm a day's report: for good, and for one revision. Later revisions say that they came after it."""
    from barograph.reports.publish import find
    from barograph.state import signoffs
    from barograph.state.engine import connect

    settings = load_settings()
    chosen = _site(settings, site)
    found = find(settings, chosen.site, day.date() if day else _yesterday(chosen), revision)
    signed = signoffs.sign(
        connect(settings), found.site, found.day, found.revision, who or getpass.getuser(), datetime.now(UTC), comment
    )
    if as_json:
        _print_json({**vars(signed), "day": signed.day.isoformat(), "at": iso(signed.at)})
        return
    out.print(f"{found.site}, {found.day}: revision {found.revision} signed off by {escape(signed.who)}")


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
@about_a_report
def show(
    asked: Asked,
    revision: Annotated[int | None, typer.Option(min=1, help="The latest, unless said.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a published report says, and where its page is."""
    found = asked.found(revision)
    said = found.summary
    if as_json:
        _print_json(said)
        return
    out.print(f"{MARKS.get(said['verdict'], '?')} [bold]{escape(said['headline'])}[/]")
    for finding in [*said["wrong"], *said["notes"]]:
        beside = " · ".join(filter(None, [finding["note"], finding.get("seen", "")]))
        out.print(f"  {escape(finding['text'])} [dim]{escape(beside)}[/]".rstrip())
    if ledger := said["ledger"]:
        out.print("  {read} read = {stored} stored + {duplicate} duplicate + {rejected} rejected".format(**ledger))
    others = ", ".join(str(number) for number in found.revisions)
    out.print(f"{found.site}, {found.key}: revision {found.revision} of {others}")
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


def _period(site: Site, day: datetime | None, kind: Kind, until: datetime | None) -> Period:
    from barograph.reports.periods import Period

    first = day.date() if day else _yesterday(site)
    try:
        return Period.between(first, until.date()) if until else Period.of(kind.value, first)
    except ValueError as error:
        raise ReportError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def _scope(zone: str | None, device: str | None) -> Scope:
    from barograph.reports.periods import Scope

    if zone and device:
        raise ReportError("A report is of a zone or of a device, not of both: say one of --zone and --device.")
    return Scope(zone, device)


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
