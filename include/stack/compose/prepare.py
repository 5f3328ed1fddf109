"""The one-shot before everything else: the local stack's preparations, then InfluxDB's tokens to where others look."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from barograph.influx import admin
from barograph.settings import Settings, load_settings
from barograph.stack import prepare


def main() -> int:
    failed = prepare.main()
    if not failed:
        hand_over(load_settings(), Path(os.environ["STACK_TOKENS"]))
    return failed


def hand_over(settings: Settings, tokens: Path) -> None:
    """A token that is still a link into the volume is the old one; a file is new."""
    for name in admin.tokens(settings):
        made = settings.secrets_folder / name
        if made.is_symlink():
            continue
        beside = tokens / f".{name}"
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(made.read_text(encoding="utf-8"), encoding="utf-8")
        beside.replace(tokens / name)


if __name__ == "__main__":
    sys.exit(main())
