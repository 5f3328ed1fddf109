"""`barograph demo ...`: the simulated shop, live and as a week of history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Site = Annotated[str, typer.Option(help="The simulated site.")]
Seed = Annotated[int, typer.Option(help="Another seed is another shop.")]


def register(app: typer.Typer) -> None:
    demo = typer.Typer(help="A simulated shop: live sensors, and their history.", no_args_is_help=True)
    demo.command()(sensors)
    demo.command()(publish)
    app.add_typer(demo, name="demo")


def sensors(
    site: Site = "demo",
    seed: Seed = 7,
    failing: Annotated[bool, typer.Option("--failing/--healthy", help="Whether a fridge fails at once.")] = True,
) -> None:
    """Simulate the site's sensors on real ptys, until SIGTERM. One fridge fails within the first minutes."""
    from barograph import logs
    from barograph.collector.service import stopped_by_signals
    from barograph.collector.simulation import live
    from barograph.settings import load_settings

    logs.configure()
    with stopped_by_signals() as stop:
        live.demo(load_settings(), site, seed, stop, failing=failing)


def publish(
    until: Annotated[str, typer.Option(help="End of the history, ISO 8601; now unless said.")] = "",
    days: Annotated[float, typer.Option(min=0.01, max=400, help="Length of the history.")] = 7,
    site: Site = "demo",
    seed: Seed = 7,
) -> None:
    """Publish the site's history through Kafka, marked as history: alarms are recorded, nobody is notified.

    Publishing a history again, or one that overlaps it, adds nothing.
    """
    from barograph.collector.service import utcnow
    from barograph.collector.simulation.shop import publish_history
    from barograph.registry import read_site
    from barograph.settings import load_settings
    from barograph.windows import Window

    settings = load_settings()
    end = _moment(until) if until else utcnow()
    window = Window(end - timedelta(days=days), end)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("frames", total=None)
        frames = publish_history(
            settings,
            read_site(settings.sites_folder / site),
            window,
            seed,
            lambda sent, total: bar.update(task, completed=sent, total=total),
        )
        bar.update(task, completed=frames, total=frames)
    typer.echo(f"Published {frames} frames of {site}, {window}.")


def _moment(text: str) -> datetime:
    from barograph.windows import utc

    try:
        return utc(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not a time such as 2026-11-22T08:00:00Z", param_hint="--until") from error
