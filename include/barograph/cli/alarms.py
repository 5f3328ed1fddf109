"""`barograph alarms ...`: what is wrong, what was done about it, and doing something about it."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table

if TYPE_CHECKING:
    from barograph.registry import Site
    from barograph.rules.book import Rules
    from barograph.state.alarm_lists import Handled, Moment
    from barograph.state.handling import Verb

Number = Annotated[int, typer.Argument(metavar="ALARM", help="Its number, as `list` shows it.", min=1)]
Comment = Annotated[str, typer.Option("--comment", "-m", help="What was found, and what was done.")]
By = Annotated[str | None, typer.Option("--by", help="Who does it; else who is logged in.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
OfSite = Annotated[str | None, typer.Option(help="Only of this site.")]

COLOURS = {"critical": "bold red", "major": "red", "minor": "yellow", "warning": "cyan"}
STATES = {"open": "bold red", "acknowledged": "yellow", "cleared": "green", "closed": "dim", "suppressed": "dim",
          "withdrawn": "dim"}  # fmt: skip
DONE = {"acknowledge": "acknowledged", "comment": "commented", "assign": "assigned", "shelve": "shelved",
        "unshelve": "unshelved", "close": "closed", "reopen": "reopened"}  # fmt: skip

out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Alarms: which there are, what led to them, what is done about them.", no_args_is_help=True
    )
    group.command("list")(list_)
    from barograph.cli import hindsight
    from barograph.cli.notify import test_notify

    for command in (show, history, ack, comment, assign, shelve, unshelve, close, reopen, rules):
        group.command()(command)
    hindsight.register(group)
    group.command()(test_notify)
    app.add_typer(group, name="alarms")


def list_(
    state: Annotated[
        list[str] | None,
        typer.Option(help="open, acknowledged, cleared, closed, suppressed, withdrawn; may be given again."),
    ] = None,
    severity: Annotated[
        list[str] | None, typer.Option(help="critical, major, minor, warning; may be given again.")
    ] = None,
    site: OfSite = None,
    device: Annotated[str | None, typer.Option(help="Only of these: a pattern such as 'fridge-*'.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Not over before this: 2026-11-22 or 2026-11-22T08:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Begun before this.")] = None,
    shelved: Annotated[
        bool | None,
        typer.Option("--shelved/--not-shelved", help="Only those whose rule and point are shelved, or not."),
    ] = None,
    assignee: Annotated[str | None, typer.Option(help="Only those assigned to this person.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All there ever were.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List alarms, newest first: unless said otherwise, those that are open and those of the last 24 hours.

    What is folded under another alarm, or was withdrawn, is listed with --state, or --all.

    Exit code 1 if one of them is open and neither acknowledged nor shelved.
    """
    from barograph.state.alarm_lists import SEVERITIES, TOLD, Wanted, listed
    from barograph.state.engine import connect
    from barograph.state.handling import STATES as KNOWN

    now = datetime.now(UTC)
    chosen = Wanted(
        states=_known(state, KNOWN, "state"),
        severities=_known(severity, SEVERITIES, "severity"),
        site=site,
        device=device,
        rule=rule,
        since=_time(since),
        until=_time(until),
        shelved=shelved,
        assignee=assignee,
    )
    if chosen == Wanted() and not everything:
        chosen = Wanted(states=TOLD, open_or_since=now - timedelta(days=1))
    found = listed(connect(_settings()), chosen, now, limit + 1)
    shown = found[:limit]
    if as_json:
        print_json([each.facts for each in shown])
    else:
        if shown:
            out.print(_table(shown, now))
        more = f" shown, there are more: --limit {limit * 2}" if len(found) > limit else ""
        waiting = sum(each.standing.wants_somebody for each in shown)
        out.print(f"[bold]{len(shown):,} alarms[/]{more}, {waiting:,} open that nobody acknowledged")
    raise typer.Exit(1 if any(each.standing.wants_somebody for each in shown) else 0)


def show(number: Number, as_json: AsJson = False) -> None:
    """Show one alarm: what was measured and what the limit was, how it stands, who has it."""
    found = _found(number)
    if as_json:
        print_json(found.facts)
        return
    _print_alarm(found)


def history(number: Number, as_json: AsJson = False) -> None:
    """Show all that happened to an alarm on one line of time: what was judged, and what people did."""
    from barograph.state.alarm_lists import history as of
    from barograph.state.engine import connect

    found = _found(number)
    moments = of(connect(_settings()), found)
    if as_json:
        print_json([{name: fact for name, fact in vars(moment).items() if fact is not None} for moment in moments])
        return
    _print_alarm(found)
    out.print()
    for moment in moments:
        out.print(f"  {moment.at:%Y-%m-%d %H:%M:%S}  {_said(moment)}")


