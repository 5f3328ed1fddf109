"""`barograph sql`: questions in Spark SQL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

WIDE = 60

out = Console(highlight=False)
notes = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    app.command()(sql)


def sql(
    question: Annotated[
        str, typer.Argument(help="One query, such as: SELECT device, count(*) FROM readings GROUP BY 1")
    ],
    format_: Annotated[str | None, typer.Option("--format", help="csv, json, parquet, arrow; else a table.")] = None,
    output: Annotated[Path | None, typer.Option(help="A file; its suffix tells the format.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows of a table on the screen.")] = 50,
) -> None:
    """Ask the archive in Spark SQL, on the history server. Nothing can be changed.

    Views: readings and rejects (the record, duplicates too), refined, windows, rollups, days (what was settled),
    batches (the ledger). Their columns: `SELECT * FROM readings LIMIT 1`.
    """
    from barograph.settings import load_settings
    from barograph.sql import sql as asked
    from barograph.writing import WRITERS, format_of, whole_file

    chosen = format_of(output, format_) if output or format_ else None
    with asked(load_settings(), question) as answer:
        rows = answer.toArrow() if chosen else answer.limit(limit + 1).toArrow()
    if output and chosen:
        with whole_file(output, chosen, rows.schema) as write:
            write(rows)
        notes.print(f"{rows.num_rows:,} rows in {escape(str(output))}")
    elif chosen:
        with WRITERS[chosen](sys.stdout.buffer, rows.schema) as write:
            write(rows)
    else:
        out.print(_table(rows.slice(0, limit)))
        more = rows.num_rows > limit
        said = (
            f"The first {limit:,} rows; --limit shows more, --output writes all" if more else f"{rows.num_rows:,} rows"
        )
        notes.print(f"[dim]{said}.[/]")


def _table(rows: pa.Table) -> Table:
    import pyarrow as pa

    table = Table(box=None, pad_edge=False)
    for field in rows.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        table.add_column(escape(field.name), justify="right" if number else "left", overflow="fold")
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        table.add_row(*(_cell(fact) for fact in row))
    return table


def _cell(fact: Any) -> str:
    if fact is None:
        return "[dim]null[/]"
    if isinstance(fact, float):
        return f"{fact:.10g}"
    text = fact.hex() if isinstance(fact, bytes) else str(fact).replace("+00:00", "Z")
    return escape(text if len(text) <= WIDE else f"{text[: WIDE - 1]}…")
