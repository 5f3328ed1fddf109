"""`barograph doctor`: whether this machine has what Barograph needs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from barograph.errors import SettingsError

if TYPE_CHECKING:
    from barograph.doctor import Check


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Check versions, tools, disk, memory, folders, ports and fonts. Changes nothing; exit code 0 if all will do."""
    from barograph.doctor import run_checks

    checks = [*run_checks(), *_letters()]
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        print("\n".join(check.line() for check in checks))
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


def _letters() -> list[Check]:
    """Reports in Chinese need its letters; where nobody asks for any, nothing is said."""
    from barograph.doctor import Check
    from barograph.settings import load_settings

    try:
        if load_settings().reports.language != "zh":
            return []
    except SettingsError:
        return []  # `barograph check` says what is wrong with them
    from barograph.reports.canvas import chinese_font

    font = chinese_font()
    advice = "Reports stay English until there is one: apt install fonts-noto-cjk."
    return [Check("Chinese letters", font is not None, font or "no font has them", advice)]
