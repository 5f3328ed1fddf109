"""`barograph stack ...`: the servers of this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.status import Status

from barograph.stack.show import Show

if TYPE_CHECKING:
    from barograph.settings import Settings
    from barograph.stack.supervisor import Process

console = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    stack = typer.Typer(help="The servers of this machine: start, stop, logs.", no_args_is_help=True)
    for command in (up, down, start, stop, logs, clean, prepare):
        stack.command()(command)
    app.add_typer(stack, name="stack")


def up(
    only: Annotated[list[str] | None, typer.Argument(help="Only these servers, and what they need.")] = None,
    days: Annotated[
        int, typer.Option(min=1, max=31, help="Of the demo shop's history, the first time: fewer start sooner.")
    ] = 7,
) -> None:
    """Start the servers and wait until all are ready. The first time, with a demo shop and a week of its history."""
    from barograph.settings import load_settings
    from barograph.stack import first_run, services

    settings = load_settings()
    if only:
        seconds = services.up(settings, only, watch=Lines().watch)
        console.print(f"Ready after {seconds:.0f} s.")
        return
    if services.first_run_is_over(settings):
        seconds = services.up(settings, watch=Lines().watch)
        console.print(f"\nReady after {seconds:.0f} s. {_where(settings)}")
        return
    history = "a week" if days == 7 else f"{days} days"
    console.print(
        f"The first run: a demo shop with {history} of history. It goes on where it stopped if you stop it.\n"
    )
    seconds = first_run.run(settings, lambda: datetime.now(UTC), Lines(), days)
    password = settings.secret("airflow_admin")
    console.print(f"\nBarograph runs, after {seconds:.0f} s. Log in as [bold]admin[/] with [bold]{password}[/]")
    console.print(
        "(shown this once; kept in " + str(settings.secrets_folder / "airflow_admin") + ").\n" + _where(settings)
    )


def down() -> None:
    """Stop everything of this data folder. The data stays."""
    from barograph.settings import load_settings
    from barograph.stack import services

    began = time.monotonic()
    with console.status("Stopping"):
        killed = services.down(load_settings())
    for running in killed:
        console.print(f"[yellow]had to be killed:[/] {running.server} ({running.pid}) {running.command[:80]}")
    console.print(f"Stopped after {time.monotonic() - began:.0f} s; nothing of ours is left.")


def start(names: list[str]) -> None:
    """Start single processes, such as the collector."""
    from barograph.settings import load_settings
    from barograph.stack import services

    settings = load_settings()
    services.start(settings, *names)
    services.wait(settings, names)


def stop(names: list[str]) -> None:
    """Stop single processes until they are started again."""
    from barograph.settings import load_settings
    from barograph.stack import services

    services.stop(load_settings(), *names)


def logs(
    names: Annotated[list[str] | None, typer.Argument(help="Whose; all unless said.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Last lines of each.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is said from now on.")] = False,
) -> None:
    """Show what the servers say."""
    from barograph.settings import load_settings
    from barograph.stack import log_files

    for name, line in log_files.read(load_settings(), names or [], lines, follow):
        console.print(f"[dim]{name:<21}[/] ", end="")
        console.print(line, markup=False)


def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete the data: record, databases, reports, secrets. Your own sites and settings.yaml stay."""
    from barograph.settings import load_settings
    from barograph.stack import services

    settings = load_settings()
    if not yes:
        typer.confirm(f"Delete all data in {settings.home}, local backups and their password included?", abort=True)
    services.clean(settings)
    console.print(f"{settings.home} is empty.")


def prepare(airflow: Annotated[bool, typer.Option(help="Also Airflow's database.")] = True) -> None:
    """Make databases, tables, topics, buckets and tokens where they are missing. `up` does it by itself."""
    from barograph import logs as logging
    from barograph.settings import load_settings
    from barograph.stack import prepare as stage

    logging.configure()
    changes = stage.run(load_settings(), airflow=airflow)
    console.print("Made: " + ", ".join(changes) if changes else "Nothing was missing.")


def _where(settings: Settings) -> str:
    return (
        f"\n  Airflow    {settings.airflow_address}"
        f"\n  Reports    {settings.reports_folder}"
        "\n\nNext: `barograph status` shows how it is; `barograph stack logs -f` what it says; the README, how to "
        "connect a real sensor.\nStop with `make stop`: all data stays."
    )


class Lines(Show):
    """A line for whatever is finished, and one that moves for what is under way."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._title = "Starting"
        self._seen: set[str] = set()

    def watch(self, processes: list[Process], seconds: float) -> None:
        for process in processes:
            if process.ready and process.name not in self._seen:
                self._seen.add(process.name)
                console.print(f"  [green]✓[/] {process.name:<22} {process.word} after {seconds:.0f} s")
        waiting = [process.name for process in processes if not process.ready]
        self._move(f"{seconds:.0f} s: waiting for {', '.join(waiting)}" if waiting else "")

    def begin(self, title: str) -> None:
        self._title = title
        self._move(title)

    def progress(self, done: int, total: int, unit: str) -> None:
        self._move(f"{self._title}: {done:,} of {total:,} {unit}")

    def end(self, title: str, seconds: float, fact: str) -> None:
        self._move("")
        console.print(f"[green]✓[/] {title}: {fact}, {seconds:.0f} s")

    def _move(self, text: str) -> None:
        if self._status is None and text:
            self._status = console.status(text)
            self._status.start()
        elif self._status and text:
            self._status.update(text)
        elif self._status:
            self._status.stop()
            self._status = None
