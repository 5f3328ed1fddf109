"""`barograph decode`: what a declared format makes of a recording, frame by frame."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from barograph.collector.decoding import Decoded
    from barograph.collector.formats import Format
    from barograph.collector.frames import Cut, Refused

CHUNK = 65_536
SHOWN = 24
"""Bytes of a refused frame that are shown."""

out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    app.command()(decode)


@dataclass(frozen=True)
class Heard:
    """One frame and what came of it: readings, or why not."""

    found: Cut | Refused
    decoded: Decoded | None = None
    reason: str = ""
    detail: str = ""


def decode(
    format_: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="A shipped format, the path of a YAML file, or SITE/FORMAT."),
    ] = "",
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A recording of a port's bytes; - is standard input.")
    ] = "",
    device: Annotated[str, typer.Option(help="Whose frames they are where they do not say.")] = "port",
    longest: Annotated[int, typer.Option("--max-frame", help="Bytes of the longest frame.")] = 65_536,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if anything was refused.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a frame, for scripts.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the formats that come with us.")] = False,
) -> None:
    """Show what a format makes of a recording: each frame and its values, or why it was refused.

    For trying a format before a port uses it: `barograph decode my.yaml recording.bin`.
    """
    if list_:
        _list(as_json)
        return
    if not format_ or not file:
        raise typer.BadParameter("give a FORMAT and a FILE, or --list for the formats that come with us")
    declared = _format(format_)
    counts = Counter[str]()
    reasons = Counter[str]()
    with _opened(file) as stream:
        for heard in _heard(declared, stream, device, longest):
            _count(heard, counts, reasons)
            if as_json:
                print(json.dumps(_facts(heard), ensure_ascii=False), flush=True)
            else:
                _show(heard)
    if not as_json:
        out.print(_summary(counts, reasons))
    raise typer.Exit(1 if strict and (counts["refused"] or counts["bad"]) else 0)


def _heard(declared: Format, stream: BinaryIO, device: str, longest: int) -> Iterator[Heard]:
    from barograph.collector.decoding import decoder
    from barograph.collector.frames import Refused, cutter
    from barograph.errors import FrameError

    cuts, read = cutter(declared.frame, longest), decoder(declared)

    def each(found: list[Cut | Refused]) -> Iterator[Heard]:
        for one in found:
            if isinstance(one, Refused):
                yield Heard(one, None, one.reason, one.detail)
                continue
            try:
                yield Heard(one, read(one.payload, device))
            except FrameError as error:
                yield Heard(one, None, error.reason, error.detail)

    # A pipe hands over what it has; only a file's end is the end.
    while chunk := getattr(stream, "read1", stream.read)(CHUNK):
        yield from each(cuts.feed(chunk))
    yield from each(cuts.end())


def _count(heard: Heard, counts: Counter[str], reasons: Counter[str]) -> None:
    if heard.decoded is None:
        counts["refused"] += 1
        reasons[heard.reason] += 1
        return
    counts["frames"] += len(heard.decoded.frames)
    counts["values"] += sum(len(frame.values) for frame in heard.decoded.frames)
    counts["bad"] += len(heard.decoded.bad)
    counts["passed over"] += bool(heard.decoded.ignored and not heard.decoded.frames)
    reasons.update(bad.reason for bad in heard.decoded.bad)


def _facts(heard: Heard) -> dict[str, Any]:
    from barograph.windows import iso

    facts: dict[str, Any] = {"offset": heard.found.begin, "raw": heard.found.raw.hex()}
    if heard.decoded is None:
        return {**facts, "refused": heard.reason, "detail": heard.detail}
    facts["frames"] = [
        {"device": frame.device, "time": iso(frame.time) if frame.time else None, "values": frame.values}
        for frame in heard.decoded.frames
    ]
    facts["bad"] = [
        {"reason": bad.reason, "device": bad.device, "metric": bad.metric, "detail": bad.detail}
        for bad in heard.decoded.bad
    ]
    if heard.decoded.ignored and not heard.decoded.frames:
        facts["passed_over"] = heard.decoded.ignored
    return facts


def _show(heard: Heard) -> None:
    from barograph.metrics import metric
    from barograph.windows import iso

    place = f"[dim]{heard.found.begin:>8}[/]"
    if heard.decoded is None:
        raw = bytes_shown(heard.found.raw)
        out.print(f"{place} [bold red]✗ {heard.reason}[/]  {escape(heard.detail)}  [dim]{escape(raw)}[/]")
        return
    for frame in heard.decoded.frames:
        when = f"  [dim]{iso(frame.time)}[/]" if frame.time else ""
        out.print(f"{place} [green]✓[/] [bold]{escape(frame.device)}[/]{when}")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
        for name, value in frame.values.items():
            shown = "[yellow]null[/]" if value is None else f"[cyan]{_number(value)}[/]"
            table.add_row(" " * 10, escape(name), shown, f"[dim]{metric(name).unit}[/]")
        out.print(table)
    for bad in heard.decoded.bad:
        what = f"{bad.metric}: " if bad.metric else ""
        out.print(f"{place} [red]! {bad.reason}[/]  {escape(what + bad.detail)}")
    if heard.decoded.ignored and not heard.decoded.frames:
        out.print(f"{place} [dim]· passed over: {escape(heard.decoded.ignored)}[/]")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def bytes_shown(raw: bytes) -> str:
    """Text as text, and what is none in hex digits."""
    begin, more = raw[:SHOWN], "…" if len(raw) > SHOWN else ""
    text = begin.decode("latin-1")
    return (repr(text) if text.isascii() and text.strip("\r\n\t").isprintable() else begin.hex(" ")) + more


def _summary(counts: Counter[str], reasons: Counter[str]) -> str:
    def many(kind: str, one: str) -> str:
        return f"{counts[kind]} {one}{'' if counts[kind] == 1 else 's'}"

    why = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common())
    refused = [many(kind, one) for kind, one in (("refused", "frame"), ("bad", "value")) if counts[kind]]
    said = [f"[bold]{many('frames', 'frame')}, {many('values', 'value')}[/]"]
    said.append(f"[red]{' and '.join(refused)} refused ({why})[/]" if refused else "[green]nothing refused[/]")
    if counts["passed over"]:
        said.append(f"[dim]{counts['passed over']} passed over[/]")
    return "; ".join(said)


def _format(name: str) -> Format:
    """Raises DocumentError that says what there is instead."""
    import difflib

    from barograph.collector.formats import read_format, read_format_file, shipped
    from barograph.errors import DocumentError
    from barograph.settings import load_settings

    if Path(name).suffix in (".yaml", ".yml") or Path(name).is_file():
        return read_format_file(Path(name))
    site, slash, of_site = name.partition("/")
    if slash:
        return read_format(load_settings().sites_folder / site, of_site)
    if name in shipped():
        return read_format_file(shipped()[name])
    near = difflib.get_close_matches(name, shipped(), n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise DocumentError(
        f"{name} is no shipped format, no SITE/FORMAT and no YAML file.{hint} `barograph decode --list` shows ours."
    )


def _opened(file: str) -> Any:
    from barograph.errors import DocumentError

    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise DocumentError(f"{file}: cannot be read ({error.strerror}). Is it the path of a recording?") from error


def _list(as_json: bool) -> None:
    from barograph.collector.formats import read_format_file, shipped

    told = {name: read_format_file(path).about for name, path in shipped().items()}
    if as_json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("format", style="bold", no_wrap=True)
    table.add_column("reads")
    for name, about in told.items():
        table.add_row(name, escape(about))
    out.print(table)
    out.print("[dim]A port of a site names one (`format: vaisala-wxt`); a file of that name in its formats/ wins.[/]")
