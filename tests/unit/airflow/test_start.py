from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.airflow.shops import Pressed, a_health, a_place, seen
from tests.unit.airflow.visitors import visit

from barograph.settings import load_settings
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.live import Watch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_four_steps_are_ticked_off_as_they_are_done(tmp_path: Path, airflow_lets_in: pytest.MonkeyPatch):
    (tmp_path / "sites" / "own").mkdir(parents=True)
    (tmp_path / "sites" / "own" / "site.yaml").write_text("site: own\nname: Own\n")
    watch = Watch(lambda at: seen(at, a_place(NOON, "<b>sensor</b>")), lambda: NOON)
    client = visit(create_app(load_settings(tmp_path), lambda: NOON, watch, Pressed(), a_health), "viewer")

    page, left = client.get("/start").text, client.get("/start/left").text
    for name in ("rules.yaml", "contacts.yaml"):
        (tmp_path / "sites" / "own" / name).write_text("")

    assert 2 == page.count('class="done"')
    assert "&lt;b&gt;sensor&lt;/b&gt;" in page
    assert "2 of 4 first steps" in left
    assert "" == client.get("/start/left").text.strip()
