"""docs/cli.md is what the commands say of themselves, docs/settings.md what the settings do."""

import subprocess
import sys
from pathlib import Path

from barograph.cli import settings_page

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
SETTINGS = DOCS.with_name("settings.md")


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


def test_the_page_of_settings_is_of_today():
    """`make docs` writes it; a setting that stands nowhere is found by nobody."""
    assert settings_page.page() == SETTINGS.read_text(encoding="utf-8"), "run `make docs`"


def test_every_setting_says_what_it_changes():
    """A name and a default are half of it."""
    silent = [line for line in settings_page.page().splitlines() if line.startswith("| `") and line.endswith("|  |")]

    assert [] == silent


def test_words_that_are_allowed_are_listed():
    assert "One of `refuse_newest`, `drop_oldest`, `thin_out`." in settings_page.page()