def ack(number: Number, comment: Comment = "", by: By = None) -> None:
    """Acknowledge an alarm: somebody knows and looks after it. Nobody is reminded of it any more.

    Where its rule wants a comment it needs one. Exit code 1 if somebody was faster; the answer says who.
    """
    _do(number, "acknowledge", by, comment=comment)


def comment(number: Number, text: Annotated[str, typer.Argument(metavar="TEXT")], by: By = None) -> None:
    """Say something about an alarm, for whoever looks at it next."""
    _do(number, "comment", by, comment=text)


def assign(
    number: Number,
    to: Annotated[str | None, typer.Option("--to", help="Who looks after it.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody any more.")] = False,
    comment: Comment = "",
    by: By = None,
) -> None:
    """Assign an alarm to somebody."""
    if (to is None) != nobody:
        raise typer.BadParameter("say --to NAME or --nobody")
    _do(number, "assign", by, comment=comment, assignee=to)


def shelve(
    number: Number,
    for_: Annotated[str, typer.Option("--for", help="For how long: 30m, 8h, 2d; at most 31d.")],
    comment: Comment = "",
    by: By = None,
) -> None:
    """Shelve the alarm's rule on its point for a time: alarms are still judged and listed, and nobody is told."""
    from barograph.state.handling import length

    _do(number, "shelve", by, comment=comment, lasting=length(for_))


def unshelve(number: Number, comment: Comment = "", by: By = None) -> None:
    """Take the alarm's rule and point off the shelf before its time."""
    _do(number, "unshelve", by, comment=comment)


def close(number: Number, comment: Comment = "", by: By = None) -> None:
    """Close an alarm: it is done with. One that is still beyond its limit needs a comment that says why."""
    _do(number, "close", by, comment=comment)


def reopen(number: Number, comment: Comment = "", by: By = None) -> None:
    """Take back that an alarm was acknowledged or closed: it wants somebody again."""
    _do(number, "reopen", by, comment=comment)


def rules(site: OfSite = None, as_json: AsJson = False) -> None:
    """Show the rules in force, with their versions, and which registered points each of them watches."""
    from barograph import registry
    from barograph.rules.book import read_rules

    settings = _settings()
    sites = [registry.choose_site(settings.sites_folder, site)] if site else registry.read_sites(settings.sites_folder)
    found = []
    for place in sites:
        book = read_rules(settings.sites_folder / place.site)
        points = _watched(place, book)
        found += [
            {
                "site": place.site,
                "rule": rule.rule,
                "version": rule.version,
                "severity": rule.severity,
                **rule.model_dump(mode="json", exclude_defaults=True),
                "points": points.get(rule.rule, []),
            }
            for rule in book.rules
        ]
    if as_json:
        print_json(found)
        return
    apart = {"site", "rule", "version", "severity", "message", "points"}
    for each in found:
        said = ", ".join(f"{name} {_short(fact)}" for name, fact in each.items() if name not in apart)
        colour = COLOURS[each["severity"]]
        out.print(
            f"[bold]{escape(each['rule'])}[/] [dim]{each['site']}, version {each['version']}[/]"
            f" [{colour}]{each['severity']}[/]"
        )
        out.print(f"  {escape(said)}")
        watched = ", ".join(each["points"]) or "no registered point; devices that are not registered, by their names"
        out.print(f"  [dim]watches[/] {escape(watched)}")
    out.print(f"[bold]{len(found):,} rules[/] in {len(sites):,} sites")


def _do(number: int, verb: Verb, by: str | None, lasting: timedelta | None = None, **facts: Any) -> None:
    from barograph.state.engine import connect
    from barograph.state.handling import Action, act

    now = datetime.now(UTC)
    action = Action(number, now, by or getpass.getuser(), verb, until=now + lasting if lasting else None, **facts)
    stands = act(connect(_settings()), action)
    until = f" until {stands.shelf.until:%Y-%m-%d %H:%M} UTC" if verb == "shelve" and stands.shelf else ""
    out.print(f"Alarm {number} {DONE[verb]}{until} by {escape(action.who)}; it is {_state(stands.state)}.")


def _found(number: int) -> Handled:
    from barograph.state.alarm_lists import alarm
    from barograph.state.engine import connect

    return alarm(connect(_settings()), number, datetime.now(UTC))


def _settings() -> Any:
    from barograph.settings import load_settings

    return load_settings()


