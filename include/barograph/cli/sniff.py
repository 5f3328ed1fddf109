"""`barograph sniff`: what does this port say? Listens, guesses, and writes a first format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

if TYPE_CHECKING:
    from barograph.collector.sniffing import Guess, Heard, Read
    from barograph.registry import Port

out = Console(highlight=False, soft_wrap=True)

TRY = 2.0
"""Seconds for which each rate is tried; slow devices need more, and `--baud`."""
ENOUGH = 512
"""Bytes that show whether a rate is right."""
FIRST_GUESS = 1.5
"""Seconds: of a single frame too much would be guessed."""
MOST_SHOWN = 60
"""Frames that are shown one by one."""
VALUES = 8


def register(app: typer.Typer) -> None:
    app.command()(sniff)


@dataclass
class Session:
    """What was heard so far, and what it is taken for."""

    port: Port
    quiet: bool
    known: bool
    own: dict[str, Path] = field(default_factory=dict)
    """Formats of the sites."""
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)
    format_name: str = "my-board"
    parity: str | None = None
    """Of bytes that are seven bits and were read as eight."""
    shown: int = 0
    size: int = 0
    guessed_at: int = 0

    @property
    def heard(self) -> Heard:
        from barograph.collector.sniffing import heard

        chunks = self.chunks
        if self.parity:
            chunks = [(at, bytes(byte & 0x7F for byte in data)) for at, data in chunks]
        return heard(chunks, self.port.bits_per_byte / self.port.baud)

    @property
    def best(self) -> Guess | None:
        return self.guesses[0] if self.guesses else None

    def take(self, chunks: list[tuple[float, bytes]]) -> None:
        self.chunks += chunks
        self.size += sum(len(data) for _, data in chunks)

    def guess(self) -> None:
        from barograph.collector.sniffing import guesses, rates

        if self.size > self.guessed_at:
            self.parity = rates.seven_bits(b"".join(data for _, data in self.chunks))
            self.guesses = guesses(self.heard, known=self.known, more=self.own)
            self.guessed_at = self.size


def sniff(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="/dev/ttyUSB0, usb:0403:6001, socket://host:port, file://recording or a file."
        ),
    ],
    seconds: Annotated[float, typer.Option(help="How long to listen; Ctrl-C ends it earlier.", min=0.1)] = 20.0,
    baud: Annotated[int | None, typer.Option(help="The rate, if known; else the usual ones are tried.")] = None,
    write: Annotated[Path | None, typer.Option(help="Write the best guess as a format: formats/my-board.yaml.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --write.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Keep what was heard, with its times, to be sniffed or collected again: recording.jsonl."),
    ] = None,
    infer: Annotated[bool, typer.Option("--infer", help="Don't try the formats that come with us.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The guesses as JSON, for scripts.")] = False,
) -> None:
    """Listen to a port, guess what its bytes mean, and write a first format.

    Formats that come with us are tried first. If none fits, rate, framing, checksum and fields are guessed; what is a
    guess says so in the file. Exit code 1 if nothing was heard, or nothing was made of it.
    """
    from barograph.errors import DocumentError
    from barograph.settings import load_settings

    for path in (write, record):
        if path is not None and path.exists() and not force:
            raise DocumentError(f"{path} is there already. Give another name, or --force to overwrite it.")
    settings = load_settings()
    port = _port(url, baud)
    home = Path.cwd() if (Path.cwd() / port.url.removeprefix("file://").split("?")[0]).exists() else settings.home
    own = {path.stem: path for path in sorted(settings.sites_folder.glob("*/formats/*.yaml"))}
    session = Session(port, quiet=as_json, known=not infer, own=own)
    if write is not None:
        session.format_name = _slug(write.stem)
    try:
        _listen(session, home, seconds, rate_known=baud is not None)
    except KeyboardInterrupt:
        session.guess()
    if record:
        _record(record, session.chunks)
    best = session.best
    if as_json:
        print(json.dumps(_facts(session), indent=2, ensure_ascii=False))
    else:
        _summary(session)
    if write and best:
        write.parent.mkdir(parents=True, exist_ok=True)
        write.write_text(_yaml(session, best), encoding="utf-8")
        if not as_json:
            out.print(f"Written: [bold]{escape(str(write))}[/]. `barograph decode {write} FILE` shows what it reads.")
    raise typer.Exit(0 if best else 1)


def _port(url: str, baud: int | None) -> Port:
    from pydantic import ValidationError

    from barograph.errors import PortError
    from barograph.registry import Port

    if "://" not in url and Path(url).is_file():
        url = f"file://{url}"
    try:
        return Port.model_validate(
            {"port": "sniffed", "url": url, "format": "unknown", **({"baud": baud} if baud else {})}
        )
    except ValidationError as error:
        told = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise PortError(f"Cannot open {url}: {told}.") from error


def _listen(session: Session, home: Path, seconds: float, *, rate_known: bool) -> None:
    from barograph.collector.listening import no_rate

    why = no_rate(session.port, home)
    if not rate_known and why is None:
        _find_rate(session, home, seconds)
    if not session.quiet:
        rate = "" if why else f" at {session.port.baud} baud"
        out.print(f"Listening to [bold]{escape(session.port.url)}[/]{rate}{f'; {why}' if why else ''}.")
    with _listener(session, home) as listener:
        end = monotonic() + seconds
        frames = _Frames(session)
        guess_at = monotonic() + FIRST_GUESS
        try:
            while monotonic() < end and listener.listening:
                session.take(listener.chunks(0.2))
                if session.size > 1.5 * session.guessed_at and monotonic() >= guess_at:
                    session.guess()
                    guess_at = monotonic() + 1
                frames.show()
        finally:
            session.take(listener.chunks(0))
        session.guess()
        frames.show(last=True)
        if listener.lost and not session.quiet:
            out.print(f"[red]{escape(str(listener.lost))}[/]")


@contextmanager
def _listener(session: Session, home: Path) -> Iterator[Any]:
    from barograph.collector.listening import listening

    with listening(session.port, home) as listener:
        yield listener


def _find_rate(session: Session, home: Path, patience: float) -> None:
    """Try the usual rates; the port keeps the one that makes most sense.

    At a wrong rate bytes come too. So the first is waited for as long as it takes, and the others about as long.
    """
    from barograph.collector.sniffing import guesses, heard, rates

    rated: dict[int, float] = {}
    wait = patience
    for rate in rates.RATES:
        port = session.port = session.port.model_copy(update={"baud": rate})
        with _listener(session, home) as listener:
            chunks: list[tuple[float, bytes]] = []
            begun = monotonic()
            end = begun + wait
            while monotonic() < end and sum(len(data) for _, data in chunks) < ENOUGH:
                chunks += listener.chunks(0.1)
                if chunks and not rated and end == begun + patience:
                    end = min(end, monotonic() + TRY)
        told = heard(chunks, port.bits_per_byte / port.baud)
        found = guesses(told, known=session.known, more=session.own)
        rated[rate] = rates.plausible(told, found[0].rank if found else 0.0)
        if not session.quiet:
            says = f"{len(told.data)} bytes" + (f", {_called(found[0])} {found[0].rank:.0%}" if found else "")
            out.print(f"[dim]{rate:>7} baud: {says}[/]")
        if not chunks and len(rated) == 1:
            break
        wait = max(TRY, chunks[0][0] + TRY) if len(rated) == 1 else wait
        if rated[rate] >= rates.ENOUGH:
            break
    session.port = session.port.model_copy(update={"baud": rates.best(rated) or rates.RATES[0]})


class _Frames:
    """Shows each frame once, as the best guess reads it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._as: str | None = None
        self._told = 0

    def show(self, *, last: bool = False) -> None:
        from barograph.collector.sniffing import reads

        session, best = self._session, self._session.best
        if session.quiet or best is None or best.rank < 0.3 or (session.shown > MOST_SHOWN and not last):
            return
        if self._as != best.name:
            self._as = best.name
            out.print(f"[bold]{escape(_called(best))}[/] [dim]{best.rank:.0%}, {escape(best.why)}[/]")
        found = list(reads(best.declared, session.heard, session.port.device or "port"))
        # The last one may go on.
        for each in found[self._told : None if last else -1]:
            if session.shown < MOST_SHOWN:
                out.print(_line(each))
            session.shown += 1
        self._told = max(self._told, len(found) if last else len(found) - 1)


