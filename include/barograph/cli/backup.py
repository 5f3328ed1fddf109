"""`barograph backup`: take a backup, list them, and get one back."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from barograph import logs
from barograph.settings import Settings, load_settings
from barograph.windows import iso

if TYPE_CHECKING:
    from barograph.backups import RestoreSummary, Snapshot
    from barograph.backups.restic import Progress as Told

HELP = """Keep encrypted backups of what cannot be made again, and get them back.

In a backup: both databases, the record, sites, settings.yaml, reports. Not in it: InfluxDB (`barograph influx rebuild`
makes it from the record), derived tables (`barograph settle`), what still waits in Kafka, and the **secrets**.
"""
KEEP_IT = (
    "Secrets are not in the backup. Keep a copy of {folder} away from this machine: without restic_password no backup "
    "can be read, without airflow_fernet Airflow's stored connections can't."
)
REBUILD = (
    "Start again with: barograph stack up. Then `barograph influx rebuild`, and backfill `daily` from {day} on: "
    "what Kafka still holds since the backup is drained again by itself."
)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]

out = Console(highlight=False, soft_wrap=True)
app = typer.Typer(help=HELP, no_args_is_help=True)


def register(main: typer.Typer) -> None:
    main.add_typer(app, name="backup")


@app.command()
def now(
    new_repository: Annotated[
        bool, typer.Option("--new-repository", help="Begin anew where a repository with backups is lost for good.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a backup now, check it, and forget what is older than the retention in the settings."""
    from barograph.backups import backup

    settings = _settings()
    with _progress(as_json) as told:
        made = backup(settings, datetime.now(UTC), progress=told, new_repository=new_repository)
    if as_json:
        _print_json({"snapshot": made.snapshot, "bytes_added": made.bytes_added, "contents": made.contents})
        return
    held = made.contents
    record = ", ".join(f"{table} {facts['rows']:,} rows" for table, facts in held["record"].items()) or "no record yet"
    out.print(f"[green]✓[/] backup [bold]{made.snapshot[:8]}[/]: {decimal(held['bytes'])} in {held['files']:,} files")
    out.print(f"  {decimal(made.bytes_added)} added in {escape(str(settings.restic_repository))}")
    out.print(f"  {record}; {held['reports']} report files; databases {', '.join(held['databases'])}")
    out.print(f"[dim]{escape(KEEP_IT.format(folder=settings.secrets_folder))}[/]")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the backups, newest first."""
    from barograph.backups import listing

    backups = listing(_settings())[::-1]
    if as_json:
        _print_json([_row(snapshot) for snapshot in backups])
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("backup", "taken (UTC)", "size", "added", "files"):
        table.add_column(name, justify="left" if name in ("backup", "taken (UTC)") else "right")
    for one in backups:
        taken = f"{one.taken:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.short, taken, decimal(one.bytes), decimal(one.bytes_added), f"{one.files:,}")
    out.print(table if backups else "No backups yet. Make one with: barograph backup now")


@app.command()
def restore(
    snapshot: Annotated[str, typer.Argument(help="`latest`, or the beginning of an id in `backup list`.")] = "latest",
    into: Annotated[Path | None, typer.Option(help="An empty or new folder to restore into and verify.")] = None,
    databases: Annotated[
        bool, typer.Option("--databases", help="With --into: also load the dumps into new databases beside the live.")
    ] = False,
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="With --into: load the dumps into new databases on this server, like postgresql://me@host:5432; "
            "its password may stand in ~/.pgpass.",
        ),
    ] = None,
    yes_replace: Annotated[
        bool,
        typer.Option(
            "--yes-replace",
            help="Replace what is live. All but PostgreSQL must be stopped: stack down, stack up postgres.",
        ),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="With --yes-replace, repeatable: barograph, airflow, record, reports (these four unless said), "
            "sites, settings.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup, and verify it: every file by its hash, every table by its rows.

    **Into a folder** (`--into`), which touches nothing live; or **over the live data** (`--yes-replace`), which keeps
    what was there aside in `replaced-<backup>`. One database is restored without touching the other: `--only airflow`.
    """
    if (into is None) == (not yes_replace):
        raise typer.BadParameter("Say where to: --into FOLDER, or --yes-replace for the live data; not both.")
    if into is None and (databases or postgres):
        raise typer.BadParameter("--databases and --postgres go with --into FOLDER.")
    if only and not yes_replace:
        raise typer.BadParameter("--only goes with --yes-replace; a folder gets the whole backup.")
    settings = _settings()
    if into is None:
        _restore_live(settings, snapshot, only, as_json)
    else:
        _restore_into(settings, snapshot, into.absolute(), databases or postgres is not None, postgres, as_json)