def _table(found: list[Handled], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("alarm", "severity", "state", "what", "since", "lasted"):
        table.add_column(title, no_wrap=title != "what", overflow="fold")
    for each in found:
        alarm, stands = each.alarm, each.standing
        who = stands.assignee or (stands.acknowledged.who if stands.acknowledged else "")
        table.add_row(
            str(alarm["alarm"]),
            _severity(alarm["severity"]),
            f"{_state(stands.state)}{' [dim]shelved[/]' if stands.shelf else ''}",
            f"{escape(alarm['device'])} [dim]{escape(alarm['site'])}[/] {escape(alarm['rule'])}"
            f" [dim]{escape(_measured(alarm))}[/]" + (f" [cyan]{escape(who)}[/]" if who else ""),
            f"{alarm['started']:%m-%d %H:%M}",
            _lasted((alarm["cleared"] or now) - alarm["started"]),
        )
    return table


def _print_alarm(found: Handled) -> None:
    alarm, stands = found.alarm, found.standing
    out.print(
        f"[bold]Alarm {alarm['alarm']}[/]  {_severity(alarm['severity'])}  {_state(stands.state)}"
        f"  {escape(alarm['device'])} [dim]{escape(alarm['site'])}[/]"
    )
    out.print(f"  {escape(alarm['message'])}")
    facts = {
        "rule": f"{alarm['rule']}, version {alarm['rule_version']}",
        "measured": _measured(alarm),
        "since": f"{alarm['started']:%Y-%m-%d %H:%M:%S} UTC, opened {alarm['opened']:%H:%M:%S}",
        "cleared": f"{alarm['cleared']:%Y-%m-%d %H:%M:%S} UTC" if alarm["cleared"] else "not yet",
        "lasted": _lasted((alarm["cleared"] or datetime.now(UTC)) - alarm["started"]),
        "under": f"alarm {alarm['root']}, which explains it" if alarm["root"] else None,
        "lane": "fast: not yet seen by a batch" if alarm["provisional"] else None,
        "told": "nobody: it was history when it was found" if alarm["historical"] else None,
        "acknowledged": _by(stands.acknowledged),
        "assignee": stands.assignee,
        "shelved": f"until {stands.shelf.until:%Y-%m-%d %H:%M} UTC, by {stands.shelf.who}" if stands.shelf else None,
        "closed": _by(stands.closed),
    }
    for name, fact in facts.items():
        if fact:
            out.print(f"  [dim]{name:>12}[/] {escape(fact)}")


def _by(action: Any) -> str | None:
    if action is None:
        return None
    said = f": {action.comment}" if action.comment else ""
    return f"{action.at:%Y-%m-%d %H:%M:%S} UTC by {action.who}{said}"


def _said(moment: Moment) -> str:
    value = f" [dim]{moment.value:.4g}[/]" if moment.value is not None else ""
    if not moment.who:
        late = f" [dim]noticed {moment.noticed:%H:%M:%S}[/]" if moment.noticed else ""
        by = "replayed rejects" if moment.replayed else "late data" if moment.withdrawn else ""
        taken = f" [dim]{'withdrawn' if moment.withdrawn else 'found'} by {by}[/]" if by else ""
        return f"[bold]{moment.what}[/]{value}{late}{taken}"
    to = f" to {escape(moment.assignee or 'nobody')}" if moment.what == "assign" else ""
    until = f" until {moment.until:%Y-%m-%d %H:%M}" if moment.until else ""
    said = f": {escape(moment.comment)}".replace("\n", f"\n{' ' * 23}") if moment.comment else ""
    return f"{escape(moment.who)} {DONE.get(moment.what, moment.what)}{to}{until}{said}"


def _lasted(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def escape(text: str) -> str:
    """Text of strangers: no markup, and nothing that turns a terminal around."""
    return escape_markup("".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text))


def _measured(alarm: Any) -> str:
    from barograph.notify.words import found

    return found(alarm)


def _severity(severity: str) -> str:
    return f"[{COLOURS.get(severity, 'bold')}]{escape(severity)}[/]"


def _state(state: str) -> str:
    return f"[{STATES.get(state, 'bold')}]{state}[/]"


def _short(fact: Any) -> str:
    return ", ".join(map(str, fact)) if isinstance(fact, list) else str(fact)


def _watched(site: Site, book: Rules) -> dict[str, list[str]]:
    """Rule -> the registered points that it watches, and the devices whose silence it does."""
    from barograph.rules.readings import FRAMES
    from barograph.rules.watches import Watches

    watches = Watches([site], {site.site: book}, site.site)
    points: dict[str, list[str]] = {}
    for device in site.devices:
        for metric in (*device.points, FRAMES):
            for watch in watches.of_point(device.device, metric):
                if watch.versions:
                    points.setdefault(watch.key[0], []).append(
                        device.device if metric == FRAMES else f"{device.device} {metric}"
                    )
    return points


def _known(asked: list[str] | None, known: Any, what: str) -> tuple[str, ...]:
    for one in asked or []:
        if one not in known:
            raise typer.BadParameter(f"{one} is no {what}. There are: {', '.join(known)}.")
    return tuple(asked or ())


def print_json(facts: Any) -> None:
    typer.echo(json.dumps(facts, indent=2, default=_plain, ensure_ascii=False))


def _plain(fact: Any) -> str:
    from barograph.windows import iso

    return iso(fact) if isinstance(fact, datetime) else str(fact)


def _time(text: str | None) -> datetime | None:
    from barograph.windows import utc

    try:
        return utc(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not a time such as 2026-11-22 or 2026-11-22T08:00Z") from error
