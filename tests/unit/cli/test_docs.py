"""docs/cli.md is what the commands say of themselves."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_list_of_commands_is_of_today(tmp_path):
    """`make docs` writes it; a page that lags behind sends people to options that are gone."""
    written = tmp_path / "cli.md"
    command = (
        "-m",
        "typer",
        "barograph.cli.__main__",
        "utils",
        "docs",
        "--name",
        "barograph",
        "--output",
        str(written),
    )
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=60)

    assert written.read_text() == DOCS.read_text(), "run `make docs`"
