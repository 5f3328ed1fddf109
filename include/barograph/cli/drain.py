"""`barograph drain`: one run of ingest from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def register(app: typer.Typer) -> None:
    app.command()(drain)


def drain(
    max_messages: Annotated[int | None, typer.Option(help="Read at most this many Kafka messages.")] = None,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Go on until Kafka holds nothing new.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the batches as JSON.")] = False,
) -> None:
    """Read what is new in Kafka into the record, refine and load it, and judge the alarms.

    The same run as the DAG `ingest`, under the same lock and ledger: safe beside it.
    """
    from barograph.ingest.run import ingest
    from barograph.logs import configure
    from barograph.settings import load_settings

    configure()
    settings = load_settings()
    done = []
    while True:
        now = datetime.now(UTC)
        summaries = ingest(settings, "cli", f"drain {now.isoformat()}", now, max_messages)
        done += summaries
        if not until_empty or not summaries[-1].counts.get("messages"):
            break

    if as_json:
        typer.echo(json.dumps([{"batch": one.batch, "seconds": one.seconds, **one.counts} for one in done]))
        return
    table = Table("batch", "messages", "read", "stored", "duplicate", "rejected", "seconds")
    for one in done:
        numbers = [one.counts.get(name, 0) for name in ("messages", "read", "stored", "duplicate", "rejected")]
        table.add_row(str(one.batch), *(f"{number:,}" for number in numbers), f"{one.seconds:.1f}")
    Console().print(table)
