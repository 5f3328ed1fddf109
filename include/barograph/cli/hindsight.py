"""`barograph alarms backtest` and `barograph alarms explain`: rules over the past, and how an alarm came about."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from barograph.hindsight.backtest import Backtested
    from barograph.rules.explain import Explanation
    from barograph.rules.judge import Step

FORMAT, LIKE = ["%Y-%m-%d"], "YYYY-MM-DD"
FIRST, LAST = 4, 8
"""Steps that are shown of many."""

out = Console(highlight=False, soft_wrap=True)
aside = Console(stderr=True, highlight=False)


def backtest(
    rules: Annotated[Path | None, typer.Argument(help="A rules file; without one, the rules in force.")] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=FORMAT, metavar=LIKE, help="The first local day; else 30 ago.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=FORMAT, metavar=LIKE, help="The last day; else yesterday.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="The site; needed only where there are several.")] = None,
    per_day: Annotated[
        float | None, typer.Option(min=0.0001, help="Suggest limits at which a rule fires at most so often a day.")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Also publish a page, to be seen in Airflow under Alarms.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: everything.")] = False,
) -> None:
    """Run a rules file over past days: what would have fired, and what it gains and loses against the rules in force.

    Reads settled days from the archive; neither alarms nor anybody's inbox are touched.
    """
    from rich.progress import Progress

    from barograph.archive import Archive
    from barograph.hindsight import backtest as testing
    from barograph.registry import choose_site
    from barograph.reports import backtest_page
    from barograph.rules.book import read_rules
    from barograph.settings import load_settings

    settings, now = load_settings(), datetime.now(UTC)
    chosen = choose_site(settings.sites_folder, site)
    present = read_rules(settings.sites_folder / chosen.site)
    tried = testing.read(rules, _text(rules), chosen) if rules else present
    until: date = last.date() if last else now.date() - timedelta(days=1)
    since: date = first.date() if first else until - timedelta(days=29)
    asked = testing.Asked(chosen, testing.days_of(chosen, since, until), tried, present, per_day)
    with Progress(console=aside, transient=True) as progress:
        work = progress.add_task("back-testing", total=None)

        def tell(done: int, days: int) -> None:
            progress.update(work, completed=done, total=days)

        found = testing.backtest(Archive.of(settings), asked, tell)
    published = backtest_page.publish(settings, found, now) if page else None
    if as_json:
        typer.echo(json.dumps(backtest_page.told(found), indent=2, ensure_ascii=False))
    else:
        _print(found)
    if published:
        aside.print(f"Page: {escape(str(published.page))}")


def explain(
    number: Annotated[int, typer.Argument(metavar="ALARM", min=1, help="Its number, as `list` shows it.")],
    every_step: Annotated[bool, typer.Option("--all", help="Every step, however many.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts: every step.")] = False,
) -> None:
    """Explain an alarm: the readings with their flags, the rule and its version, and each step to each transition.

    The same readings are folded again with the rules that were in force. For a day that is not settled yet Spark is
    needed.
    """
    from barograph.cli.alarms import print_json
    from barograph.hindsight import explain as explaining
    from barograph.settings import load_settings
    from barograph.state.alarm_lists import alarm
    from barograph.state.engine import connect

    settings, now = load_settings(), datetime.now(UTC)
    engine = connect(settings)
    found = alarm(engine, number, now)
    explained = explaining.explain(settings, engine, found.alarm, now)
    if as_json:
        print_json(explaining.told(explained))
        return
    facts = found.alarm
    out.print(
        f"[bold]Alarm {number}[/]  {escape(facts['rule'])} on {escape(facts['device'])} {escape(facts['metric'])}"
    )
    out.print(f"  [dim]by[/] {escape(explained.rules)}")
    if not explained.same_version:
        out.print(
            f"  [yellow]The alarm was judged by version {facts['rule_version']} of its rule, which is another one.[/]"
        )
    out.print(f"  [dim]{explained.readings:,} readings from {explained.window.start:%Y-%m-%d %H:%M:%S} UTC on[/]")
    for each in explained.transitions:
        _transition(each, every_step)
    if not explained.transitions:
        out.print("  [yellow]Folded again, these readings raise no such alarm: late data or other rules changed it.[/]")
        raise typer.Exit(1)


def _print(found: Backtested) -> None:
    from barograph.hindsight.suggest import worded

    asked, difference = found.asked, found.difference
    table = Table(box=None, pad_edge=False)
    table.add_column("rule", overflow="fold")
    titles = [
        "in force",
        "these",
        "gained",
        "lost",
        "shifted",
        "a day",
        "limit",
        *(["suggested"] if asked.per_day else []),
    ]
    for title in titles:
        table.add_column(title, justify="right")
    for line in found.lines:
        numbers = [line.before, line.after, line.gained, line.lost, line.shifted]
        limits = [line.limit, *([line.suggested] if asked.per_day else [])]
        table.add_row(
            escape(line.rule),
            *(str(number) for number in numbers),
            f"{line.after / found.days:.3g}",
            *("" if limit is None else worded(limit) for limit in limits),
        )
    out.print(table)
    for title, colour, some in (("gained", "red", difference.gained), ("lost", "green", difference.lost)):
        for each in some[:20]:
            rule, device, metric = each.key
            ended = f"{each.cleared:%m-%d %H:%M}" if each.cleared else "still open"
            out.print(
                f"  [{colour}]{title}[/] {each.opened:%Y-%m-%d %H:%M} to {ended}  {escape(rule)} on {escape(device)}"
                f" [dim]{escape(metric)}{'' if each.value is None else f' {each.value:.4g}'}[/]"
            )
        if len(some) > 20:
            out.print(f"  ... {len(some) - 20:,} more {title}: --json has all")
    rate = f"{found.per_day(found.after):.3g} a day"
    changed = (
        f"{len(difference.gained):,} gained, {len(difference.lost):,} lost, {len(difference.shifted):,} shifted,"
        f" {difference.same:,} the same"
    )
    out.print(
        f"[bold]{len(found.after):,} alarms[/] in {len(found.settled)} days, {rate}; with the rules in force"
        f" {len(found.before):,}. {changed}."
    )
    if found.unlooked:
        out.print(
            f"[yellow]Too many readings to look for a limit of {escape(', '.join(found.unlooked))}[/]: fewer days."
        )
    if found.unsettled:
        names = ", ".join(map(str, found.unsettled[:5])) + (" ..." if len(found.unsettled) > 5 else "")
        out.print(f"[yellow]Not settled, and not in it: {names}[/] (`barograph settle --day` settles one)")


def _transition(each: Explanation, every_step: bool) -> None:
    event = each.event
    value = "" if event.value is None else f" at {event.value:.4g}"
    limit = "" if event.limit is None else f", limit {event.limit:.4g}"
    out.print(
        f"\n[bold]{event.transition}[/] {event.time:%Y-%m-%d %H:%M:%S} UTC{value}{limit}"
        f" [dim]{event.severity or ''}, rule version {event.version or 'none'}[/]"
    )
    for name, fact in event.details.items():
        out.print(f"  [dim]{escape(name)}[/] {escape(str(fact))}")
    table = Table(box=None, pad_edge=False)
    for title in ("  time", "reading", "flag", "measure", "beyond since", "note"):
        table.add_column(title, overflow="fold")
    hidden = 0 if every_step else max(0, len(each.steps) - FIRST - LAST)
    for place, step in enumerate(each.steps):
        if hidden and place == FIRST:
            table.add_row("  ...", f"[dim]{hidden:,} more[/]")
        if not hidden or place < FIRST or place >= FIRST + hidden:
            table.add_row(*_row(step))
    out.print(table)


def _row(step: Step) -> tuple[str, ...]:
    from barograph.readings import FLAGS
    from barograph.rules.readings import moment

    reading = step.reading
    begun = [hold.since for hold in step.after.life.holds if hold.since is not None]
    said = "" if reading is None else f"{reading.device} {reading.metric} " + (
        "nothing" if reading.value is None else f"{reading.value:.6g}"
    )  # fmt: skip
    return (
        f"  {moment(step.time):%H:%M:%S}",
        escape(said),
        "" if reading is None else FLAGS.get(reading.flag, str(reading.flag)),
        "" if step.measure is None else f"{step.measure:.6g}",
        f"{moment(min(begun)):%H:%M:%S}" if begun else "",
        escape(step.note),
    )


def _text(path: Path) -> str:
    from barograph.errors import DocumentError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot be read ({error}). Is the path right, and the file UTF-8?") from error


def register(group: typer.Typer) -> None:
    group.command()(explain)
    group.command()(backtest)
