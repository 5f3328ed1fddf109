"""`barograph stack`: what cannot be taken back is asked for."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from barograph.cli import make_app


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    (tmp_path / "record").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said", "left"), [([], "n\n", True), ([], "", True), ([], "y\n", False), (["--yes"], "", False)]
)
def test_clean_asks_before_it_deletes(home, words, said, left):
    """Anything but a yes keeps the data, and the question says which folder it is about."""
    done = CliRunner().invoke(make_app(), ["stack", "clean", *words], input=said)

    assert left == (home / "record").exists()
    assert (0 if not left else 1) == done.exit_code
    assert str(home) in done.output.replace("\n", "")
