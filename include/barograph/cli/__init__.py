"""The command line: a command parses, calls one function, prints. One file per noun; the exit code is the answer."""

from __future__ import annotations

import importlib
import sys

import typer
from rich.console import Console

from barograph.errors import BarographError

NOUNS = (
    "status", "doctor", "demo", "sim", "collect", "devices", "drain", "refine", "distribute", "settle", "report",
    "alarms", "archive", "rejects", "sql", "export", "backup", "influx", "config", "sniff", "decode", "notify", "stack",
)  # fmt: skip
"""In the order of the help. Each module's `register` adds its commands; heavy imports wait inside the functions."""

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def make_app() -> typer.Typer:
    app = typer.Typer(
        help="Barograph turns serial sensors into trusted history.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for noun in NOUNS:
        importlib.import_module(f"barograph.cli.{noun}").register(app)
    return app


def main() -> None:
    """Run a command; an error on purpose is one clear message, never a traceback."""
    try:
        make_app()()
    except BarographError as error:
        errors.print(f"[bold red]{type(error).__name__}[/]: {error}", markup=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