def _restore_into(
    settings: Settings, snapshot: str, into: Path, databases: bool, server: str | None, as_json: bool
) -> None:
    from barograph import backups
    from barograph.backups import proof

    with _progress(as_json) as told:
        done = backups.restore(settings, snapshot, into=into, progress=told)
        proof.note(settings, done)
        names = {name: f"{name}_{done.snapshot[:8]}" for name in done.databases} if databases else {}
        if names:
            told("load the databases", None)
            backups.restore_databases(settings, into, names, server)
    if as_json:
        _print_json(_facts(done, names))
        return
    out.print(f"[green]✓[/] backup [bold]{done.snapshot[:8]}[/] of {iso(done.taken)}, verified")
    out.print(f"  {decimal(done.bytes)} in {done.files:,} files in {escape(str(done.folder))}")
    for table, facts in done.record.items():
        out.print(f"  record/{table}: {facts.rows:,} rows, version {facts.version}")
    for name, rows in done.databases.items():
        place = f"loaded as {names[name]}" if name in names else f"databases/{name}.dump"
        out.print(f"  database {name}: {sum(rows.values()):,} rows in {len(rows)} tables, {place}")


def _restore_live(settings: Settings, snapshot: str, only: list[str] | None, as_json: bool) -> None:
    from barograph.backups.live import WRITTEN, restore_live

    with _progress(as_json) as told:
        done = restore_live(settings, snapshot, True, parts=only or WRITTEN, progress=told)
    if as_json:
        kept = [str(path) for path in done.replaced]
        _print_json({"snapshot": done.snapshot, "taken": iso(done.taken), "parts": done.parts, "replaced": kept})
        return
    out.print(f"[green]✓[/] backup [bold]{done.snapshot[:8]}[/] of {iso(done.taken)} is live: {', '.join(done.parts)}")
    for path in done.replaced:
        out.print(f"  before: {escape(str(path))}")
    if "record" in done.parts:
        out.print(REBUILD.format(day=f"{done.taken:%Y-%m-%d}"))


@contextmanager
def _progress(as_json: bool) -> Iterator[Told]:
    """The step at work, and how far it is; on a terminal only."""
    console = Console(stderr=True, quiet=as_json)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("prepare", total=None)

        def told(step: str, done: float | None) -> None:
            bar.update(task, description=step, total=None if done is None else 1, completed=done or 0)

        yield told


def _settings() -> Settings:
    logs.configure(level=logging.WARNING)
    return load_settings()


def _row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "snapshot": snapshot.snapshot,
        "taken": iso(snapshot.taken),
        "files": snapshot.files,
        "bytes": snapshot.bytes,
        "bytes_added": snapshot.bytes_added,
    }


def _facts(done: RestoreSummary, names: dict[str, str]) -> dict[str, Any]:
    return {
        "snapshot": done.snapshot,
        "taken": iso(done.taken),
        "folder": str(done.folder),
        "files": done.files,
        "bytes": done.bytes,
        "databases": {name: sum(rows.values()) for name, rows in done.databases.items()},
        "loaded": names,
        "record": {table: facts.model_dump() for table, facts in done.record.items()},
    }


def _print_json(facts: object) -> None:
    typer.echo(json.dumps(facts, ensure_ascii=False))