def _line(each: Read) -> str:
    from barograph.cli.decode import bytes_shown
    from barograph.metrics import metric

    place = f"[dim]{each.found.begin:>7}[/]"
    raw = f"[dim]{escape(bytes_shown(each.found.raw))}[/]"
    if each.decoded is None:
        return f"{place} [bold red]✗[/] [red]{each.reason}[/] {raw}"
    if not each.decoded.frames:
        return f"{place} [dim]· {escape(each.decoded.ignored or 'no reading')}[/] {raw}"
    parts = []
    for frame in each.decoded.frames:
        told = [
            f"{escape(name)} " + (f"[cyan]{value:g}[/]" if value is not None else "[yellow]null[/]")
            + f"[dim]{_unit(metric(name).unit)}[/]"
            for name, value in list(frame.values.items())[:VALUES]
        ]  # fmt: skip
        more = f" [dim]+{len(frame.values) - VALUES}[/]" if len(frame.values) > VALUES else ""
        parts.append(f"[bold]{escape(frame.device)}[/] {'  '.join(told)}{more}")
    bad = "".join(f"  [red]! {escape(bad.metric or '')} {bad.reason}[/]" for bad in each.decoded.bad)
    return f"{place} [green]✓[/] {'; '.join(parts)}{bad}"


def _unit(unit: str) -> str:
    return unit if unit in ("", "°", "%") else f" {escape(unit)}"


