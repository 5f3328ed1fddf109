"""`barograph sim ...`: devices that are not there, behind ptys that are, for whoever has no hardware."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from barograph.collector.simulation.live import Running
    from barograph.collector.simulation.scenario import Prepared

WORDS = ("whole", "exposed", "damaged", "dropped")
FIRST = 60
"""Bytes of a frame that are shown."""

out = Console(highlight=False, soft_wrap=True)

What = Annotated[str, typer.Argument(metavar="SCENARIO", help="A YAML file, or a url such as sim://fridge.")]
FormatOf = Annotated[
    str, typer.Option("--format", help="For a url: a shipped format or a YAML file; plain JSON unless said.")
]
Seed = Annotated[int | None, typer.Option(help="Another seed is another day; the scenario's own unless said.")]


def register(app: typer.Typer) -> None:
    sim = typer.Typer(help="Simulated devices behind real ptys, with faults by script.", no_args_is_help=True)
    sim.command()(run)
    sim.command()(check)
    sim.command()(kinds)
    app.add_typer(sim, name="sim")


def run(
    what: What,
    format_: FormatOf = "",
    into: Annotated[
        Path | None, typer.Option(help="The folder for the names of the ports; the data folder unless said.")
    ] = None,
    ledger: Annotated[Path | None, typer.Option(help="A file for all that was sent, a JSON line each.")] = None,
    speed: Annotated[str, typer.Option(help="So many times faster: 60x.")] = "",
    seed: Seed = None,
    length: Annotated[str, typer.Option(help="How much of their time to simulate: 10m.")] = "",
) -> None:
    """Simulate devices until the scenario ends, or Ctrl-C. Any program can open their ports by name."""
    from barograph import logs
    from barograph.collector.service import stopped_by_signals
    from barograph.collector.simulation.ledger import Ledger
    from barograph.collector.simulation.live import Running
    from barograph.collector.simulation.scenario import changed
    from barograph.settings import load_settings

    logs.configure()
    prepared = _prepared(what, format_)
    told = {"speed": speed, "seed": seed, "length": length}
    prepared = changed(prepared, what, **{name: value for name, value in told.items() if value not in ("", None)})
    if into:
        ports = [
            outlet.model_copy(update={"url": str(into.absolute() / outlet.port)}).model_dump(
                by_alias=True, exclude_none=True
            )
            for outlet in prepared.scenario.ports
        ]
        prepared = changed(prepared, what, ports=ports)
    with stopped_by_signals() as stop:
        running = Running(prepared, load_settings().home, Ledger(ledger))
        _show(prepared, running)
        while running.thread.is_alive() and not stop.wait(0.2):
            pass
        running.end()
    counts = running.ledger.counts
    out.print(", ".join(f"{counts[word]} {word}" for word in WORDS) + (f"; ledger: {ledger}" if ledger else ""))
    if counts["unheard"]:
        out.print(f"{counts['unheard']} of the dropped ones were not heard: nobody had the port open.")


def check(what: What, format_: FormatOf = "", seed: Seed = None) -> None:
    """Check a scenario without running it, and show the first frame of each device."""
    from itertools import islice

    from barograph.collector.simulation.live import script_of
    from barograph.collector.simulation.scenario import changed

    prepared = _prepared(what, format_)
    if seed is not None:
        prepared = changed(prepared, what, seed=seed)
    script = script_of(prepared)
    table = Table(box=None, header_style="bold")
    for title in ("device", "port", "values", "bytes"):
        table.add_column(title)
    seen = set()
    for act in islice(script.acts(), 1000):
        if act.device and act.device not in seen:
            seen.add(act.device)
            values = ", ".join(f"{name} {value}" for name, value in list(act.values.items())[:4])
            table.add_row(act.device, act.port, values, repr(act.said[:FIRST])[2:-1])
        if len(seen) == len(script.voices):
            break
    out.print(table)
    out.print(f"No mistake found. Devices: {len(script.voices)}, faults: {len(prepared.scenario.faults)}.")


def kinds(as_url: Annotated[bool, typer.Option("--url", help="Show what a sim:// url may say.")] = False) -> None:
    """Show what can be simulated, and what can go wrong with it."""
    from barograph.collector.simulation.addresses import HOSTS, parameters
    from barograph.collector.simulation.faults import FAULTS
    from barograph.collector.simulation.scenario import ABOUT, KINDS

    if as_url:
        _table("sim://KIND", parameters(HOSTS[0]))
        for host in HOSTS[-2:]:
            _table(f"sim://{host}", parameters(host))
        return
    _table("kind", {name: f"{ABOUT[name]} ({', '.join(KINDS[name]) or 'any values'})" for name in KINDS})
    own = {"at", "length", "every", "device", "port", "fault"}
    told = {}
    for name, model in FAULTS.items():
        fields = [field.alias or key for key, field in model.model_fields.items() if key not in own]
        more = f" ({', '.join(fields)})" if fields else ""
        told[name] = f"{(model.__doc__ or '').strip()}{more}"
    _table("fault", told)


def _table(title: str, lines: dict[str, str]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column(title, no_wrap=True)
    table.add_column("")
    for name, about in lines.items():
        table.add_row(name, about)
    out.print(table)


def _prepared(what: str, format_: str) -> Prepared:
    from barograph.collector.formats import Format, JsonFormat, read_format, read_format_file
    from barograph.collector.simulation.addresses import prepared_for
    from barograph.collector.simulation.scenario import read_scenario
    from barograph.registry import Port

    if not what.startswith("sim://"):
        if format_:
            raise typer.BadParameter("a scenario says the formats of its ports itself", param_hint="--format")
        return read_scenario(Path(what))
    declared: Format = JsonFormat(kind="json", device=["device"], values="*")
    if not format_:
        name = "json"
    elif Path(format_).suffix in (".yaml", ".yml"):
        declared, name = read_format_file(Path(format_)), "own"
    else:
        declared, name = read_format(Path.cwd(), format_), format_
    host = what.removeprefix("sim://").partition("?")[0] or "device"
    prepared, _ = prepared_for(Port(port=host, url=what, format=name, device=host), declared, Path.cwd())
    return prepared


def _show(prepared: Prepared, running: Running) -> None:
    scenario = prepared.scenario
    pace = f", {scenario.speed:g} times faster" if scenario.speed != 1 else ""
    out.print(f"Devices: {len(running.devices)}, seed {scenario.seed}{pace}. Ctrl-C ends it.")
    for outlet in scenario.ports:
        port = running.ports[outlet.port]
        devices = ", ".join(each.device for each in scenario.devices if prepared.outlet(each) == outlet)
        out.print(f"  {port.path} -> {port.name}, {outlet.baud} baud, {outlet.format}: {devices}")
