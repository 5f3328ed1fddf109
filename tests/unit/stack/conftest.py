"""No test of the stack may touch the servers and the data of whoever runs it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over what a test says: with BAROGRAPH_HOME set, `clean` would delete a shop's real data."""
    for name in [name for name in os.environ if name.startswith("BAROGRAPH_")]:
        monkeypatch.delenv(name)
