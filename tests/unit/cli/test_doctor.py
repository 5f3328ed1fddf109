"""`barograph doctor` knows the settings, which the checks before set-up do not."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from barograph import doctor
from barograph.cli import make_app
from barograph.reports import canvas


@pytest.mark.parametrize(
    ("language", "font", "said", "code"),
    [
        ("en", None, "", 0),
        ("zh", "Noto Sans CJK SC", "✓ Chinese letters: Noto Sans CJK SC", 0),
        ("zh", None, "✗ Chinese letters: no font has them. Reports stay English", 1),
    ],
)
def test_chinese_reports_need_a_font(tmp_path, monkeypatch, language, font, said, code):
    monkeypatch.setenv("BAROGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("BAROGRAPH_REPORTS__LANGUAGE", language)
    monkeypatch.setattr(doctor, "run_checks", list)
    monkeypatch.setattr(canvas, "chinese_font", lambda: font)

    result = CliRunner().invoke(make_app(), ["doctor"])

    assert said in result.output
    assert ("Chinese" in result.output) == (language == "zh")
    assert code == result.exit_code
