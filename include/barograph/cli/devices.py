"""`barograph devices`: who speaks on which port, how often, and who is silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from barograph.collector.health import Status

COLOURS = {"on_time": "green", "late": "yellow", "suspect": "dark_orange", "silent": "bold red"}


AT_ONCE = timedelta(minutes=2)
"""A sensor that was moved to another port is not two sensors."""


def register(app: typer.Typer) -> None:
    app.command()(devices)


def devices(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, once a second, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts: the collector's status as it is.")] = False,
) -> None:
    """Show the collector's ports and devices: frames, rejects, losses, clocks, who is silent, how long Kafka takes.

    "?" is what a port cannot tell: most drivers count overruns, a pseudo-terminal and a socket do not.

    Exit code 1 if a port is closed, somebody is silent, or one id speaks on two ports.
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
    """Ports, the devices behind them, and where what they said is now."""
    ports, behind = _table("Port", "State"), _table("Device", "Port", "State")
    for title in ("Frames", "Bytes", "Half", "Port lost", "Overruns", "Timeouts", "Rejects"):
        ports.add_column(title, justify="left" if title == "Rejects" else "right")
    for title in ("Frames", "Last frame", "Its clock"):
        behind.add_column(title, justify="right")
    for name, port in sorted(status.ports.items()):
        rejects = ", ".join(f"{count:,} {reason}" for reason, count in port.rejects.most_common(3)) or "0"
        state = _state(port.state) if port.connected else Text("closed", "bold red")
        overruns = "?" if port.overruns is None else f"{port.overruns:,}"
        ports.add_row(
            name, state, f"{port.frames:,}", _bytes(port.bytes), f"{port.partial:,}", f"{port.losses:,}", overruns,
            f"{port.timeouts:,}", rejects,
        )  # fmt: skip
        for device, its in sorted(port.devices.items()):
            ago = f"{_long((now - its.last_frame).total_seconds())} ago" if its.last_frame else "never"
            behind.add_row(device, name, _state(its.state), f"{its.frames:,}", ago, _clock(its.skew))
    closed = [Text(f"{name}: {port.error}", "red") for name, port in sorted(status.ports.items()) if port.error]
    twice = [
        Text(f"{device} speaks on {' and '.join(places)}: are two sensors set to one id?", "bold red")
        for device, places in shared(status).items()
    ]
    return Group(ports, *closed, "", behind, *twice, "", *_lines(status))


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _lines(status: Status) -> Iterator[str]:
    """Where what was read is: on its way, in Kafka, or lost."""
    age = f", the oldest for {_long(status.spool_age)}" if status.waiting_since else ""
    lost = f", {status.spool_lost:,} lost" if status.spool_lost else ""
    used = f"{status.spool_bytes / 1e6:.1f} of {status.spool_quota / 1e6:.0f} MB"
    yield f"Spool    {status.spool_depth:,} waiting{age}, {used}{lost}"
    broker = {True: "answers", False: "does not answer", None: "not asked yet"}[status.broker_up]
    half, nearly_all = status.latency_p50, status.latency_p99
    took = (
        "" if half is None or nearly_all is None else f", half within {_short(half)}, 99 % within {_short(nearly_all)}"
    )
    yield f"Kafka    {broker}; {status.published:,} published{took}"
    dropped = f"; {status.telemetry_dropped:,} points for the bucket `operations` dropped" * bool(
        status.telemetry_dropped
    )
    yield f"Metrics  {status.metrics or status.metrics_error or 'turned off'}{dropped}"
    if status.clock_steps:
        yield f"Clock    the machine's was set {status.clock_steps:,} times"


def _bytes(count: int) -> str:
    return f"{count:,}" if count < 100_000 else f"{count / 1e6:,.1f} M"


def _long(seconds: float) -> str:
    for unit, size in (("years", 31_557_600), ("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _clock(skew: float | None) -> str:
    """How far a device's own clock is off; nothing where it has none."""
    if skew is None:
        return ""
    return f"{skew:+.1f} s" if abs(skew) < 120 else f"{_long(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def shared(status: Status) -> dict[str, list[str]]:
    """Devices that were heard on several ports within minutes of each other, with these ports."""
    heard: dict[str, list[tuple[datetime, str]]] = {}
    for name, port in sorted(status.ports.items()):
        for device, its in port.devices.items():
            if its.last_frame:
                heard.setdefault(device, []).append((its.last_frame, name))
    return {
        device: sorted(recent)
        for device, times in sorted(heard.items())
        if len(recent := [name for at, name in times if max(times)[0] - at < AT_ONCE]) > 1
    }


def _state(state: str) -> Text:
    return Text(state.replace("_", " "), COLOURS.get(state, ""))


def _well(status: Status) -> bool:
    ports = status.ports.values()
    silent = any(its.state == "silent" for port in ports for its in port.devices.values())
    return all(port.connected for port in ports) and not silent and not shared(status)
