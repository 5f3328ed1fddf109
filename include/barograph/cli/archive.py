"""`barograph archive ...`: what the archive holds, whether all of it is there, and its upkeep."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]

out = Console(highlight=False)


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The record and the derived tables: look, prove, tidy up.", no_args_is_help=True)
    group.command()(show)
    group.command()(verify)
    group.command()(maintain)
    app.add_typer(group, name="archive")


def show(as_json: AsJson = False) -> None:
    """Show the tables: rows, files, bytes, bytes of a row, days, and the size of their logs."""
    from barograph.archive import Archive
    from barograph.maintenance import files
    from barograph.settings import load_settings

    archive = Archive.of(load_settings())
    found = list(files.tables(archive))
    if as_json:
        facts = [
            {
                "table": one.name, "version": one.version, "rows": one.rows, "files": one.files, "bytes": one.bytes,
                "bytes_per_row": round(one.bytes / one.rows, 2) if one.rows else None, "log_files": one.log_files,
                "parts": [
                    {**part.keys, "rows": part.rows, "files": part.files, "bytes": part.bytes} for part in one.parts
                ],
            }
            for one in found
        ]  # fmt: skip
        typer.echo(json.dumps(facts, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("table", style="bold")
    for title in ("rows", "files", "MB", "B/row", "days", "log"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("from", no_wrap=True)
    table.add_column("to", no_wrap=True)
    for one in found:
        days = sorted({part.keys["day"] for part in one.parts})
        each = f"{one.bytes / one.rows:.1f}" if one.rows else ""
        log = "" if one.log_files is None else f"{one.log_files:,}"
        ends = (days[0], days[-1]) if days else ("", "")
        table.add_row(
            one.name, f"{one.rows:,}", f"{one.files:,}", f"{one.bytes / 1e6:,.1f}", each, f"{len(days):,}", log, *ends
        )
    out.print(table)
    out.print(f"[dim]{escape(archive.root)}; B/row: bytes of a row, log: entries of the table's log[/]")


def verify(
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte of every file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that all files are there, that every batch balances against the ledger, and settled days hold.

    Exit code 1 if anything is wrong. Nothing is changed; it may run beside everything.
    """
    from barograph.maintenance.verify import sound
    from barograph.maintenance.verify import verify as look
    from barograph.settings import load_settings

    settings = load_settings()
    if as_json:
        findings = look(settings, deep)
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2, default=str))
    else:
        with Console(stderr=True).status("verifying") as status:
            findings = look(settings, deep, lambda what: status.update(f"verifying: {escape(what)}"))
        signs = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[yellow]·[/]"}
        table = Table(box=None, pad_edge=False)
        for title in ("", "part", "what", "found"):
            table.add_column(title, overflow="fold")
        for finding in findings:
            told = escape(finding.found) + (f"\n[dim]{escape(finding.try_)}[/]" if finding.try_ else "")
            table.add_row(signs[finding.ok], finding.part, escape(finding.what), told)
        out.print(table)
    raise typer.Exit(0 if sound(findings) else 1)


def maintain(as_json: AsJson = False) -> None:
    """Compact and vacuum the tables, and trim their logs: what the DAG `maintenance` does every night.

    Safe beside `ingest` and `settle`. Exit code 1 if a day still has too many files.
    """
    from barograph.logs import configure
    from barograph.maintenance.upkeep import maintain as keep_up
    from barograph.settings import load_settings

    configure()
    done = keep_up(load_settings(), datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in done], indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        table.add_column("table", style="bold")
        for title in ("files", "MB", "days compacted", "files deleted", "log entries"):
            table.add_column(title, justify="right")
        for one in done:
            table.add_row(
                one.table,
                _change(*one.files),
                _change(*(round(size / 1e6, 1) for size in one.bytes)),
                f"{len(one.compacted):,}",
                f"{one.vacuumed:,}",
                _change(*one.log_files),
            )
        out.print(table)
        for one in done:
            for still in one.over:
                out.print(f"[red]{one.table}: {still} still has too many files[/]")
    raise typer.Exit(1 if any(one.over for one in done) else 0)


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"
