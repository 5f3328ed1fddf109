"""`barograph collect`: the long-running process beside the serial ports."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(collect)


def collect(
    site: Annotated[str | None, typer.Option(help="Only the ports of this site.")] = None,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Log JSON instead of key=value.")] = False,
) -> None:
    """Read the serial ports and publish what they say, until SIGTERM. A broker outage only fills the spool."""
    from barograph import logs
    from barograph.collector import service
    from barograph.settings import load_settings

    logs.configure(as_json=json_logs)
    with service.stopped_by_signals() as stop:
        service.collect(load_settings(), stop, site=site)
