"""`barograph notify run` and `outbox`; `alarms test-notify` for those who want to see it work."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN = 20


def register(app: typer.Typer) -> None:
    notify = typer.Typer(help="Who is told of alarms, and what came of it.", no_args_is_help=True)
    notify.command()(run)
    notify.command()(outbox)
    app.add_typer(notify, name="notify")


def run(json_logs: Annotated[bool, typer.Option("--json-logs", help="Log JSON instead of key=value.")] = False) -> None:
    """Follow the alarms and tell people, until SIGTERM. A second one stands by and takes over when the first is gone.

    Edited contacts are in force ten seconds later; files with a mistake change nothing.
    """
    from barograph import logs
    from barograph.collector.service import stopped_by_signals
    from barograph.collector.systemd import Supervisor
    from barograph.notify import service
    from barograph.settings import load_settings
    from barograph.settings import service as asked_by

    logs.configure(as_json=json_logs)
    systemd = asked_by()
    with stopped_by_signals() as stop:
        service.run(load_settings(), stop, _now, Supervisor(systemd.notify, systemd.watchdog))


def outbox(
    newest: Annotated[int, typer.Option(min=1, max=10_000, help="So many messages.")] = SHOWN,
    alarm: Annotated[int | None, typer.Option(help="Only what was told of this alarm.")] = None,
    again: Annotated[
        bool, typer.Option("--retry", help="Try again what was refused or given up, the last message of each channel.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show what was told to whom, what waits, and why it did not arrive. Exit code 1 if something did not."""
    from barograph.settings import load_settings
    from barograph.state import engine
    from barograph.state import outbox as kept

    database = engine.connect(load_settings())
    if again:
        typer.echo(f"{kept.retry(database, _now())} messages are tried again.")
        return
    found = kept.messages(database, *([] if alarm is None else [kept.about(alarm)]), newest=newest)
    waiting = [dict(row._mapping) for row in kept.pending(database)]
    if as_json:
        told = {"messages": [asdict(one) for one in found], "pending": waiting}
        print(json.dumps(told, indent=2, default=str, ensure_ascii=False))
    else:
        Console().print(_table(found))
        for row in waiting:
            print(
                f"{row['contact']}/{row['channel']}: {row['notices']} notices wait, the first until {row['due']:%F %T}."
            )
    raise typer.Exit(0 if all(one.error is None for one in found) else 1)


def test_notify(
    contact: Annotated[str, typer.Argument(help="Whom.")],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Send a test on each channel of a contact, and say of each what came of it. Exit code 1 if one did not arrive."""
    from barograph.notify.testing import send_tests
    from barograph.settings import load_settings

    results = send_tests(load_settings(), contact, _now())
    if as_json:
        print(json.dumps([asdict(one) for one in results], indent=2))
    else:
        for one in results:
            sign = "[green]✓[/]" if one.error is None else "[bold red]✗[/]"
            said = f"{one.kind}, taken in {one.seconds:.1f} s" if one.error is None else one.error
            Console(highlight=False, soft_wrap=True).print(f"{sign} {one.channel}: {escape(said)}")
    raise typer.Exit(0 if all(one.error is None for one in results) else 1)


def _table(found: list[Any]) -> Table:
    table = Table("composed", "to", "about", "how it is", box=None, pad_edge=False)
    for one in found:
        counts, entries = one.facts["counts"], one.facts["entries"]
        about = f"{counts['alarms']} alarms" if counts["alarms"] != 1 else _about(entries[0])
        colour = "green" if one.state == "sent" else "red" if one.error else "yellow"
        said = f"{one.state}, attempt {one.attempts}" + (f": {one.error}" if one.error else "")
        table.add_row(
            f"{one.composed:%F %T}", f"{one.contact}/{one.channel}", escape(about), f"[{colour}]{escape(said)}[/]"
        )
    return table


def _about(entry: dict[str, Any]) -> str:
    return f"{entry['said']} {entry['severity']}: {entry['label']}, {entry['rule']} (alarm {entry['alarm']})"


def _now() -> datetime:
    return datetime.now(UTC)