def _called(guess: Guess) -> str:
    return "a new format" if guess.draft else guess.name


def _yaml(session: Session, guess: Guess) -> str:
    from barograph.collector.formats import shipped

    if guess.draft:
        return guess.draft.yaml()
    return {**shipped(), **session.own}[guess.name].read_text(encoding="utf-8")


def _summary(session: Session) -> None:
    best = session.best
    if session.shown > MOST_SHOWN:
        out.print(f"[dim]… and {session.shown - MOST_SHOWN:,} frames more[/]")
    if session.size > len(session.heard.data):
        out.print(f"[dim]Of {session.size:,} bytes the first {len(session.heard.data):,} were looked at.[/]")
    if not session.size:
        out.print(
            "[yellow]Nothing was heard.[/] Is the device on, and does it speak by itself? Many only answer: "
            "a port can `poll` (docs/ports.md). Otherwise: another --baud, more --seconds, TX and RX swapped?"
        )
        return
    if parity := session.parity:
        out.print(f"[yellow]Every byte has {parity} parity: these are 7 bits, and are read as such.[/]")
    if best is None:
        out.print(
            f"[yellow]{session.size:,} bytes were heard, and nothing was made of them.[/] Is the rate right (--baud)? "
            "Listen longer (--seconds), and keep it for a closer look: --record recording.jsonl."
        )
        return
    out.print()
    table = Table("", "Guess", "Fits", "Frames", "Values", "Refused", box=None, pad_edge=False)
    table.add_column("Why", min_width=20)
    for place, each in enumerate(session.guesses[:5]):
        colour = "green" if each.sure else "yellow" if each.rank >= 0.5 else "dim"
        its = each.score
        table.add_row(
            "➜" if place == 0 else "", f"[bold]{escape(_called(each))}[/]" if place == 0 else escape(_called(each)),
            f"[{colour}]{each.rank:.0%}[/]", f"{its.frames:,}", f"{its.values:,}",
            f"[red]{its.refused + its.bad:,}[/]" if its.refused + its.bad else "0", f"[dim]{escape(each.why)}[/]",
        )  # fmt: skip
    out.print(table)
    alike = [each.name for each in session.guesses[1:5] if each.draft is None and each.rank > best.rank - 0.02]
    if alike and best.draft is None:
        out.print(f"[yellow]Just as well: {', '.join(alike)}. The bytes alone do not tell; the device's name does.[/]")
    out.print()
    if best.draft:
        out.print(Syntax(best.draft.yaml(), "yaml", background_color="default", word_wrap=False))
    else:
        whose = "is a format of this site" if best.name in session.own else "comes with Barograph"
        out.print(f"`{best.name}` {whose}: {escape(best.declared.about)}.")
    out.print(f"For site.yaml:\n  [green]- {escape(_port_line(session))}[/]")


def _port_line(session: Session) -> str:
    from barograph.collector.sniffing.draft import flow

    best, name = session.best, _slug(session.port.url)
    told: dict[str, Any] = {"port": name, "url": session.port.url}
    told["format"] = session.format_name if best is None or best.draft else best.name
    if not session.port.url.startswith(("socket:", "file:", "sim:")):
        told["baud"] = session.port.baud
    if session.parity:
        told |= {"bits": 7, "parity": session.parity}
    if best is not None and not best.names_its_device:
        told["device"] = name
    return flow(told)


def _slug(url: str) -> str:
    """A name from where the port is: ttyusb0, usb-0403-6001-a1, recording."""
    scheme, _, rest = url.partition("://")
    place = rest.split("?")[0].removesuffix("/") if rest else scheme.removeprefix("/dev/")
    if scheme == "file" or (not rest and place.startswith("/")):
        place = Path(place).stem
    return re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-")[:50] or "port"


def _facts(session: Session) -> dict[str, Any]:
    best = session.best
    return {
        "url": session.port.url,
        "baud": session.port.baud,
        "bytes": session.size,
        "guesses": [
            {
                "format": None if each.draft else each.name,
                "fits": round(each.rank, 3),
                "share": round(each.score.share, 3),
                "evidence": each.score.evidence,
                "frames": each.score.frames,
                "values": each.score.values,
                "refused": each.score.refused + each.score.bad,
                "devices": list(each.score.devices[:20]),
                "why": each.why,
            }
            for each in session.guesses[:5]
        ],
        "yaml": best.draft.yaml() if best and best.draft else None,
        "port": _port_line(session) if best else None,
    }


def _record(path: Path, chunks: list[tuple[float, bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"at": round(at, 6), "hex": data.hex()}) for at, data in chunks]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
