"""The whole stack as `make run` starts it, on ports and in a data folder of its own; and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from barograph.settings import Settings, load_settings
from barograph.stack import pids
from barograph.stack.airflow_api import Airflow

CHECKOUT = Path(__file__).resolve().parents[2]
PORT_BASE = 26_000
DAYS = 2
"""Of the shop's history: a week would only take longer."""
BAROGRAPH = str(Path(sys.executable).with_name("barograph"))


@dataclass(frozen=True)
class Stack:
    settings: Settings
    said: str
    """What the first `barograph stack up` printed."""
    history: int = DAYS
    """Whole days of it."""

    def command(self, *words: str, check: bool = True) -> str:
        """Run the CLI as a user would; its output."""
        return command(self.settings, *words, check=check)

    def airflow(self) -> Airflow:
        return Airflow.of(self.settings)


def command(settings: Settings, *words: str, check: bool = True) -> str:
    environment = {**os.environ, "BAROGRAPH_HOME": str(settings.home), "BAROGRAPH_PORT_BASE": str(settings.port_base)}
    done = subprocess.run([BAROGRAPH, *words], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("barograph") / "home"
    home.mkdir()
    (home / "settings.yaml").write_text(f"port_base: {PORT_BASE}\nreports: {{grace: 0}}\n")
    settings = load_settings(home)
    said = command(settings, "stack", "up", "--days", str(DAYS))
    try:
        yield Stack(settings, said)
    finally:
        stopped = command(settings, "stack", "down")
    assert "nothing of ours is left" in stopped
    assert [] == pids.ours(home)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    assert found, "No Chromium on PATH. `make test` installs it where it may; else: apt-get install chromium"
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=[*quiet, "--disable-sync", "--no-first-run"])
        yield chromium
        chromium.close()
