"""`barograph rejects ...`: what could not be decoded, and a second try after a format was mended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from barograph.rejects.shelf import Choice, Reject

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Only these, as `list` shows them.")]
Reason = Annotated[str | None, typer.Option(help="Only for this reason, such as no_fields.")]
Device = Annotated[str | None, typer.Option(help="Only of this device.")]
Port = Annotated[str | None, typer.Option(help="Only from this port.")]
Stage = Annotated[
    str | None, typer.Option(help="Only refused there: collect (the port's format), drain (the message).")
]
Since = Annotated[str | None, typer.Option(help="Published from here on, as 2026-11-22 or 2026-11-22T08:00Z.")]
Until = Annotated[str | None, typer.Option(help="Published before this.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]

SHOWN = 64 * 1024
WIDE = 60

out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What could not be decoded: look at it, decode it again.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(show)
    group.command()(replay)
    app.add_typer(group, name="rejects")


def list_(
    reason: Reason = None,
    device: Device = None,
    port: Port = None,
    stage: Stage = None,
    since: Since = None,
    until: Until = None,
    replayed: Annotated[bool, typer.Option("--all", help="Also those that a replay has brought in.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what is refused, newest first: reason, stage, device, port, time and where it stood in Kafka."""
    from collections import Counter

    from barograph.archive import Archive
    from barograph.rejects.shelf import rejects
    from barograph.settings import load_settings

    archive = Archive.of(load_settings())
    found = rejects(archive, _choice([], reason, device, port, stage, since, until), replayed=replayed)
    if as_json:
        typer.echo(json.dumps([each.facts for each in found[:limit]], indent=2, default=str, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("id", "reason", "stage", "port", "device", "published", "detail"):
        table.add_column(title, no_wrap=title == "id", overflow="fold")
    for each in found[:limit]:
        detail = each.detail or ""
        table.add_row(
            escape(each.id),
            f"[green]{each.reason}[/]" if not each.open else f"[red]{escape(each.reason)}[/]",
            escape(each.row["stage"] or ""),
            escape(each.row["port"] or ""),
            escape(each.row["device"] or ""),
            f"{each.row['published']:%Y-%m-%d %H:%M:%S}",
            escape(detail if len(detail) <= WIDE else f"{detail[: WIDE - 1]}…"),
        )
    if found:
        out.print(table)
    counts = Counter(each.reason for each in found).most_common()
    why = ", ".join(f"{count:,} {escape(name)}" for name, count in counts)
    more = f", the newest {limit:,} shown" if len(found) > limit else ""
    out.print(f"[bold]{len(found):,} rejects[/]{more}{': ' + why if why else ''}")


def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show one reject: its bytes as text and hex, what came with it, and what the decoder says, then and now."""
    from barograph.archive import Archive
    from barograph.rejects.shelf import reject
    from barograph.settings import load_settings

    settings = load_settings()
    found = reject(Archive.of(settings), id_)
    raw = bytes(found.row["raw"] or b"")
    now = _says_now(settings, found)
    if as_json:
        notes = [{name: note[name] for name in ("batch", "reason", "detail")} for note in found.notes]
        facts = {**found.facts, "raw": raw.hex(), "replays": notes, "now": now}
        typer.echo(json.dumps(facts, indent=2, default=str, ensure_ascii=False))
        return
    out.print(f"[bold]{escape(found.id)}[/]  {_why(found.row['reason'], found.row['detail'])}")
    for name, fact in found.facts.items():
        if name not in ("id", "reason", "detail") and fact is not None:
            out.print(f"  [dim]{name:>9}[/] {escape(str(fact))}")
    out.print(f"  [dim]    bytes[/] {len(raw):,}")
    for line in _dump(raw[:SHOWN]):
        out.print(f"    {escape(line)}")
    for note in found.notes:
        out.print(f"  [dim]batch {note['batch']}[/] {_why(note['reason'], note['detail'])}")
    out.print(f"  [dim]      now[/] {escape(now)}")


def replay(
    ids: Ids = None,
    reason: Reason = None,
    device: Device = None,
    port: Port = None,
    stage: Stage = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All that is refused, without any condition.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Decode rejects again with the formats as they are now; what can be read goes into the record, once.

    The ledger counts them as replayed, InfluxDB gets the points, and the days to settle again are named.
    Exit code 1 if something is still refused.
    """
    from barograph.logs import configure
    from barograph.rejects.replay import replay as bring_in
    from barograph.settings import load_settings

    chosen = _choice(ids or [], reason, device, port, stage, since, until)
    if not everything and not any((ids, reason, device, port, stage, since, until)):
        raise typer.BadParameter("say which: an ID, an option such as --port, or --everything")
    configure()
    now = datetime.now(UTC)
    done = bring_in(load_settings(), chosen, f"{now:%Y%m%dT%H%M%S.%fZ}", now)
    if as_json:
        facts = [
            {"batch": each.batch, **each.counts, "still": each.still, "settle": [[s, str(d)] for s, d in each.days]}
            for each in done
        ]
        typer.echo(json.dumps(facts, indent=2))
    elif not done:
        out.print("Nothing to replay.")
    else:
        for each in done:
            _tell(each)
    raise typer.Exit(1 if any(each.still or each.left for each in done) else 0)


def _tell(done: Any) -> None:
    said = "[bold]{replayed:,} rejects replayed[/]: {stored:,} readings stored, {duplicate:,} duplicate"
    out.print(f"Batch {done.batch}: {said.format(**done.counts)}")
    for reason, count in sorted(done.still.items()):
        out.print(f"  [red]{count:,} still refused[/]: {_why(reason, None)}")
    if done.left:
        out.print(f"  {done.left:,} more wait: the same command again takes them")
    for site, day in done.days:
        out.print(f"  {site} {day} is settled again tonight; at once: barograph settle --site {site} --day {day}")


def _why(reason: str, detail: str | None) -> str:
    from barograph.readings import REASONS

    colour = "green" if reason == "replayed" else "red"
    said = f"[{colour}]{escape(reason)}[/] [dim]({REASONS.get(reason, 'unknown')})[/]"
    return f"{said} {escape(detail)}" if detail else said


def _says_now(settings: Any, found: Reject) -> str:
    """What the port's format makes of it now; nothing is written."""
    from barograph.errors import FrameError
    from barograph.readings import decoded
    from barograph.rejects.decoding import listeners, messages

    try:
        told = messages(found.row, listeners(settings.sites_folder, [found.row["port"] or ""]))
    except FrameError as error:
        return f"still refused: {error}"
    if found.row["stage"] != "collect":
        return "a replay would parse the message again"
    frames = [frame for message in told for frame in decoded(message.value)]
    return "can be read: " + "; ".join(f"{frame.device} {json.dumps(frame.values)}" for frame in frames)


def _dump(raw: bytes) -> list[str]:
    """Sixteen bytes a line, as hex and as text."""
    return [
        f"{at:06x}  {raw[at : at + 16].hex(' '):<47}  "
        + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in raw[at : at + 16])
        for at in range(0, len(raw), 16)
    ]


def _choice(ids: list[str], reason: Any, device: Any, port: Any, stage: Any, since: Any, until: Any) -> Choice:
    from barograph.rejects.shelf import Choice

    return Choice(tuple(ids), reason, device, port, stage, _time(since), _time(until))


def _time(text: str | None) -> datetime | None:
    from barograph.windows import utc

    try:
        return utc(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not a time such as 2026-11-22 or 2026-11-22T08:00Z") from error
