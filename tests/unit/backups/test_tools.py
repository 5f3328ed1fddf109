"""Programs are found where set-up wrote them down, then on PATH."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from barograph.errors import SettingsError
from barograph.tools import tool


def program(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o700)
    return str(path)


def test_a_program_is_where_set_up_found_it(tmp_path: Path) -> None:
    own = program(tmp_path / "own" / "sh")
    (tmp_path / "tools.json").write_text(json.dumps({"sh": own, "browser": None}))

    assert Path(own) == tool("sh", tmp_path)


def test_one_of_a_folder_of_programs(tmp_path: Path) -> None:
    dump = program(tmp_path / "bin" / "pg_dump")
    (tmp_path / "tools.json").write_text(json.dumps({"postgres_bin": str(tmp_path / "bin")}))

    assert Path(dump) == tool("pg_dump", tmp_path)


@pytest.mark.parametrize("written", [None, "{", "[]", '{"sh": "/nowhere/sh"}'])
def test_otherwise_it_is_on_the_path(tmp_path: Path, written: str | None) -> None:
    if written:
        (tmp_path / "tools.json").write_text(written)

    assert "sh" == tool("sh", tmp_path).name


def test_a_missing_one_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no-such-tool .*make setup"):
        tool("no-such-tool", tmp_path)
