"""`barograph devices`: who speaks on which port, how often, and who is silent."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from barograph.collector.health import Status

COLOURS = {"on_time": "green", "late": "yellow", "suspect": "dark_orange", "silent": "bold red"}


def register(app: typer.Typer) -> None:
    app.command()(devices)


def devices(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, once a second, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts: the collector's status as it is.")] = False,
) -> None:
    """Show the collector's ports and devices: frames, rejects, last frame, clock, who is silent.

    Exit code 1 if a port is closed or somebody is silent.
    """
    from barograph.collector import health, status_path
    from barograph.collector.service import utcnow
    from barograph.errors import ServiceUnavailable
    from barograph.settings import load_settings

    path = status_path(load_settings())

    def status() -> Status:
        found = health.read(path)
        if found is None or not found.running(utcnow()):
            raise ServiceUnavailable(
                f"No collector is running here ({path} is {'old' if found else 'not there'}). "
                "`barograph stack start collector` starts it, `barograph collect` runs one in this terminal."
            )
        return found

    if json:
        typer.echo(status().model_dump_json(indent=2))
    elif follow:
        with Live(tables(status(), utcnow()), console=Console(), auto_refresh=False) as live:
            while True:
                time.sleep(1)
                live.update(tables(status(), utcnow()), refresh=True)
    else:
        Console().print(tables(status(), utcnow()))
    raise typer.Exit(0 if _well(status()) else 1)


def tables(status: Status, now: datetime) -> Group:
    ports = Table("Port", "State", "Frames", "Rejects", "Half", "Losses", "Timeouts", "Bytes", box=None)
    behind = Table("Device", "Port", "State", "Frames", "Last frame", "Clock", box=None)
    for name, port in sorted(status.ports.items()):
        rejects = ", ".join(f"{count:,} {reason}" for reason, count in port.rejects.most_common(3))
        state = _state(port.state) if port.connected else Text(port.error or "not open", "bold red")
        ports.add_row(
            name, state, f"{port.frames:,}", rejects or "0", f"{port.partial:,}", f"{port.losses:,}",
            f"{port.timeouts:,}", f"{port.bytes:,}",
        )  # fmt: skip
        for device, its in sorted(port.devices.items()):
            ago = f"{(now - its.last_frame).total_seconds():.0f} s ago" if its.last_frame else "never"
            clock = "" if its.skew is None else f"{its.skew:+.1f} s"
            behind.add_row(device, name, _state(its.state), f"{its.frames:,}", ago, clock)
    spool = (
        f"\nSpool: {status.spool_depth:,} waiting, {status.spool_bytes / 1e6:.1f} of {status.spool_quota / 1e6:.0f} MB"
    )
    lost = f", {status.spool_lost:,} lost" if status.spool_lost else ""
    broker = {True: "answers", False: "does not answer", None: "not asked yet"}[status.broker_up]
    return Group(ports, "", behind, f"{spool}{lost}. Kafka {broker}; {status.published:,} published.")


def _state(state: str) -> Text:
    return Text(state.replace("_", " "), COLOURS.get(state, ""))


def _well(status: Status) -> bool:
    ports = status.ports.values()
    silent = any(its.state == "silent" for port in ports for its in port.devices.values())
    return all(port.connected for port in ports) and not silent
