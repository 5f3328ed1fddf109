from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.airflow.shops import Pressed, a_health, seen
from tests.unit.airflow.visitors import visit

from barograph.backups.proof import Proven
from barograph.settings import load_settings
from barograph.stack.health import Answer
from barograph_airflow.ui.app import create_app
from barograph_airflow.ui.health import Health
from barograph_airflow.ui.live import Watch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def parts(tmp_path, airflow_lets_in: pytest.MonkeyPatch):

    def shown(health: Health) -> str:
        watch = Watch(lambda at: seen(at), lambda: NOON)
        app = create_app(load_settings(tmp_path), lambda: NOON, watch, Pressed(), lambda at: health)
        return visit(app, "viewer").get("/health/parts").text

    return shown


def test_each_part_says_how_it_is(parts):
    page = parts(
        a_health(
            NOON,
            Answer("port", "kafka", True, "28092"),
            Answer("port", "influxdb", False, "28086: nobody <b>listens</b>"),
            Answer("collector", "collector", None, "unknown: not written yet"),
            Answer("alarm", "fridge temperature", True, "has a page of its own"),
        )
    )

    assert "1 not well" in page
    assert "of 3 that were asked" in page
    assert "nobody &lt;b&gt;listens&lt;/b&gt;" in page
    assert "fridge temperature" not in page
    assert [1, 1, 1] == [page.count(f'title="{word}"') for word in ("well", "not well", "unknown")]


def test_disk_spool_lag_and_backup_are_on_top(parts):
    page = parts(a_health(NOON))

    for word in ("40 %", "60 GB free", "of 512 MB", "5 h ago", "never", ">7<"):
        assert word in page


def test_an_old_backup_and_a_full_disk_stand_out(parts):
    proven = Proven("abc", NOON - timedelta(days=2), NOON - timedelta(days=40))
    old = a_health(NOON, disk=(95, 100), backup=NOON - timedelta(days=3), proven=proven, lag=None, spool=None)

    page = parts(old)

    assert '<dd class="wrong">95 %' in page
    assert '<dd class="doubt">3 d ago' in page
    assert '<dd class="doubt">40 d ago' in page
    assert "Kafka does not say" in page
